package io.github.dcn4j.examples.benchmark;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import onnx.Onnx;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A model of one ONNX convolution, 3×3 with padding 1, in ONNX Runtime: weights and bias in the
 * model, as in one that was exported; the output goes into an array that is kept.
 */
final class OnnxConvolution implements AutoCloseable, Race.Run {
  private static final OrtEnvironment ENVIRONMENT = OrtEnvironment.getEnvironment();

  private final Onnx.NodeProto.Builder node = Onnx.NodeProto.newBuilder();
  private final Onnx.GraphProto.Builder graph = Onnx.GraphProto.newBuilder();
  private final Map<String, OnnxTensor> inputs = new LinkedHashMap<>();
  private Map<String, OnnxTensor> output;
  private OrtSession session;

  OnnxConvolution(String operator) {
    node.setOpType(operator)
        .addOutput("y")
        .addAttribute(integers("kernel_shape", 3, 3))
        .addAttribute(integers("pads", 1, 1, 1, 1));
  }

  OnnxConvolution offsetGroups(int groups) {
    node.addAttribute(
        Onnx.AttributeProto.newBuilder()
            .setName("offset_group")
            .setType(Onnx.AttributeProto.AttributeType.INT)
            .setI(groups));
    return this;
  }

  /** The next input of the operator: one that changes from call to call. */
  OnnxConvolution input(String name, INDArray array) throws OrtException {
    node.addInput(name);
    graph.addInput(value(name, array.dataType(), array.shape()));
    inputs.put(name, tensor(array));
    return this;
  }

  /** The next input of the operator: one that is part of the model. */
  OnnxConvolution constant(String name, INDArray array) {
    node.addInput(name);
    Onnx.TensorProto.Builder tensor =
        Onnx.TensorProto.newBuilder().setName(name).setDataType(type(array.dataType()).getNumber());
    for (long size : array.shape()) {
      tensor.addDims(size);
    }
    if (array.dataType() == DataType.DOUBLE) {
      for (double number : array.data().asDouble()) {
        tensor.addDoubleData(number);
      }
    } else {
      for (float number : array.data().asFloat()) {
        tensor.addFloatData(number);
      }
    }
    graph.addInitializer(tensor);
    return this;
  }

  /**
   * Makes the session; nothing can be added after that.
   *
   * @param like an array of the output's type and shape
   * @throws OrtException if ONNX Runtime has no such operator for this type
   */
  OnnxConvolution open(INDArray like, int threads) throws OrtException {
    graph.setName("convolution").addNode(node);
    graph.addOutput(value("y", like.dataType(), like.shape()));
    byte[] model =
        Onnx.ModelProto.newBuilder()
            .setIrVersion(8)
            .addOpsetImport(Onnx.OperatorSetIdProto.newBuilder().setVersion(19))
            .setGraph(graph)
            .build()
            .toByteArray();
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(threads);
      // Idle threads that spin would take time from the next contender.
      options.addConfigEntry("session.intra_op.allow_spinning", "0");
      session = ENVIRONMENT.createSession(model, options);
    }
    output = Map.of("y", tensor(like));
    return this;
  }

  @Override
  public void run() throws OrtException {
    session.run(inputs, output).close();
  }

  /** The values of the output of the last run. */
  INDArray output() throws OrtException {
    OnnxTensor y = output.get("y");
    float[] values = new float[y.getFloatBuffer().remaining()];
    y.getFloatBuffer().get(values);
    return Nd4j.create(values, y.getInfo().getShape(), 'c');
  }

  @Override
  public void close() throws OrtException {
    if (session != null) {
      session.close();
    }
    inputs.values().forEach(OnnxTensor::close);
    if (output != null) {
      output.values().forEach(OnnxTensor::close);
    }
  }

  private static OnnxTensor tensor(INDArray array) throws OrtException {
    return array.dataType() == DataType.DOUBLE
        ? OnnxTensor.createTensor(
            ENVIRONMENT, DoubleBuffer.wrap(array.data().asDouble()), array.shape())
        : OnnxTensor.createTensor(
            ENVIRONMENT, FloatBuffer.wrap(array.data().asFloat()), array.shape());
  }

  private static Onnx.AttributeProto integers(String name, long... values) {
    Onnx.AttributeProto.Builder attribute =
        Onnx.AttributeProto.newBuilder()
            .setName(name)
            .setType(Onnx.AttributeProto.AttributeType.INTS);
    for (long value : values) {
      attribute.addInts(value);
    }
    return attribute.build();
  }

  private static Onnx.TensorProto.DataType type(DataType type) {
    return type == DataType.DOUBLE
        ? Onnx.TensorProto.DataType.DOUBLE
        : Onnx.TensorProto.DataType.FLOAT;
  }

  private static Onnx.ValueInfoProto value(String name, DataType type, long[] shape) {
    Onnx.TensorShapeProto.Builder dimensions = Onnx.TensorShapeProto.newBuilder();
    for (long size : shape) {
      dimensions.addDim(Onnx.TensorShapeProto.Dimension.newBuilder().setDimValue(size));
    }
    return Onnx.ValueInfoProto.newBuilder()
        .setName(name)
        .setType(
            Onnx.TypeProto.newBuilder()
                .setTensorType(
                    Onnx.TypeProto.Tensor.newBuilder()
                        .setElemType(type(type).getNumber())
                        .setShape(dimensions)))
        .build();
  }
}
