package io.github.dcn4j.examples.onnx;

import io.github.dcn4j.examples.data.HandwrittenDigits;
import io.github.dcn4j.onnx.OnnxModel;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import onnx.Onnx;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.TrainingConfig;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.shade.protobuf.ByteString;

/**
 * Makes the bundled {@code digits.onnx}: writes the network down as PyTorch's exporter would,
 * trains it on upright digits, and stores the weights.
 */
final class MakeDigitsModel {
  private static final int EPOCHS = 3;
  private static final int BATCH = 50;

  private final Onnx.GraphProto.Builder graph = Onnx.GraphProto.newBuilder().setName("digits");

  private MakeDigitsModel() {}

  /** Takes the file to write. */
  public static void main(String[] arguments) throws Exception {
    Nd4j.getRandom().setSeed(1);
    byte[] untrained = new MakeDigitsModel().network().build().toByteArray();
    SameDiff sd = OnnxModel.parse(untrained).toTrainableSameDiff();
    train(sd);
    Onnx.ModelProto.Builder model = Onnx.ModelProto.parseFrom(untrained).toBuilder();
    for (Onnx.TensorProto.Builder tensor : model.getGraphBuilder().getInitializerBuilderList()) {
      SDVariable variable = sd.getVariable(tensor.getName());
      if (variable != null && variable.dataType() == DataType.FLOAT) {
        tensor.setRawData(bytes(variable.getArr()));
      }
    }
    Files.write(Path.of(arguments[0]), model.build().toByteArray());
  }

  private static void train(SameDiff sd) {
    SDVariable label = sd.placeHolder("label", DataType.FLOAT, -1, 10);
    sd.loss().softmaxCrossEntropy("loss", label, sd.getVariable("scores"), null);
    sd.setLossVariables("loss");
    sd.setTrainingConfig(
        TrainingConfig.builder()
            .updater(new Adam(2e-3))
            .dataSetFeatureMapping("image")
            .dataSetLabelMapping("label")
            .build());
    DigitBatches digits = new DigitBatches(HandwrittenDigits.training(), 0, 1);
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
      for (int first = 0; first < 10_000; first += BATCH) {
        sd.fit(digits.batch(first, BATCH));
      }
      System.out.println("epoch " + (epoch + 1));
    }
  }

  private Onnx.ModelProto.Builder network() {
    graph.addInput(value("image", 1, 28, 28)).addOutput(value("scores", 10));
    weights("stem.weight", 1, 8, 1, 5, 5);
    weights("stem.bias", 0, 8);
    node("Conv", List.of("image", "stem.weight", "stem.bias"), List.of("stem"), 5, 2);
    node("Relu", List.of("stem"), List.of("features"));
    String first = deformable("features", "layer1", 8, 16, 1);
    String second = deformable(first, "layer2", 16, 32, 2);
    node("GlobalAveragePool", List.of(second), List.of("pooled"));
    node("Flatten", List.of("pooled"), List.of("flat"));
    weights("head.weight", 1, 32, 10);
    weights("head.bias", 0, 10);
    node("Gemm", List.of("flat", "head.weight", "head.bias"), List.of("scores"));
    return Onnx.ModelProto.newBuilder()
        .setIrVersion(9)
        .setProducerName("dcn4j")
        .setDocString("Upright handwritten digits; Apache License 2.0")
        .addOpsetImport(Onnx.OperatorSetIdProto.newBuilder().setVersion(19))
        .setGraph(graph);
  }

  /** The module DCN of the PyTorch ports, and a ReLU. */
  private String deformable(String input, String name, int in, int out, int stride) {
    weights(name + ".weight", 2, out, in, 3, 3); // the mask starts at one half
    weights(name + ".bias", 0, out);
    weights(name + ".conv_offset_mask.weight", 0, 27, in, 3, 3);
    weights(name + ".conv_offset_mask.bias", 0, 27);
    node(
        "Conv",
        List.of(input, name + ".conv_offset_mask.weight", name + ".conv_offset_mask.bias"),
        List.of(name + ".om"),
        3,
        stride);
    graph.addInitializer(
        Onnx.TensorProto.newBuilder()
            .setName(name + ".parts")
            .setDataType(Onnx.TensorProto.DataType.INT64_VALUE)
            .addDims(3)
            .addAllInt64Data(List.of(9L, 9L, 9L)));
    node(
        "Split",
        List.of(name + ".om", name + ".parts"),
        List.of(name + ".o1", name + ".o2", name + ".logits"));
    axis();
    node("Concat", List.of(name + ".o1", name + ".o2"), List.of(name + ".offset"));
    axis();
    node("Sigmoid", List.of(name + ".logits"), List.of(name + ".mask"));
    node(
        "DeformConv",
        List.of(input, name + ".weight", name + ".offset", name + ".bias", name + ".mask"),
        List.of(name + ".sampled"),
        3,
        stride);
    node("Relu", List.of(name + ".sampled"), List.of(name + ".out"));
    return name + ".out";
  }

  private void node(String type, List<String> inputs, List<String> outputs) {
    graph.addNode(
        Onnx.NodeProto.newBuilder()
            .setName(outputs.get(0))
            .setOpType(type)
            .addAllInput(inputs)
            .addAllOutput(outputs));
  }

  /** A convolution that keeps the size, but for its stride. */
  private void node(
      String type, List<String> inputs, List<String> outputs, long kernel, long stride) {
    node(type, inputs, outputs);
    long padding = kernel / 2;
    attribute("kernel_shape", kernel, kernel);
    attribute("strides", stride, stride);
    attribute("pads", padding, padding, padding, padding);
  }

  private void attribute(String name, long... values) {
    Onnx.AttributeProto.Builder attribute =
        Onnx.AttributeProto.newBuilder()
            .setName(name)
            .setType(Onnx.AttributeProto.AttributeType.INTS);
    Arrays.stream(values).forEach(attribute::addInts);
    last().addAttribute(attribute);
  }

  /** Channels, for the node added last. */
  private void axis() {
    last()
        .addAttribute(
            Onnx.AttributeProto.newBuilder()
                .setName("axis")
                .setType(Onnx.AttributeProto.AttributeType.INT)
                .setI(1));
  }

  private Onnx.NodeProto.Builder last() {
    return graph.getNodeBuilder(graph.getNodeCount() - 1);
  }

  /** Normal values for a fan-in, times {@code scale}; zeros for 0. */
  private void weights(String name, double scale, long... shape) {
    long fanIn = Arrays.stream(shape).reduce(1, (a, b) -> a * b) / shape[0];
    double deviation = scale * Math.sqrt(2.0 / fanIn);
    Onnx.TensorProto.Builder tensor =
        Onnx.TensorProto.newBuilder()
            .setName(name)
            .setDataType(Onnx.TensorProto.DataType.FLOAT_VALUE)
            .setRawData(bytes(Nd4j.randn(DataType.FLOAT, shape).muli(deviation)));
    Arrays.stream(shape).forEach(tensor::addDims);
    graph.addInitializer(tensor);
  }

  private static ByteString bytes(INDArray array) {
    float[] values = array.dup('c').data().asFloat();
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return ByteString.copyFrom(bytes);
  }

  private static Onnx.ValueInfoProto value(String name, long... shape) {
    Onnx.TensorShapeProto.Builder sizes = Onnx.TensorShapeProto.newBuilder();
    sizes.addDim(Onnx.TensorShapeProto.Dimension.newBuilder().setDimParam("N"));
    for (long size : shape) {
      sizes.addDim(Onnx.TensorShapeProto.Dimension.newBuilder().setDimValue(size));
    }
    return Onnx.ValueInfoProto.newBuilder()
        .setName(name)
        .setType(
            Onnx.TypeProto.newBuilder()
                .setTensorType(
                    Onnx.TypeProto.Tensor.newBuilder()
                        .setElemType(Onnx.TensorProto.DataType.FLOAT_VALUE)
                        .setShape(sizes)))
        .build();
  }
}
