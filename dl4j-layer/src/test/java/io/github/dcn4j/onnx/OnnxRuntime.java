package io.github.dcn4j.onnx;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The oracle: Microsoft's implementation of ONNX. */
final class OnnxRuntime {
  private static final Map<DataType, OnnxJavaType> TYPES =
      Map.of(
          DataType.DOUBLE, OnnxJavaType.DOUBLE,
          DataType.FLOAT, OnnxJavaType.FLOAT,
          DataType.FLOAT16, OnnxJavaType.FLOAT16,
          DataType.INT64, OnnxJavaType.INT64,
          DataType.INT32, OnnxJavaType.INT32);

  private OnnxRuntime() {}

  /** The first output of a model. */
  static INDArray run(byte[] model, Map<String, INDArray> inputs) throws OrtException {
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(1);
      try (OrtSession session = environment.createSession(model, options)) {
        Map<String, OnnxTensor> feed = new HashMap<>();
        for (Map.Entry<String, INDArray> input : inputs.entrySet()) {
          feed.put(input.getKey(), tensor(environment, input.getValue()));
        }
        try (OrtSession.Result result = session.run(feed)) {
          return array((OnnxTensor) result.get(0));
        } finally {
          feed.values().forEach(OnnxTensor::close);
        }
      }
    }
  }

  private static OnnxTensor tensor(OrtEnvironment environment, INDArray array) throws OrtException {
    ByteBuffer bytes = TestGraph.bytes(array);
    ByteBuffer direct = ByteBuffer.allocateDirect(bytes.remaining()).order(ByteOrder.nativeOrder());
    direct.put(bytes).flip();
    OnnxJavaType type = TYPES.get(array.dataType());
    return OnnxTensor.createTensor(environment, direct, array.shape(), type);
  }

  private static INDArray array(OnnxTensor tensor) {
    long[] shape = tensor.getInfo().getShape();
    if (tensor.getInfo().type == OnnxJavaType.DOUBLE) {
      double[] values = new double[(int) tensor.getInfo().getNumElements()];
      tensor.getDoubleBuffer().get(values);
      return Nd4j.createFromArray(values).reshape(shape);
    }
    if (tensor.getInfo().type == OnnxJavaType.INT64) {
      long[] values = new long[(int) tensor.getInfo().getNumElements()];
      tensor.getLongBuffer().get(values);
      return Nd4j.createFromArray(values).reshape(shape);
    }
    if (tensor.getInfo().type == OnnxJavaType.INT32) {
      int[] values = new int[(int) tensor.getInfo().getNumElements()];
      tensor.getIntBuffer().get(values);
      return Nd4j.createFromArray(values).reshape(shape);
    }
    float[] values = new float[(int) tensor.getInfo().getNumElements()];
    tensor.getFloatBuffer().get(values); // of 16 bits too
    return Nd4j.createFromArray(values).reshape(shape);
  }
}
