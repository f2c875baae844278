package io.github.dcn4j.onnx;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.Supplier;
import onnx.Onnx;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A node of the ONNX graph, as its {@link Converter} sees it. */
final class Node extends Attributes {
  /** More elements than these are not put into the graph on a converter's own account. */
  private static final long MOST_MADE = 1 << 24;

  private final Onnx.NodeProto proto;
  private final long opset;
  private final SameDiff sd;

  /** In the order of the standard; null for those left out. */
  private final List<Value> inputs;

  /** Null until made. */
  private final Value[] outputs;

  private final Map<String, Integer> readers;

  private final TreeSet<Integer> readInputs = new TreeSet<>();

  /**
   * A node.
   *
   * @param inputs null for those left out
   * @param outputs to be filled
   * @param readers how many nodes read a value
   */
  Node(
      Onnx.NodeProto proto,
      long opset,
      SameDiff sd,
      List<Value> inputs,
      Value[] outputs,
      Map<String, Integer> readers) {
    super(proto);
    this.proto = proto;
    this.opset = opset;
    this.sd = sd;
    this.inputs = inputs;
    this.outputs = outputs;
    this.readers = readers;
  }

  String op() {
    return proto.getOpType();
  }

  long opset() {
    return opset;
  }

  /** The graph that the converter adds to. */
  SameDiff sd() {
    return sd;
  }

  /** The number of inputs, those left out in between included. */
  int inputCount() {
    return inputs.size();
  }

  /** The number of outputs that are named, those left out in between included. */
  int outputCount() {
    return outputs.length;
  }

  /** Whether somebody may want this output. */
  boolean wants(int output) {
    return output < outputs.length && !proto.getOutput(output).isEmpty();
  }

  /** An input, or null if it was left out. */
  Value optional(int index) {
    readInputs.add(index);
    return index < inputs.size() ? inputs.get(index) : null;
  }

  /** A required input. */
  Value input(int index) {
    Value value = optional(index);
    if (value == null) {
      throw new Refusal("input " + index + ": expected one, got none");
    }
    return value;
  }

  /** A required input's variable. */
  SDVariable variable(int index) {
    return input(index).variable();
  }

  /** The shape of a required input, of which at least the number of dimensions must be known. */
  long[] shape(int index) {
    long[] shape = input(index).shape();
    if (shape == null) {
      throw new Refusal(
          "input " + inputs.get(index).name() + ": the number of its dimensions is not known");
    }
    return shape;
  }

  /** A required input's shape, checked to have so many dimensions. */
  long[] shape(int index, int rank) {
    long[] shape = shape(index);
    if (shape.length != rank) {
      throw bad(index, rank + " dimensions", Sizes.text(shape));
    }
    return shape;
  }

  /** The whole numbers of an input that must be known before the graph runs; null if left out. */
  long[] knownIntegers(int index) {
    Value value = optional(index);
    if (value == null) {
      return null;
    }
    long[] known = value.knownElements();
    if (known == null) {
      throw bad(index, "whole numbers known before the graph runs", "what the graph computes");
    }
    return known;
  }

  /** An axis attribute, counted from the end where it is negative, of so many dimensions. */
  int axis(long given, int rank) {
    if (given < -rank || given >= rank) {
      throw bad("axis", -rank + " to " + (rank - 1), given);
    }
    return (int) (given < 0 ? given + rank : given);
  }

  /** Requires an input to have one of the types that an op works on here. */
  Value typed(int index, DataType... types) {
    Value value = input(index);
    for (DataType type : types) {
      if (value.type() == type) {
        return value;
      }
    }
    throw bad(index, "type " + List.of(types), value.type());
  }

  /** Requires an input of floats of any width. */
  Value floating(int index) {
    Value value = input(index);
    if (!value.isFloat()) {
      throw bad(index, "floating point numbers", value.type());
    }
    return value;
  }

  /** Sets the first output. */
  void output(SDVariable variable, long[] shape) {
    output(0, variable, shape);
  }

  /**
   * Sets an output.
   *
   * @param shape as far as it is known, see {@link Value#shape()}
   */
  void output(int index, SDVariable variable, long[] shape) {
    output(index, variable, shape, null);
  }

  /** Sets an output of which elements are known, see {@link Value#elements()}. */
  void output(int index, SDVariable variable, long[] shape, long[] elements) {
    if (wants(index)) {
      outputs[index] = Value.of(proto.getOutput(index), variable, shape, elements);
    }
  }

  /** Sets the first output, of an input's type, to what is made when it turns out to be needed. */
  void lazyOutput(long[] shape, Supplier<SDVariable> maker, Value.Rescaling rescaling) {
    outputs[0] = Value.lazy(proto.getOutput(0), input(0).type(), shape, maker, rescaling);
  }

  /** Whether this node alone reads an input. */
  boolean isOnlyReader(int input) {
    return readers.getOrDefault(input(input).name(), 0) == 1;
  }

  /**
   * What is made of values: while importing where all of them are constants, else in the graph.
   *
   * @param make from the variables, in whatever graph they are
   */
  SDVariable computed(Function<SDVariable[], SDVariable> make, Value... from) {
    boolean known = Arrays.stream(from).allMatch(value -> value.constant() != null);
    if (!known) {
      return make.apply(Arrays.stream(from).map(Value::variable).toArray(SDVariable[]::new));
    }
    SameDiff apart = SameDiff.create();
    SDVariable[] constants =
        Arrays.stream(from)
            .map(value -> apart.constant(value.constant()))
            .toArray(SDVariable[]::new);
    return constant(make.apply(constants).eval().dup('c'));
  }

  /** Sets an output that is what an input is. */
  void pass(int index, Value value) {
    if (wants(index)) {
      outputs[index] = value.named(proto.getOutput(index));
    }
  }

  /** Sets an output that is known before the graph runs. */
  void constantOutput(int index, INDArray array) {
    if (wants(index)) {
      String name = proto.getOutput(index);
      outputs[index] = Value.constant(name, array, () -> constant(array));
    }
  }

  /** A constant of the converter's own. */
  SDVariable constant(INDArray array) {
    return sd.constant(array);
  }

  /** A scalar in a type. */
  SDVariable scalar(DataType type, double value) {
    return sd.constant(Nd4j.scalar(type, value));
  }

  /** A vector of INT64. */
  SDVariable longs(long... values) {
    return sd.constant(
        values.length == 0
            ? Nd4j.createUninitialized(DataType.INT64, 0)
            : Nd4j.createFromArray(values));
  }

  /** Refuses to make arrays whose sizes a model only claims. */
  void checkSize(String what, long elements) {
    if (elements > MOST_MADE || elements < 0) {
      throw new Refusal(what + ": expected at most " + MOST_MADE + " elements, got " + elements);
    }
  }

  /** For an input that does not fit. */
  Refusal bad(int input, String expected, Object got) {
    return new Refusal(
        "input " + inputs.get(input).name() + ": expected " + expected + ", got " + got);
  }

  /** For whatever else is not supported. */
  Refusal refuse(String reason) {
    return new Refusal(reason);
  }

  /** Throws a {@link Refusal} if there are inputs that nobody read, or outputs that nobody made. */
  void checkComplete() {
    checkAllRead();
    for (int i = 0; i < inputs.size(); i++) {
      if (inputs.get(i) != null && !readInputs.contains(i)) {
        throw new Refusal("input " + inputs.get(i).name() + ": one input too many");
      }
    }
    for (int i = 0; i < outputs.length; i++) {
      if (wants(i) && outputs[i] == null) {
        throw new Refusal("output " + proto.getOutput(i) + ": not supported here");
      }
    }
  }
}
