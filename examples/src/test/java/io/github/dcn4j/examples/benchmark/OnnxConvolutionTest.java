package io.github.dcn4j.examples.benchmark;

import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnxruntime.OrtException;
import io.github.dcn4j.ops.DeformableConv2DConfig;
import io.github.dcn4j.ops.NDDeformable;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What the peers compute is what we compute: else the times would mean nothing. */
class OnnxConvolutionTest {
  private final INDArray input = Nd4j.randn(DataType.FLOAT, 2, 4, 6, 6);
  private final INDArray weights = Nd4j.randn(DataType.FLOAT, 5, 4, 3, 3);
  private final INDArray bias = Nd4j.randn(DataType.FLOAT, 5);
  private final NDDeformable ours = new NDDeformable();

  private static void assertGives(INDArray expected, OnnxConvolution convolution)
      throws OrtException {
    try (convolution) {
      convolution.open(expected.like(), 1).run();
      assertTrue(expected.equalsWithEps(convolution.output(), 1e-4));
    }
  }

  @Test
  void deformConvIsOurs() throws OrtException {
    INDArray offset = Nd4j.randn(DataType.FLOAT, 2, 36, 6, 6);
    INDArray mask = Nd4j.rand(DataType.FLOAT, 2, 18, 6, 6);
    DeformableConv2DConfig config =
        DeformableConv2DConfig.builder().kH(3).kW(3).pH(1).pW(1).deformableGroups(2).build();
    assertGives(
        ours.deformableConv2d(input, weights, offset, mask, bias, config),
        new OnnxConvolution("DeformConv")
            .offsetGroups(2)
            .input("x", input)
            .constant("w", weights)
            .input("offset", offset)
            .constant("b", bias)
            .input("mask", mask));
  }

  @Test
  void convIsOursWithoutOffsets() throws OrtException {
    DeformableConv2DConfig config =
        DeformableConv2DConfig.builder().kH(3).kW(3).pH(1).pW(1).build();
    INDArray offset = Nd4j.zeros(DataType.FLOAT, 2, 18, 6, 6);
    assertGives(
        ours.deformableConv2d(input, weights, offset, null, bias, config),
        new OnnxConvolution("Conv").input("x", input).constant("w", weights).constant("b", bias));
  }
}
