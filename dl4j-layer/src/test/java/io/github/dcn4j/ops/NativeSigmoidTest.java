package io.github.dcn4j.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.INDArrayIndex;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.ops.transforms.Transforms;

/** The sigmoid of some of an array's channels and its gradient, with ND4J's own as the oracle. */
@Tag("every-kernel")
class NativeSigmoidTest {
  private static INDArray lastChannels(INDArray all, boolean nhwc) {
    INDArrayIndex[] indices = {
      NDArrayIndex.all(), NDArrayIndex.all(), NDArrayIndex.all(), NDArrayIndex.all()
    };
    indices[nhwc ? 3 : 1] = NDArrayIndex.interval(4, 7);
    return all.get(indices);
  }

  private static double largestDifference(INDArray a, INDArray b) {
    return Transforms.abs(a.castTo(DataType.DOUBLE).sub(b.castTo(DataType.DOUBLE)))
        .maxNumber()
        .doubleValue();
  }

  @ParameterizedTest
  @CsvSource({
    "FLOAT, false, 1e-6", "FLOAT, true, 1e-6", "DOUBLE, false, 1e-15", "DOUBLE, true, 1e-15",
    "HALF, false, 2e-3", "HALF, true, 2e-3", "BFLOAT16, false, 2e-2", "BFLOAT16, true, 2e-2"
  })
  void agreesWithNd4jsOnViewsOfChannels(DataType type, boolean nhwc, double tolerance) {
    long[] shape = nhwc ? new long[] {2, 33, 9, 7} : new long[] {2, 7, 33, 9};
    INDArray all = Nd4j.randn(DataType.DOUBLE, shape).muli(3).castTo(type);
    INDArray logits = lastChannels(all, nhwc);
    INDArray before = all.dup();
    INDArray mask = Nd4j.create(type, logits.shape());
    new NativeSigmoid(logits).run(mask);
    INDArray expected = Transforms.sigmoid(logits.castTo(DataType.DOUBLE), true);
    assertTrue(largestDifference(mask, expected) <= tolerance);

    INDArray gradMask = Nd4j.randn(DataType.DOUBLE, logits.shape()).castTo(type);
    new NativeSigmoidDerivative(mask, gradMask).run(logits);
    INDArray s = mask.castTo(DataType.DOUBLE);
    INDArray slope = s.mul(s.rsub(1)).mul(gradMask.castTo(DataType.DOUBLE));
    assertTrue(largestDifference(logits, slope) <= tolerance);
    lastChannels(before, nhwc).assign(logits);
    assertEquals(before, all, "the other channels are as they were");
  }

  @Test
  void ofExtremesIsZeroOrOneAndOfNanNan() {
    float infinity = Float.POSITIVE_INFINITY;
    INDArray x = Nd4j.createFromArray(-infinity, -1e30f, -110, 110, 1e30f, infinity, Float.NaN);
    INDArray[] sigmoid = new NativeSigmoid(x.reshape(1, 1, 1, 7)).run();
    assertArrayEquals(
        new float[] {0, 0, 0, 1, 1, 1, Float.NaN}, sigmoid[0].ravel().toFloatVector());
  }

  @Test
  void saysWhichArgumentDoesNotFit() {
    INDArray four = Nd4j.create(DataType.FLOAT, 1, 2, 3, 4);
    Throwable rank =
        assertThrows(
            IllegalArgumentException.class,
            () -> new NativeSigmoid(Nd4j.create(DataType.FLOAT, 2, 3)).run());
    assertTrue(rank.getMessage().startsWith("dcn4j_sigmoid: input: expected"), rank.getMessage());
    Throwable shape =
        assertThrows(
            IllegalArgumentException.class,
            () -> new NativeSigmoidDerivative(four, Nd4j.create(DataType.FLOAT, 1, 2, 3, 5)).run());
    assertTrue(
        shape.getMessage().contains("gradOutput: expected [1, 2, 3, 4]"), shape.getMessage());
    Throwable type =
        assertThrows(
            IllegalArgumentException.class,
            () -> new NativeSigmoidDerivative(four, four.castTo(DataType.DOUBLE)).run());
    assertTrue(type.getMessage().contains("gradOutput: expected"), type.getMessage());
    Throwable integers =
        assertThrows(
            IllegalArgumentException.class,
            () -> new NativeSigmoid(four.castTo(DataType.INT32)).run());
    assertTrue(integers.getMessage().contains("input: expected"), integers.getMessage());
  }
}
