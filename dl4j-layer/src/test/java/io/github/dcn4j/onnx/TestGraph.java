package io.github.dcn4j.onnx;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import onnx.Onnx;
import org.bytedeco.javacpp.indexer.HalfIndexer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.shade.protobuf.ByteString;
import org.nd4j.shade.protobuf.InvalidProtocolBufferException;

/** Builds ONNX models. */
final class TestGraph {
  private static final Map<DataType, Integer> TYPES =
      Map.of(
          DataType.BOOL, Onnx.TensorProto.DataType.BOOL_VALUE,
          DataType.INT8, Onnx.TensorProto.DataType.INT8_VALUE,
          DataType.UINT8, Onnx.TensorProto.DataType.UINT8_VALUE,
          DataType.FLOAT16, Onnx.TensorProto.DataType.FLOAT16_VALUE,
          DataType.BFLOAT16, Onnx.TensorProto.DataType.BFLOAT16_VALUE,
          DataType.FLOAT, Onnx.TensorProto.DataType.FLOAT_VALUE,
          DataType.DOUBLE, Onnx.TensorProto.DataType.DOUBLE_VALUE,
          DataType.INT32, Onnx.TensorProto.DataType.INT32_VALUE,
          DataType.INT64, Onnx.TensorProto.DataType.INT64_VALUE);

  private final Onnx.GraphProto.Builder graph = Onnx.GraphProto.newBuilder().setName("test");

  /** An input; -1 is a size that is left open. */
  TestGraph input(String name, DataType type, long... shape) {
    graph.addInput(value(name, type, shape));
    return this;
  }

  TestGraph initializer(String name, INDArray array) {
    graph.addInitializer(tensor(name, array));
    return this;
  }

  TestGraph initializer(String name, long... values) {
    graph.addInitializer(
        Onnx.TensorProto.newBuilder()
            .setName(name)
            .setDataType(Onnx.TensorProto.DataType.INT64_VALUE)
            .addDims(values.length)
            .addAllInt64Data(boxed(values)));
    return this;
  }

  /**
   * A node without a name.
   *
   * @param attributes names and values in turn; a value is a Long, a Float, a String, a long[] or a
   *     float[]
   */
  TestGraph node(String type, List<String> inputs, String output, Object... attributes) {
    return node(type, inputs, List.of(output), attributes);
  }

  TestGraph node(String type, List<String> inputs, List<String> outputs, Object... attributes) {
    Onnx.NodeProto.Builder node =
        Onnx.NodeProto.newBuilder().setOpType(type).addAllInput(inputs).addAllOutput(outputs);
    for (int i = 0; i < attributes.length; i += 2) {
      node.addAttribute(attribute((String) attributes[i], attributes[i + 1]));
    }
    graph.addNode(node);
    return this;
  }

  TestGraph node(Onnx.NodeProto node) {
    graph.addNode(node);
    return this;
  }

  /** The model, with outputs of a type and of any shape. */
  byte[] model(DataType type, String... outputs) {
    return model(19, type, outputs);
  }

  /** The model in an opset, with outputs of a type and of any shape. */
  byte[] model(long opset, DataType type, String... outputs) {
    for (String output : outputs) {
      graph.addOutput(value(output, type, null));
    }
    return model(opset);
  }

  /** The model in an opset, with an output of any type and shape. */
  byte[] untyped(long opset, String output) {
    graph.addOutput(Onnx.ValueInfoProto.newBuilder().setName(output));
    return model(opset);
  }

  private byte[] model(long opset) {
    return Onnx.ModelProto.newBuilder()
        .setIrVersion(8)
        .addOpsetImport(Onnx.OperatorSetIdProto.newBuilder().setVersion(opset))
        .setGraph(graph)
        .build()
        .toByteArray();
  }

  /** A model of floats with doubles in their place. */
  static byte[] inDouble(byte[] model) throws InvalidProtocolBufferException {
    Onnx.ModelProto.Builder result = Onnx.ModelProto.parseFrom(model).toBuilder();
    Onnx.GraphProto.Builder graph = result.getGraphBuilder();
    for (Onnx.TensorProto.Builder tensor : graph.getInitializerBuilderList()) {
      if (tensor.getDataType() == Onnx.TensorProto.DataType.FLOAT_VALUE) {
        INDArray array =
            Tensors.toArray(tensor.build(), new ExternalData(null)).castTo(DataType.DOUBLE);
        String name = tensor.getName();
        tensor.clear().mergeFrom(tensor(name, array));
      }
    }
    Stream.concat(graph.getInputBuilderList().stream(), graph.getOutputBuilderList().stream())
        .map(value -> value.getTypeBuilder().getTensorTypeBuilder())
        .forEach(type -> type.setElemType(Onnx.TensorProto.DataType.DOUBLE_VALUE));
    return result.build().toByteArray();
  }

  static Onnx.AttributeProto attribute(String name, Object value) {
    Onnx.AttributeProto.Builder attribute = Onnx.AttributeProto.newBuilder().setName(name);
    if (value instanceof long[]) {
      return attribute
          .setType(Onnx.AttributeProto.AttributeType.INTS)
          .addAllInts(boxed((long[]) value))
          .build();
    }
    if (value instanceof float[]) {
      attribute.setType(Onnx.AttributeProto.AttributeType.FLOATS);
      for (float element : (float[]) value) {
        attribute.addFloats(element);
      }
      return attribute.build();
    }
    if (value instanceof String) {
      return attribute
          .setType(Onnx.AttributeProto.AttributeType.STRING)
          .setS(ByteString.copyFromUtf8((String) value))
          .build();
    }
    if (value instanceof Float) {
      return attribute.setType(Onnx.AttributeProto.AttributeType.FLOAT).setF((Float) value).build();
    }
    return attribute.setType(Onnx.AttributeProto.AttributeType.INT).setI((Long) value).build();
  }

  private static Iterable<Long> boxed(long[] values) {
    return () -> Arrays.stream(values).iterator();
  }

  /** The bytes of an array as ONNX has them: in 'c' order, little endian. */
  static ByteBuffer bytes(INDArray array) {
    double[] values =
        array.isEmpty() ? new double[0] : array.castTo(DataType.DOUBLE).dup('c').data().asDouble();
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Math.max(1, array.dataType().width()))
            .order(ByteOrder.LITTLE_ENDIAN);
    for (double value : values) {
      put(bytes, array.dataType(), value);
    }
    return bytes.flip();
  }

  private static void put(ByteBuffer bytes, DataType type, double value) {
    if (type == DataType.FLOAT16) {
      bytes.putShort((short) HalfIndexer.fromFloat((float) value));
    } else if (type == DataType.BFLOAT16) {
      bytes.putShort((short) (Float.floatToRawIntBits((float) value) >>> 16));
    } else if (type == DataType.FLOAT) {
      bytes.putFloat((float) value);
    } else if (type == DataType.DOUBLE) {
      bytes.putDouble(value);
    } else if (type == DataType.INT32) {
      bytes.putInt((int) value);
    } else if (type == DataType.INT64) {
      bytes.putLong((long) value);
    } else if (type == DataType.BOOL || type == DataType.INT8 || type == DataType.UINT8) {
      bytes.put((byte) value);
    } else {
      throw new IllegalArgumentException(type.toString());
    }
  }

  static Onnx.TensorProto tensor(String name, INDArray array) {
    Onnx.TensorProto.Builder tensor =
        Onnx.TensorProto.newBuilder()
            .setName(name)
            .setDataType(TYPES.get(array.dataType()))
            .setRawData(ByteString.copyFrom(bytes(array)));
    for (long size : array.shape()) {
      tensor.addDims(size);
    }
    return tensor.build();
  }

  private static Onnx.ValueInfoProto value(String name, DataType type, long[] shape) {
    Onnx.TypeProto.Tensor.Builder tensor =
        Onnx.TypeProto.Tensor.newBuilder().setElemType(TYPES.get(type));
    if (shape != null) {
      Onnx.TensorShapeProto.Builder sizes = Onnx.TensorShapeProto.newBuilder();
      for (int i = 0; i < shape.length; i++) {
        Onnx.TensorShapeProto.Dimension.Builder size = Onnx.TensorShapeProto.Dimension.newBuilder();
        sizes.addDim(shape[i] < 0 ? size.setDimParam(name + i) : size.setDimValue(shape[i]));
      }
      tensor.setShape(sizes);
    }
    return Onnx.ValueInfoProto.newBuilder()
        .setName(name)
        .setType(Onnx.TypeProto.newBuilder().setTensorType(tensor))
        .build();
  }
}
