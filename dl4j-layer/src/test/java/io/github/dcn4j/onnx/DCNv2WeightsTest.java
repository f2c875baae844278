package io.github.dcn4j.onnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.Goldens;
import io.github.dcn4j.layers.DeformableConvolution2D;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.CnnLossLayer;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.lossfunctions.LossFunctions;

/** DCNv2 layers of PyTorch in a network of DL4J give what they gave there. */
class DCNv2WeightsTest {
  private static final DataType FLOAT = DataType.FLOAT;

  private static MultiLayerNetwork network(DataType type, ConvolutionLayer layer) {
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            new NeuralNetConfiguration.Builder()
                .dataType(type)
                .list()
                .layer(layer)
                .layer(
                    new CnnLossLayer.Builder(LossFunctions.LossFunction.MSE)
                        .activation(Activation.IDENTITY)
                        .build())
                .build());
    network.init();
    return network;
  }

  private static INDArray random(long... shape) {
    return Nd4j.randn(FLOAT, shape);
  }

  /** The module of the ports, as PyTorch's exporter writes it down. */
  private static byte[] module(
      String prefix,
      int kernel,
      int stride,
      int padding,
      int groups,
      int deformable,
      boolean bias) {
    Nd4j.getRandom().setSeed(9);
    long taps = (long) deformable * kernel * kernel;
    long[] strides = {stride, stride};
    long[] pads = {padding, padding, padding, padding};
    TestGraph graph =
        new TestGraph()
            .input("x", FLOAT, 2, 8, 11, 9)
            .initializer(prefix + "weight", random(6, 8 / groups, kernel, kernel))
            .initializer(
                prefix + "conv_offset_mask.weight", random(3 * taps, 8, kernel, kernel).mul(0.1))
            .initializer(prefix + "conv_offset_mask.bias", random(3 * taps))
            .initializer("parts", taps, taps, taps)
            .node(
                "Conv",
                List.of("x", prefix + "conv_offset_mask.weight", prefix + "conv_offset_mask.bias"),
                "om",
                "strides",
                strides,
                "pads",
                pads)
            .node("Split", List.of("om", "parts"), List.of("o1", "o2", "m"), "axis", 1L)
            .node("Concat", List.of("o1", "o2"), "offset", "axis", 1L)
            .node("Sigmoid", List.of("m"), "mask");
    List<String> inputs = new ArrayList<>(List.of("x", prefix + "weight", "offset", "", "mask"));
    if (bias) {
      graph.initializer(prefix + "bias", random(6));
      inputs.set(3, prefix + "bias");
    }
    return graph
        .node(
            "DeformConv",
            inputs,
            "y",
            "strides",
            strides,
            "pads",
            pads,
            "group",
            (long) groups,
            "offset_group",
            (long) deformable)
        .model(FLOAT, "y");
  }

  @ParameterizedTest
  @CsvSource({
    // prefix, kernel, stride, padding, groups, deformable groups, bias
    "layer1.0.conv2.,3,1,1,1,1,true",
    "layer1.0.conv2.,3,2,1,1,2,true",
    "'',3,1,1,2,4,true",
    "a.,1,1,0,1,1,false",
    "a.,5,2,2,1,1,false"
  })
  void theLayerGivesWhatOnnxRuntimeGives(
      String prefix, int kernel, int stride, int padding, int groups, int deformable, boolean bias)
      throws Exception {
    byte[] bytes = module(prefix, kernel, stride, padding, groups, deformable, bias);
    OnnxModel model = OnnxModel.parse(bytes);
    DCNv2Weights weights = DCNv2Weights.of(model, prefix.replaceAll("\\.$", ""));
    MultiLayerNetwork network =
        network(
            FLOAT,
            weights
                .layerBuilder()
                .stride(stride, stride)
                .padding(padding, padding)
                .activation(Activation.IDENTITY)
                .build());
    weights.copyTo(network.getLayer(0));
    INDArray x = random(2, 8, 11, 9);
    Goldens.assertClose(OnnxRuntime.run(bytes, Map.of("x", x)), network.output(x), 1e-5, "y");
  }

  @Test
  void layersOfAPyTorchModelWithNamesOfTheirOwnComeOver() throws Exception {
    Path file = Path.of(getClass().getResource("/goldens/onnx/torch_net.onnx").toURI());
    OnnxModel model = OnnxModel.read(file);
    SameDiff sd = model.toTrainableSameDiff(); // inference would fold what follows into DeformConv
    INDArray image =
        Nd4j.createFromNpzFile(new java.io.File(file.toString().replace(".onnx", ".npz"))).get("x");
    String[][] layers = {
      {"n.3", "/n/n.2/Relu_output_0", "/n/n.3/dc/DeformConv_output_0"},
      {"n.7", "/n/n.6/MaxPool_output_0", "/n/n.7/dc/DeformConv_output_0"}
    };
    for (String[] layer : layers) {
      DCNv2Weights weights =
          DCNv2Weights.of(
              model,
              layer[0] + ".dc.weight",
              layer[0] + ".dc.bias",
              layer[0] + ".om.weight",
              layer[0] + ".om.bias");
      int stride = layer[0].equals("n.7") ? 2 : 1;
      for (DataType type : new DataType[] {FLOAT, DataType.DOUBLE}) {
        MultiLayerNetwork network =
            network(
                type,
                weights
                    .layerBuilder()
                    .stride(stride, stride)
                    .padding(1, 1)
                    .activation(Activation.IDENTITY)
                    .build());
        weights.copyTo(network.getLayer(0));
        Map<String, INDArray> values = sd.output(Map.of("x", image), layer[1], layer[2]);
        INDArray y = network.output(values.get(layer[1]).castTo(type));
        Goldens.assertClose(values.get(layer[2]), y, 1e-5, layer[0] + " " + type);
      }
    }
  }

  @Test
  void whatDoesNotFitIsNamed() {
    OnnxModel model = OnnxModel.parse(module("a.", 3, 1, 1, 1, 2, true));
    assertTold(() -> DCNv2Weights.of(model, "b"), "initializer b.weight");
    assertTold(
        () ->
            DCNv2Weights.of(
                model,
                "a.weight",
                "a.conv_offset_mask.bias",
                "a.conv_offset_mask.weight",
                "a.bias"),
        "tensor a.conv_offset_mask.bias: expected [6], got [54]");
    assertTold(
        () -> DCNv2Weights.of(model, "a.weight", null, "a.weight", "a.bias"),
        "tensor a.weight: expected [27·deformableGroups, 8·groups, 3, 3], got [6, 8, 3, 3]");
    DCNv2Weights weights = DCNv2Weights.of(model, "a");
    assertTold(
        () ->
            weights.copyTo(
                network(FLOAT, new ConvolutionLayer.Builder(3, 3).nIn(8).nOut(6).build())
                    .getLayer(0)),
        "expected a DeformableConvolution2D, got ConvolutionLayer");
    assertTold(
        () ->
            weights.copyTo(
                network(FLOAT, weights.layerBuilder().hasBias(false).build()).getLayer(0)),
        "expected the parameters [W, b, offsetW, offsetB]");
    MultiLayerNetwork other =
        network(
            FLOAT,
            new DeformableConvolution2D.Builder(3, 3).nIn(8).nOut(6).deformableGroups(1).build());
    INDArray before = other.params().dup();
    assertTold(
        () -> weights.copyTo(other.getLayer(0)), "parameter offsetW: expected [54, 8, 3, 3]");
    assertEquals(before, other.params(), "changed though it does not fit");
  }

  private static void assertTold(org.junit.jupiter.api.function.Executable call, String what) {
    String message = assertThrows(IllegalArgumentException.class, call).getMessage();
    assertTrue(message.contains(what), message);
  }
}
