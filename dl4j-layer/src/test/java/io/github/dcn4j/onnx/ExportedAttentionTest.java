package io.github.dcn4j.onnx;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dcn4j.Goldens;
import io.github.dcn4j.ops.MultiScaleDeformableAttention;
import java.io.InputStream;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import onnx.Onnx;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A module as Deformable DETR's, of two levels, exported by both of PyTorch's exporters with open
 * numbers of images and queries: one op, and what ONNX Runtime makes of it.
 */
class ExportedAttentionTest {
  private static byte[] model(String name) throws Exception {
    try (InputStream stream =
        ExportedAttentionTest.class.getResourceAsStream("/goldens/onnx_exports/" + name)) {
      return stream.readAllBytes();
    }
  }

  private static Map<String, INDArray> inputs(long images, long queries) {
    Nd4j.getRandom().setSeed(3);
    return Map.of(
        "x0", Nd4j.randn(DataType.FLOAT, images, queries, 32),
        "x1", Nd4j.rand(DataType.FLOAT, images, queries, 2, 2),
        "x2", Nd4j.randn(DataType.FLOAT, images, 320, 32));
  }

  private static long fused(SameDiff sd) {
    return Arrays.stream(sd.ops())
        .filter(op -> op.opName().equals(MultiScaleDeformableAttention.OP_NAME))
        .count();
  }

  private static void check(SameDiff sd, byte[] bytes, String output, long images, long queries)
      throws Exception {
    Map<String, INDArray> inputs = inputs(images, queries);
    INDArray expected = OnnxRuntime.run(bytes, inputs);
    Goldens.assertClose(expected, sd.output(inputs, output).get(output), 1e-5, output);
  }

  @ParameterizedTest
  @ValueSource(strings = {"attention_torchscript.onnx", "attention_dynamo.onnx"})
  void isOneOpForAnyNumberOfImagesAndQueries(String name) throws Exception {
    byte[] bytes = model(name);
    OnnxModel model = OnnxModel.parse(bytes);
    String output = model.outputs().get(0);
    for (SameDiff sd : List.of(model.toSameDiff(), model.toTrainableSameDiff())) {
      assertEquals(1, fused(sd), name);
      for (long[] sizes : new long[][] {{3, 20}, {3, 20}, {1, 7}, {2, 1}}) {
        check(sd, bytes, output, sizes[0], sizes[1]);
      }
    }
  }

  /** One level read before the other, which are of one size: only the numbers of pixels match. */
  @Test
  void isNotFusedWhereLevelsAreExchanged() throws Exception {
    Onnx.ModelProto.Builder model =
        Onnx.ModelProto.parseFrom(model("attention_dynamo.onnx")).toBuilder();
    for (Onnx.NodeProto.Builder node : model.getGraphBuilder().getNodeBuilderList()) {
      if (node.getOpType().equals("Concat") && node.getInputCount() == 2) {
        String first = node.getInput(0);
        node.setInput(0, node.getInput(1)).setInput(1, first);
      }
    }
    byte[] bytes = model.build().toByteArray();
    OnnxModel changed = OnnxModel.parse(bytes);
    SameDiff sd = changed.toSameDiff();
    assertEquals(0, fused(sd));
    check(sd, bytes, changed.outputs().get(0), 2, 5);
  }
}
