package io.github.dcn4j.examples.benchmark;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.FloatBuffer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import onnx.Onnx;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A model of floats in ONNX Runtime. Its output, "y", goes into an array that is kept: runs pay for
 * no fresh memory.
 */
final class OnnxPeer implements AutoCloseable, Race.Work {
  private static final OrtEnvironment ENVIRONMENT = OrtEnvironment.getEnvironment();
  private static final int FLOAT = Onnx.TensorProto.DataType.FLOAT_VALUE;
  private static final int LONG = Onnx.TensorProto.DataType.INT64_VALUE;

  private final Onnx.GraphProto.Builder graph = Onnx.GraphProto.newBuilder();
  private final Map<String, OnnxTensor> inputs = new LinkedHashMap<>();
  private Map<String, OnnxTensor> output;
  private OrtSession session;

  /** An array that changes from call to call. */
  OnnxPeer input(String name, INDArray array) throws OrtException {
    graph.addInput(value(name, array.shape()));
    inputs.put(name, tensor(array));
    return this;
  }

  /** An array that is part of the model. */
  OnnxPeer constant(String name, INDArray array) {
    Onnx.TensorProto.Builder tensor =
        Onnx.TensorProto.newBuilder().setName(name).setDataType(FLOAT);
    for (long size : array.shape()) {
      tensor.addDims(size);
    }
    for (float number : array.data().asFloat()) {
      tensor.addFloatData(number);
    }
    graph.addInitializer(tensor);
    return this;
  }

  /** Integers that are part of the model: a shape, axes. */
  OnnxPeer constant(String name, long... integers) {
    Onnx.TensorProto.Builder tensor =
        Onnx.TensorProto.newBuilder().setName(name).setDataType(LONG).addDims(integers.length);
    for (long integer : integers) {
      tensor.addInt64Data(integer);
    }
    graph.addInitializer(tensor);
    return this;
  }

  /** A node with one output. */
  OnnxPeer node(
      String operator, String result, List<String> arguments, Onnx.AttributeProto... attributes) {
    return node(operator, List.of(result), arguments, attributes);
  }

  /** A node. */
  OnnxPeer node(
      String operator,
      List<String> results,
      List<String> arguments,
      Onnx.AttributeProto... attributes) {
    graph.addNode(
        Onnx.NodeProto.newBuilder()
            .setOpType(operator)
            .addAllInput(arguments)
            .addAllOutput(results)
            .addAllAttribute(List.of(attributes)));
    return this;
  }

  /**
   * Makes the session; nothing can be added after that.
   *
   * @param like an array of the output's type and shape
   */
  OnnxPeer open(INDArray like, int threads) throws OrtException {
    graph.setName("peer");
    graph.addOutput(value("y", like.shape()));
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
    return OnnxTensor.createTensor(
        ENVIRONMENT, FloatBuffer.wrap(array.data().asFloat()), array.shape());
  }

  static Onnx.AttributeProto integers(String name, long... values) {
    Onnx.AttributeProto.Builder attribute =
        Onnx.AttributeProto.newBuilder()
            .setName(name)
            .setType(Onnx.AttributeProto.AttributeType.INTS);
    for (long value : values) {
      attribute.addInts(value);
    }
    return attribute.build();
  }

  static Onnx.AttributeProto integer(String name, long value) {
    return Onnx.AttributeProto.newBuilder()
        .setName(name)
        .setType(Onnx.AttributeProto.AttributeType.INT)
        .setI(value)
        .build();
  }

  private static Onnx.ValueInfoProto value(String name, long[] shape) {
    Onnx.TensorShapeProto.Builder dimensions = Onnx.TensorShapeProto.newBuilder();
    for (long size : shape) {
      dimensions.addDim(Onnx.TensorShapeProto.Dimension.newBuilder().setDimValue(size));
    }
    return Onnx.ValueInfoProto.newBuilder()
        .setName(name)
        .setType(
            Onnx.TypeProto.newBuilder()
                .setTensorType(
                    Onnx.TypeProto.Tensor.newBuilder().setElemType(FLOAT).setShape(dimensions)))
        .build();
  }
}
