package io.github.dcn4j.ops;

import java.io.Serializable;
import java.util.Map;

/** The settings of a native op, and how they are handed to it. */
public interface OpConfig extends Serializable {
  /** The op's integer arguments, in their order. */
  long[] toIArgs();

  /** The op's float arguments, in their order; none by default. */
  default double[] toTArgs() {
    return new double[0];
  }

  /** The fields by their names, as {@code DifferentialFunction.propertiesForFunction} asks. */
  Map<String, Object> toProperties();
}
