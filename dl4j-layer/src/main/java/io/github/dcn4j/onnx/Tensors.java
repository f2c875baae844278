package io.github.dcn4j.onnx;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import onnx.Onnx;
import org.bytedeco.javacpp.indexer.Bfloat16Indexer;
import org.bytedeco.javacpp.indexer.HalfIndexer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Reads the tensors of an ONNX file. Nothing is allocated before the data were found to be there.
 */
final class Tensors {
  private Tensors() {}

  /**
   * The array that a tensor holds, in its own type.
   *
   * @param files where data may lie outside the model's own file
   * @throws IllegalArgumentException naming the tensor, if it is of a type that ND4J lacks, is
   *     incomplete, or lies in a file that cannot or must not be read
   */
  static INDArray toArray(Onnx.TensorProto tensor, ExternalData files) {
    DataType type = Types.of(tensor.getDataType());
    if (type == null) {
      throw bad(
          tensor,
          "type FLOAT, DOUBLE, FLOAT16, BFLOAT16, BOOL or an integer",
          "type " + Types.name(tensor.getDataType()));
    }
    long[] shape = tensor.getDimsList().stream().mapToLong(Long::longValue).toArray();
    long length = 1;
    for (long size : shape) {
      if (size < 0) {
        throw bad(tensor, "sizes of at least 0", tensor.getDimsList());
      }
      try {
        length = Math.multiplyExact(length, size);
      } catch (ArithmeticException e) {
        throw bad(tensor, "a number of values below 2^63", "the shape " + tensor.getDimsList());
      }
    }
    ByteBuffer raw = raw(tensor, type, length, files);
    if (length == 0) {
      return Nd4j.createUninitialized(type, shape);
    }
    return flat(tensor, type, raw, Math.toIntExact(length)).reshape('c', shape);
  }

  private static int width(DataType type) {
    return type == DataType.BOOL ? 1 : type.width();
  }

  /** The raw bytes, or null where the values stand in a typed field; all of them are there. */
  private static ByteBuffer raw(
      Onnx.TensorProto tensor, DataType type, long length, ExternalData files) {
    if (tensor.getDataLocation() == Onnx.TensorProto.DataLocation.EXTERNAL) {
      if (length > Integer.MAX_VALUE / width(type)) {
        throw bad(tensor, "at most 2^31 bytes", "the shape " + tensor.getDimsList());
      }
      return files.read(tensor, length * width(type)).order(ByteOrder.LITTLE_ENDIAN);
    }
    int typed = typedCount(tensor);
    long found = typed == 0 ? tensor.getRawData().size() / width(type) : typed;
    if (found != length || (typed == 0 && tensor.getRawData().size() % width(type) != 0)) {
      throw bad(tensor, length + " values for the shape " + tensor.getDimsList(), found);
    }
    return typed == 0
        ? tensor.getRawData().asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN)
        : null;
  }

  private static int typedCount(Onnx.TensorProto tensor) {
    switch (tensor.getDataType()) {
      case Onnx.TensorProto.DataType.FLOAT_VALUE:
        return tensor.getFloatDataCount();
      case Onnx.TensorProto.DataType.DOUBLE_VALUE:
        return tensor.getDoubleDataCount();
      case Onnx.TensorProto.DataType.INT64_VALUE:
        return tensor.getInt64DataCount();
      case Onnx.TensorProto.DataType.UINT32_VALUE:
      case Onnx.TensorProto.DataType.UINT64_VALUE:
        return tensor.getUint64DataCount();
      default: // 32 bits and less, halves by their bits
        return tensor.getInt32DataCount();
    }
  }

  private static INDArray flat(Onnx.TensorProto tensor, DataType type, ByteBuffer raw, int length) {
    if (type == DataType.FLOAT) {
      float[] floats = new float[length];
      if (raw != null) {
        raw.asFloatBuffer().get(floats);
      } else {
        for (int i = 0; i < length; i++) {
          floats[i] = tensor.getFloatData(i);
        }
      }
      return Nd4j.createFromArray(floats);
    }
    if (type == DataType.DOUBLE) {
      double[] doubles = new double[length];
      if (raw != null) {
        raw.asDoubleBuffer().get(doubles);
      } else {
        Arrays.setAll(doubles, tensor::getDoubleData);
      }
      return Nd4j.createFromArray(doubles);
    }
    return type.isFPType()
        ? sixteenBits(tensor, type, raw, length)
        : integers(tensor, type, raw, length);
  }

  /** By way of floats, which hold every value of both types exactly. */
  private static INDArray sixteenBits(
      Onnx.TensorProto tensor, DataType type, ByteBuffer raw, int length) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      int bits = (raw != null ? raw.getShort() : tensor.getInt32Data(i)) & 0xffff;
      values[i] =
          type == DataType.FLOAT16 ? HalfIndexer.toFloat(bits) : Bfloat16Indexer.toFloat(bits);
    }
    return Nd4j.createFromArray(values).castTo(type);
  }

  private static INDArray integers(
      Onnx.TensorProto tensor, DataType type, ByteBuffer raw, int length) {
    List<? extends Number> typed =
        type == DataType.INT64
            ? tensor.getInt64DataList()
            : type == DataType.UINT32 || type == DataType.UINT64
                ? tensor.getUint64DataList()
                : tensor.getInt32DataList();
    long[] values = new long[length];
    for (int i = 0; i < length; i++) {
      values[i] = raw == null ? typed.get(i).longValue() : integer(raw, type);
    }
    INDArray longs = Nd4j.createFromArray(values);
    return type == DataType.INT64 ? longs : longs.castTo(type);
  }

  private static long integer(ByteBuffer raw, DataType type) {
    boolean signed = type.isSigned();
    switch (width(type)) {
      case 1:
        byte value = raw.get();
        return type == DataType.BOOL ? (value == 0 ? 0 : 1) : signed ? value : value & 0xff;
      case 2:
        return signed ? raw.getShort() : raw.getShort() & 0xffff;
      case 4:
        return signed ? raw.getInt() : raw.getInt() & 0xffffffffL;
      default:
        return raw.getLong();
    }
  }

  static IllegalArgumentException bad(Onnx.TensorProto tensor, String expected, Object got) {
    return new IllegalArgumentException(
        "tensor " + tensor.getName() + ": expected " + expected + ", got " + got);
  }
}
