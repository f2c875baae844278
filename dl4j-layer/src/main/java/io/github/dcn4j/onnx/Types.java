package io.github.dcn4j.onnx;

import java.util.Map;
import onnx.Onnx;
import org.nd4j.linalg.api.buffer.DataType;

/** The element types of ONNX that ND4J has too. */
final class Types {
  private static final Map<Integer, DataType> TYPES =
      Map.ofEntries(
          Map.entry(Onnx.TensorProto.DataType.FLOAT_VALUE, DataType.FLOAT),
          Map.entry(Onnx.TensorProto.DataType.DOUBLE_VALUE, DataType.DOUBLE),
          Map.entry(Onnx.TensorProto.DataType.FLOAT16_VALUE, DataType.FLOAT16),
          Map.entry(Onnx.TensorProto.DataType.BFLOAT16_VALUE, DataType.BFLOAT16),
          Map.entry(Onnx.TensorProto.DataType.INT8_VALUE, DataType.INT8),
          Map.entry(Onnx.TensorProto.DataType.INT16_VALUE, DataType.INT16),
          Map.entry(Onnx.TensorProto.DataType.INT32_VALUE, DataType.INT32),
          Map.entry(Onnx.TensorProto.DataType.INT64_VALUE, DataType.INT64),
          Map.entry(Onnx.TensorProto.DataType.UINT8_VALUE, DataType.UINT8),
          Map.entry(Onnx.TensorProto.DataType.UINT16_VALUE, DataType.UINT16),
          Map.entry(Onnx.TensorProto.DataType.UINT32_VALUE, DataType.UINT32),
          Map.entry(Onnx.TensorProto.DataType.UINT64_VALUE, DataType.UINT64),
          Map.entry(Onnx.TensorProto.DataType.BOOL_VALUE, DataType.BOOL));

  private Types() {}

  /** ND4J's type, or null if it has none. */
  static DataType of(long onnxType) {
    return TYPES.get((int) onnxType);
  }

  /** How ONNX calls a type, or its number. */
  static String name(long onnxType) {
    Onnx.TensorProto.DataType type = Onnx.TensorProto.DataType.forNumber((int) onnxType);
    return type == null ? "number " + onnxType : type.name();
  }
}
