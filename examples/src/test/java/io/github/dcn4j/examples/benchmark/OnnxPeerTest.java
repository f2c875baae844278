package io.github.dcn4j.examples.benchmark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnxruntime.OrtException;
import io.github.dcn4j.ops.DeformableConv2DConfig;
import io.github.dcn4j.ops.NDDeformable;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** What the peers compute is what we compute: else the times would mean nothing. */
class OnnxPeerTest {
  private static final ConvolutionShape SHAPE =
      new ConvolutionShape(2, 4, 7, 6, 2).withGroups(2).withStride(2);

  private final ConvolutionArrays arrays = new ConvolutionArrays(SHAPE, DataType.FLOAT);
  private final NDDeformable ours = new NDDeformable();

  private static void assertGives(INDArray expected, OnnxPeer peer) throws OrtException {
    try (peer) {
      peer.open(expected.like(), 1).run();
      assertTrue(expected.equalsWithEps(peer.output(), 1e-4));
    }
  }

  private INDArray ours(INDArray offset, INDArray mask) {
    DeformableConv2DConfig config =
        DeformableConv2DConfig.builder()
            .kH(3)
            .kW(3)
            .sH(2)
            .sW(2)
            .pH(1)
            .pW(1)
            .deformableGroups(2)
            .groups(2)
            .build();
    return ours.deformableConv2d(
        arrays.getInput(), arrays.getWeights(), offset, mask, arrays.getBias(), config);
  }

  @Test
  void deformConvIsOurs() throws OrtException {
    assertGives(ours(arrays.getOffset(), arrays.getMask()), OnnxConvolution.deformable(arrays));
  }

  @Test
  void convIsOursWithoutOffsets() throws OrtException {
    assertGives(ours(arrays.getOffset().like(), null), OnnxConvolution.plain(arrays));
  }

  @Test
  void composedAttentionIsOurs() throws OrtException {
    AttentionArrays attention = new AttentionArrays(new ConvolutionShape(2, 6, 7, 6, 2));
    assertGives(
        ours.multiScaleDeformableAttention(
            attention.getValue(),
            attention.getSpatialShapes(),
            attention.getLocations(),
            attention.getWeights()),
        OnnxAttention.of(attention));
  }

  @Test
  void attentionIsThatOfDeformableDetrsEncoder() {
    AttentionArrays attention = new AttentionArrays(new ConvolutionShape(1, 16, 64, 16, 2));
    assertArrayEquals(new long[] {64, 32, 16, 8}, attention.getSides());
    assertArrayEquals(new long[] {1, 5440, 2, 8}, attention.getValue().shape());
    assertArrayEquals(new long[] {1, 5440, 2, 4, 4, 2}, attention.getLocations().shape());
  }
}
