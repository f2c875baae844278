package io.github.dcn4j.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dcn4j.Goldens;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The layer against InternImage's and DCNv4's modules in PyTorch, forward and every gradient. */
class DeformableConvolutionV3GoldenTest {
  static Stream<Goldens.Case> modules() {
    return Goldens.cases("intern_image_modules");
  }

  private static DeformableConvolutionV3 layer(Goldens.Case c, CNN2DFormat format) {
    int kernel = (int) c.number("kernel");
    boolean projections = c.getArguments().get("projections").asBoolean();
    DeformableConvolutionV3.Builder builder =
        new DeformableConvolutionV3.Builder(kernel)
            .version((int) c.number("version"))
            .nIn(c.getArrays().get("input").size(3))
            .nOut(c.number("outputs"))
            .stride((int) c.number("stride"))
            .padding((int) c.number("pad"))
            .dilation((int) c.number("dilation"))
            .groups((int) c.number("groups"))
            .offsetScale(c.getArguments().get("scale").asDouble())
            .removeCenter(c.getArguments().get("remove_centre").asBoolean())
            .centerFeatureScale(c.getArguments().get("centre_scale").asBoolean())
            .inputProjection(projections)
            .outputProjection(projections)
            .dataFormat(format)
            .activation(Activation.IDENTITY);
    if (c.number("dw_kernel") > 0) {
      builder.dwKernelSize((int) c.number("dw_kernel"));
    }
    return builder.build();
  }

  @ParameterizedTest
  @MethodSource("modules")
  void outputAndGradientsAreThoseOfPyTorch(Goldens.Case c) {
    check(c, DataType.DOUBLE, 1e-10);
    check(c, DataType.FLOAT, 1e-4);
    check(c, DataType.FLOAT16, 2e-2);
  }

  private static void check(Goldens.Case c, DataType type, double tolerance) {
    for (CNN2DFormat format : CNN2DFormat.values()) {
      MultiLayerNetwork net = Networks.alone(type, layer(c, format));
      Map<String, INDArray> params = net.getLayer(0).paramTable();
      params.forEach((key, param) -> param.assign(asParam(c, key, param)));
      net.setInput(inFormat(c.array("input", type), format));
      Goldens.assertClose(
          inFormat(c.getArrays().get("output"), format),
          net.feedForward(true, false).get(1),
          tolerance,
          "output " + format);

      net.initGradientsView();
      Pair<Gradient, INDArray> back =
          net.getLayer(0)
              .backpropGradient(
                  inFormat(c.array("grad_output", type), format), LayerWorkspaceMgr.noWorkspaces());
      Goldens.assertClose(
          inFormat(c.getArrays().get("grad_input"), format),
          back.getSecond(),
          tolerance,
          "gradient of the input " + format);
      Map<String, INDArray> gradients = new HashMap<>(back.getFirst().gradientForVariable());
      assertEquals(params.keySet(), gradients.keySet());
      gradients.forEach(
          (key, gradient) ->
              Goldens.assertClose(
                  asParam(c, "grad_" + key, gradient), gradient, tolerance, key + " " + format));
    }
  }

  /** PyTorch's linear layers have weights [out, in], ours [out, in, 1, 1]. */
  private static INDArray asParam(Goldens.Case c, String key, INDArray param) {
    return c.getArrays().get(key).reshape(param.shape());
  }

  /** The cases' arrays have their channels last. */
  private static INDArray inFormat(INDArray nhwc, CNN2DFormat format) {
    return format == CNN2DFormat.NHWC ? nhwc : nhwc.permute(0, 3, 1, 2);
  }
}
