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
import java.util.function.Supplier;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The oracle: Microsoft's implementation of ONNX. */
final class OnnxRuntime {
  private static final Map<DataType, OnnxJavaType> TYPES =
      Map.of(
          DataType.BOOL, OnnxJavaType.BOOL,
          DataType.INT8, OnnxJavaType.INT8,
          DataType.UINT8, OnnxJavaType.UINT8,
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
    OnnxJavaType type = tensor.getInfo().type;
    int length = (int) tensor.getInfo().getNumElements();
    if (type == OnnxJavaType.DOUBLE) {
      double[] values = new double[length];
      tensor.getDoubleBuffer().get(values);
      return shaped(DataType.DOUBLE, shape, length, () -> Nd4j.createFromArray(values));
    }
    if (type == OnnxJavaType.INT64) {
      long[] values = new long[length];
      tensor.getLongBuffer().get(values);
      return shaped(DataType.INT64, shape, length, () -> Nd4j.createFromArray(values));
    }
    if (type == OnnxJavaType.INT32) {
      int[] values = new int[length];
      tensor.getIntBuffer().get(values);
      return shaped(DataType.INT32, shape, length, () -> Nd4j.createFromArray(values));
    }
    if (type == OnnxJavaType.BOOL || type == OnnxJavaType.INT8 || type == OnnxJavaType.UINT8) {
      ByteBuffer bytes = tensor.getByteBuffer();
      int[] values = new int[length];
      for (int i = 0; i < length; i++) {
        values[i] = type == OnnxJavaType.UINT8 ? bytes.get() & 0xff : bytes.get();
      }
      DataType own =
          type == OnnxJavaType.BOOL
              ? DataType.BOOL
              : type == OnnxJavaType.INT8 ? DataType.INT8 : DataType.UINT8;
      return shaped(own, shape, length, () -> Nd4j.createFromArray(values).castTo(own));
    }
    float[] values = new float[length];
    tensor.getFloatBuffer().get(values); // of 16 bits too
    return shaped(DataType.FLOAT, shape, length, () -> Nd4j.createFromArray(values));
  }

  private static INDArray shaped(
      DataType type, long[] shape, int length, Supplier<INDArray> values) {
    return length == 0 ? Nd4j.createUninitialized(type, shape) : values.get().reshape(shape);
  }
}
