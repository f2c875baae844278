package io.github.dcn4j.ops;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import lombok.Value;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Lets the calling thread run ND4J's own ops alone, or with others again as it did before. ND4J
 * spreads some ops over threads whatever their size, and waking a thread takes as long as an
 * addition of some ten thousand numbers. This library's ops, and other callers' threads, go on as
 * they do. On CUDA it does nothing.
 *
 * <p>Output: [1], how many threads ND4J's ops of the calling thread have from now on; 0 on CUDA.
 */
public final class OneThread extends NativeOp<OneThread.Setting> {
  private static final String OP_NAME = "dcn4j_one_thread";

  /** For ND4J, which makes ops by reflection and then sets their arguments. */
  public OneThread() {}

  /**
   * The op, to be run by the thread that it is for.
   *
   * @param alone whether it is to work alone from now on
   */
  public OneThread(boolean alone) {
    super(OP_NAME, new Setting(alone), Nd4j.scalar(0)); // no op runs without arrays
  }

  /** Whether the thread works alone. */
  @Value
  static class Setting implements OpConfig {
    boolean alone;

    @Override
    public long[] toIArgs() {
      return new long[] {alone ? 1 : 0};
    }

    @Override
    public Map<String, Object> toProperties() {
      return Collections.singletonMap("alone", alone);
    }
  }

  @Override
  public String opName() {
    return OP_NAME;
  }

  @Override
  Setting configOf(long[] integers, double[] floats) {
    return new Setting(integers[0] != 0);
  }

  @Override
  public List<DataType> calculateOutputDataTypes(List<DataType> inputTypes) {
    return Collections.singletonList(DataType.FLOAT);
  }
}
