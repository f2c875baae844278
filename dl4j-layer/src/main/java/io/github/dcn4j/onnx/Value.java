package io.github.dcn4j.onnx;

import java.util.Arrays;
import java.util.function.Function;
import java.util.function.Supplier;
import lombok.AccessLevel;
import lombok.AllArgsConstructor;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What a node reads or makes: a variable of the graph, and what is known of it before the graph
 * runs.
 */
@AllArgsConstructor(access = AccessLevel.PRIVATE)
final class Value {
  /** In a shape: a size that is not known before the graph runs. */
  static final long OPEN = -1;

  /** In {@link #elements()}: an element that is not known before the graph runs. */
  static final long UNKNOWN = Long.MIN_VALUE;

  /** Longer vectors are no shapes. */
  static final int MOST_ELEMENTS = 64;

  private final String name;
  private final DataType type;
  private final long[] shape;
  private final INDArray constant;
  private final long[] elements;
  private final Rescaling rescaling;
  private Supplier<SDVariable> maker;
  private SDVariable variable;

  /** What this is another name of; null for itself. */
  private final Value source;

  /** A value that the graph computes. */
  static Value of(String name, SDVariable variable, long[] shape, long[] elements) {
    boolean none = elements == null && shape != null && Arrays.equals(shape, new long[] {0});
    long[] known = none && variable.dataType().isIntType() ? new long[0] : elements;
    return new Value(name, variable.dataType(), shape, null, known, null, null, variable, null);
  }

  /** A value that is known; its variable is made when first asked for. */
  static Value constant(String name, INDArray array, Supplier<SDVariable> maker) {
    return new Value(
        name, array.dataType(), array.shape(), array, elementsOf(array), null, maker, null, null);
  }

  /**
   * A value whose variable is made when first asked for: it may be that only what a following
   * normalisation makes of it is needed.
   */
  static Value lazy(
      String name, DataType type, long[] shape, Supplier<SDVariable> maker, Rescaling rescaling) {
    return new Value(name, type, shape, null, null, rescaling, maker, null, null);
  }

  /** The same with its variable made otherwise. */
  Value madeBy(Function<Supplier<SDVariable>, SDVariable> then) {
    return lazy(name, type, shape, () -> then.apply(maker), rescaling);
  }

  /** What a node that was refused would have made: whoever looks at it is left out. */
  static Value refused(String name) {
    return new Value(name, null, null, null, null, null, null, null, null);
  }

  private static long[] elementsOf(INDArray array) {
    boolean small = array.rank() <= 1 && array.length() <= MOST_ELEMENTS;
    if (!small || !array.dataType().isIntType()) {
      return null;
    }
    return array.isEmpty() ? new long[0] : array.castTo(DataType.INT64).ravel().toLongVector();
  }

  /** Whether the node that makes it was refused. */
  boolean isRefused() {
    return type == null;
  }

  private void check() {
    if (isRefused()) {
      throw new RefusedInput();
    }
  }

  /** The name in the file. */
  String name() {
    return name;
  }

  DataType type() {
    check();
    return type;
  }

  boolean isFloat() {
    return type().isFPType();
  }

  /** The sizes, {@link #OPEN} for open ones; null where not even their number is known. */
  long[] shape() {
    check();
    return shape == null ? null : shape.clone();
  }

  /** Whether all sizes are known. */
  boolean isStatic() {
    check();
    return shape != null && Arrays.stream(shape).allMatch(size -> size >= 0);
  }

  /**
   * The array, where it is known before the graph runs (weights under training are not), or null.
   */
  INDArray constant() {
    check();
    return constant;
  }

  /**
   * The elements of a whole number or a short vector of whole numbers, {@link #UNKNOWN} for those
   * that are not known; null where none is.
   */
  long[] elements() {
    check();
    return elements == null ? null : elements.clone();
  }

  /** The elements where all are known, or null. */
  long[] knownElements() {
    long[] all = elements();
    return all == null || Arrays.stream(all).anyMatch(e -> e == UNKNOWN) ? null : all;
  }

  /** The variable in the graph. */
  SDVariable variable() {
    check();
    if (variable == null) {
      variable = maker.get();
    }
    return variable;
  }

  /** Whether the variable is not there yet. */
  boolean isLazy() {
    return variable == null && rescaling != null;
  }

  /** How to make this with each channel multiplied and added to, at no cost; null if it is not. */
  Rescaling rescaling() {
    check();
    return rescaling;
  }

  /** The same under another name. */
  Value named(String other) {
    check();
    // Names of names are names of one value: chains of them may be long.
    Value first = source == null ? this : source;
    return new Value(
        other, type, shape, constant, elements, null, first::variable, first.variable, first);
  }

  /** Makes a value of which each channel (axis 1) was multiplied by a factor and added to. */
  @FunctionalInterface
  interface Rescaling {
    /**
     * The variable.
     *
     * @param factors [C]
     * @param addends [C]
     */
    SDVariable apply(INDArray factors, INDArray addends);
  }

  /** Thrown when a converter looks at what another node, itself refused, would have made. */
  static final class RefusedInput extends RuntimeException {
    private static final long serialVersionUID = 1;

    RefusedInput() {
      super(null, null, false, false);
    }
  }
}
