package io.github.dcn4j.onnx;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import onnx.Onnx;
import org.bytedeco.javacpp.indexer.Bfloat16Indexer;
import org.bytedeco.javacpp.indexer.HalfIndexer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Reads the tensors of an ONNX file. */
final class Tensors {
  private static final Map<Integer, DataType> TYPES =
      Map.of(
          Onnx.TensorProto.DataType.FLOAT_VALUE, DataType.FLOAT,
          Onnx.TensorProto.DataType.DOUBLE_VALUE, DataType.DOUBLE,
          Onnx.TensorProto.DataType.FLOAT16_VALUE, DataType.FLOAT16,
          Onnx.TensorProto.DataType.INT32_VALUE, DataType.INT32,
          Onnx.TensorProto.DataType.INT64_VALUE, DataType.INT64);

  private Tensors() {}

  /**
   * The array that a tensor holds, in its own type: floats of 16, 32 and 64 bits, bfloat16,
   * integers of 32 and 64 bits.
   *
   * @throws IllegalArgumentException naming the tensor, if it is of another type, is incomplete or
   *     lies in another file
   */
  static INDArray toArray(Onnx.TensorProto tensor) {
    requireInline(tensor);
    long[] shape = tensor.getDimsList().stream().mapToLong(Long::longValue).toArray();
    return flat(tensor, Arrays.stream(shape).reduce(1, Math::multiplyExact)).reshape(shape);
  }

  /**
   * Ones in the type and shape of an input; sizes that it leaves open are 1.
   *
   * @throws IllegalArgumentException naming the input, if it is of a type that is not supported
   */
  static INDArray example(Onnx.ValueInfoProto input) {
    Onnx.TypeProto.Tensor type = input.getType().getTensorType();
    DataType dataType = TYPES.get(type.getElemType());
    if (dataType == null) {
      throw new IllegalArgumentException(
          "input "
              + input.getName()
              + ": expected a tensor of type FLOAT, DOUBLE, FLOAT16, INT32 or INT64, got "
              + Onnx.TensorProto.DataType.forNumber(type.getElemType()));
    }
    return Nd4j.ones(
        dataType,
        type.getShape().getDimList().stream()
            .mapToLong(size -> Math.max(1, size.getDimValue()))
            .toArray());
  }

  /** Throws if the data lies in another file. */
  static void requireInline(Onnx.TensorProto tensor) {
    if (tensor.getDataLocation() == Onnx.TensorProto.DataLocation.EXTERNAL) {
      throw bad(tensor, "its data in the model's own file", "data in another file");
    }
  }

  private static INDArray flat(Onnx.TensorProto tensor, long length) {
    ByteBuffer raw =
        ByteBuffer.wrap(tensor.getRawData().toByteArray()).order(ByteOrder.LITTLE_ENDIAN);
    switch (tensor.getDataType()) {
      case Onnx.TensorProto.DataType.FLOAT_VALUE:
        {
          List<Float> typed = tensor.getFloatDataList();
          float[] values = new float[count(tensor, length, 4, typed)];
          for (int i = 0; i < values.length; i++) {
            values[i] = typed.isEmpty() ? raw.getFloat() : typed.get(i);
          }
          return Nd4j.createFromArray(values);
        }
      case Onnx.TensorProto.DataType.DOUBLE_VALUE:
        {
          List<Double> typed = tensor.getDoubleDataList();
          double[] values = new double[count(tensor, length, 8, typed)];
          for (int i = 0; i < values.length; i++) {
            values[i] = typed.isEmpty() ? raw.getDouble() : typed.get(i);
          }
          return Nd4j.createFromArray(values);
        }
      case Onnx.TensorProto.DataType.FLOAT16_VALUE:
      case Onnx.TensorProto.DataType.BFLOAT16_VALUE:
        return sixteenBits(tensor, raw, length);
      case Onnx.TensorProto.DataType.INT64_VALUE:
        {
          List<Long> typed = tensor.getInt64DataList();
          long[] values = new long[count(tensor, length, 8, typed)];
          for (int i = 0; i < values.length; i++) {
            values[i] = typed.isEmpty() ? raw.getLong() : typed.get(i);
          }
          return Nd4j.createFromArray(values);
        }
      case Onnx.TensorProto.DataType.INT32_VALUE:
        {
          List<Integer> typed = tensor.getInt32DataList();
          int[] values = new int[count(tensor, length, 4, typed)];
          for (int i = 0; i < values.length; i++) {
            values[i] = typed.isEmpty() ? raw.getInt() : typed.get(i);
          }
          return Nd4j.createFromArray(values);
        }
      default:
        throw bad(
            tensor,
            "type FLOAT, DOUBLE, FLOAT16, BFLOAT16, INT32 or INT64",
            "type " + Onnx.TensorProto.DataType.forNumber(tensor.getDataType()));
    }
  }

  /** By way of floats, which hold every value of both types exactly. */
  private static INDArray sixteenBits(Onnx.TensorProto tensor, ByteBuffer raw, long length) {
    boolean half = tensor.getDataType() == Onnx.TensorProto.DataType.FLOAT16_VALUE;
    List<Integer> typed = tensor.getInt32DataList(); // the bits, one value in each
    float[] values = new float[count(tensor, length, 2, typed)];
    for (int i = 0; i < values.length; i++) {
      int bits = (typed.isEmpty() ? raw.getShort() : typed.get(i)) & 0xffff;
      values[i] = half ? HalfIndexer.toFloat(bits) : Bfloat16Indexer.toFloat(bits);
    }
    return Nd4j.createFromArray(values).castTo(half ? DataType.FLOAT16 : DataType.BFLOAT16);
  }

  /** The number of values, if all are there: either typed ones, or {@code bytes} raw bytes each. */
  private static int count(Onnx.TensorProto tensor, long length, int bytes, List<?> typed) {
    long found = typed.isEmpty() ? tensor.getRawData().size() / bytes : typed.size();
    if (found != length) {
      throw bad(tensor, length + " values for the shape " + tensor.getDimsList(), found);
    }
    return Math.toIntExact(length);
  }

  private static IllegalArgumentException bad(
      Onnx.TensorProto tensor, String expected, Object got) {
    return new IllegalArgumentException(
        "tensor " + tensor.getName() + ": expected " + expected + ", got " + got);
  }
}
