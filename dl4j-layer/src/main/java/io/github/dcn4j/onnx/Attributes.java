package io.github.dcn4j.onnx;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import onnx.Onnx;
import onnx.Onnx.AttributeProto.AttributeType;

/** The attributes of a node, and which of them were read. */
class Attributes {
  private final Map<String, Onnx.AttributeProto> attributes = new LinkedHashMap<>();
  private final Set<String> unread = new LinkedHashSet<>();

  /** Throws a {@link Refusal} where an attribute is given twice, or by reference. */
  Attributes(Onnx.NodeProto node) {
    for (Onnx.AttributeProto attribute : node.getAttributeList()) {
      if (attributes.put(attribute.getName(), attribute) != null) {
        throw new Refusal("attribute " + attribute.getName() + ": given twice");
      }
      if (!attribute.getRefAttrName().isEmpty()) {
        throw bad(attribute.getName(), "a value", "a reference to " + attribute.getRefAttrName());
      }
      unread.add(attribute.getName());
    }
  }

  boolean has(String name) {
    return attributes.containsKey(name);
  }

  /** Throws a {@link Refusal} if there are attributes that nobody read. */
  void checkAllRead() {
    if (!unread.isEmpty()) {
      throw new Refusal("attribute " + String.join(", ", unread) + ": not supported here");
    }
  }

  private Onnx.AttributeProto read(String name, AttributeType type) {
    unread.remove(name);
    Onnx.AttributeProto attribute = attributes.get(name);
    AttributeType given = attribute == null ? type : attribute.getType();
    // Files of the first versions of ONNX leave the type out.
    if (given != type && given != AttributeType.UNDEFINED) {
      throw bad(name, "type " + type, given);
    }
    return attribute;
  }

  long integer(String name, long standard) {
    Onnx.AttributeProto attribute = read(name, AttributeType.INT);
    return attribute == null ? standard : attribute.getI();
  }

  /** A required whole number. */
  long integer(String name) {
    if (!has(name)) {
      throw bad(name, "a whole number", "none");
    }
    return integer(name, 0);
  }

  boolean flag(String name, boolean standard) {
    long value = integer(name, standard ? 1 : 0);
    if (value != 0 && value != 1) {
      throw bad(name, "0 or 1", value);
    }
    return value == 1;
  }

  /** Whole numbers, or null. */
  long[] integers(String name) {
    Onnx.AttributeProto attribute = read(name, AttributeType.INTS);
    return attribute == null
        ? null
        : attribute.getIntsList().stream().mapToLong(Long::longValue).toArray();
  }

  /** So many whole numbers of at least {@code least}; {@code standard} in each place by default. */
  long[] integers(String name, int count, long least, long standard) {
    long[] values = integers(name);
    if (values == null) {
      values = new long[count];
      Arrays.fill(values, standard);
    }
    if (values.length != count || Arrays.stream(values).anyMatch(value -> value < least)) {
      throw bad(name, count + " whole numbers of at least " + least, Arrays.toString(values));
    }
    return values;
  }

  float number(String name, float standard) {
    Onnx.AttributeProto attribute = read(name, AttributeType.FLOAT);
    return attribute == null ? standard : attribute.getF();
  }

  /** Numbers, or null. */
  float[] numbers(String name) {
    Onnx.AttributeProto attribute = read(name, AttributeType.FLOATS);
    if (attribute == null) {
      return null;
    }
    float[] values = new float[attribute.getFloatsCount()];
    for (int i = 0; i < values.length; i++) {
      values[i] = attribute.getFloats(i);
    }
    return values;
  }

  /** One of several words, the first of which is the default. */
  String word(String name, String standard, String... others) {
    Onnx.AttributeProto attribute = read(name, AttributeType.STRING);
    String value = attribute == null ? standard : attribute.getS().toStringUtf8();
    if (!value.equals(standard) && !Arrays.asList(others).contains(value)) {
      String all = standard + (others.length == 0 ? "" : ", " + String.join(", ", others));
      throw bad(name, "one of " + all, value);
    }
    return value;
  }

  /** A required text. */
  String text(String name) {
    if (!has(name)) {
      throw bad(name, "a text", "none");
    }
    return read(name, AttributeType.STRING).getS().toStringUtf8();
  }

  /** A tensor, or null. */
  Onnx.TensorProto tensor(String name) {
    Onnx.AttributeProto attribute = read(name, AttributeType.TENSOR);
    return attribute == null ? null : attribute.getT();
  }

  static Refusal bad(String name, String expected, Object got) {
    return new Refusal("attribute " + name + ": expected " + expected + ", got " + got);
  }
}
