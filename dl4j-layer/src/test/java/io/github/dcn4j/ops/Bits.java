package io.github.dcn4j.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Results of type FLOAT, compared bit for bit. */
final class Bits {
  private Bits() {}

  static int[] of(INDArray array) {
    float[] values = array.dup('c').data().asFloat();
    int[] bits = new int[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(values[i]);
    }
    return bits;
  }

  static void assertSame(List<int[]> expected, List<int[]> actual, String what) {
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i), actual.get(i), what + ", result " + i);
    }
  }
}
