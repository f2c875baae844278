package io.github.dcn4j.ops;

import java.util.Collections;
import java.util.Map;
import lombok.Value;

/** The settings of an op whose arrays say everything. */
@Value
public class NoArguments implements OpConfig {
  @Override
  public long[] toIArgs() {
    return new long[0];
  }

  @Override
  public Map<String, Object> toProperties() {
    return Collections.emptyMap();
  }
}
