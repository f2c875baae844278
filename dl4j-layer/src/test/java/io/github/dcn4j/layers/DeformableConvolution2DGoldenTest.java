package io.github.dcn4j.layers;

import static io.github.dcn4j.layers.Networks.assertClose;

import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.nd4j.shade.jackson.databind.ObjectMapper;

/** The layer against torchvision's op under a convolution that predicts offsets and mask. */
class DeformableConvolution2DGoldenTest {
  private static final String GOLDENS = "/goldens/dcn_layer/";

  @TestFactory
  List<DynamicTest> equalsTheReferenceLayer() throws Exception {
    List<DynamicTest> tests = new ArrayList<>();
    try (InputStream index = getClass().getResourceAsStream(GOLDENS + "index.json")) {
      for (JsonNode c : new ObjectMapper().readTree(index)) {
        for (DataType type : new DataType[] {DataType.DOUBLE, DataType.FLOAT}) {
          for (CNN2DFormat format : CNN2DFormat.values()) {
            String name = c.get("name").asText() + " " + type + " " + format;
            tests.add(DynamicTest.dynamicTest(name, () -> check(c, type, format)));
          }
        }
      }
    }
    return tests;
  }

  private static int[] pair(JsonNode node) {
    return new int[] {node.get(0).asInt(), node.get(1).asInt()};
  }

  private static void check(JsonNode c, DataType type, CNN2DFormat format) throws Exception {
    Path file =
        Path.of(
            DeformableConvolution2DGoldenTest.class
                .getResource(GOLDENS + c.get("name").asText() + ".npz")
                .toURI());
    Map<String, INDArray> a = Nd4j.createFromNpzFile(file.toFile());
    INDArray x = a.get("input");
    INDArray w = a.get("weight");
    MultiLayerNetwork net =
        Networks.alone(
            type,
            new DeformableConvolution2D.Builder(pair(c.get("kernel")))
                .nIn(x.size(1))
                .nOut(w.size(0))
                .stride(pair(c.get("stride")))
                .padding(pair(c.get("padding")))
                .dilation(pair(c.get("dilation")))
                .deformableGroups(c.get("offset_groups").asInt())
                .modulated(c.get("modulated").asBoolean())
                .convolutionMode(ConvolutionMode.Truncate)
                .dataFormat(format)
                .activation(Activation.IDENTITY)
                .build());
    net.setParam("0_W", w);
    net.setParam("0_b", a.get("bias"));
    net.setParam("0_offsetW", a.get("offset_weight"));
    net.setParam("0_offsetB", a.get("offset_bias"));

    double tolerance = type == DataType.DOUBLE ? 1e-10 : 1e-4;
    net.setInput(inFormat(x, format).castTo(type));
    INDArray out = net.feedForward(true, false).get(1);
    assertClose("output", inFormat(a.get("output"), format), out, tolerance);

    net.initGradientsView();
    Pair<Gradient, INDArray> back =
        net.getLayer(0)
            .backpropGradient(
                inFormat(a.get("grad_output"), format).castTo(type),
                LayerWorkspaceMgr.noWorkspaces());
    assertClose("grad_input", inFormat(a.get("grad_input"), format), back.getSecond(), tolerance);
    Map<String, INDArray> gradients = back.getFirst().gradientForVariable();
    assertClose("grad_weight", a.get("grad_weight"), gradients.get("W"), tolerance);
    assertClose("grad_bias", a.get("grad_bias"), gradients.get("b"), tolerance);
    assertClose(
        "grad_offset_weight", a.get("grad_offset_weight"), gradients.get("offsetW"), tolerance);
    assertClose("grad_offset_bias", a.get("grad_offset_bias"), gradients.get("offsetB"), tolerance);
  }

  private static INDArray inFormat(INDArray nchw, CNN2DFormat format) {
    return format == CNN2DFormat.NCHW ? nchw : nchw.permute(0, 2, 3, 1);
  }
}
