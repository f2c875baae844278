package io.github.dcn4j.onnx;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import lombok.EqualsAndHashCode;
import lombok.Value;

/**
 * Where the elements of a tensor lie in another one, of which it is a view: the flat index there,
 * in row-major order, is an offset and a sum over digits, each times a stride. The index along an
 * axis is a number with several digits, the largest first: an axis that joins transposed ones has
 * no single stride.
 *
 * <p>Digits are kept in one form, so two layouts that are equal are the same map of indices.
 * Whatever is not known to be such a map ends in a {@link NoMatch}.
 */
@EqualsAndHashCode
final class Layout {
  @Value
  private static class Digit {
    long size;
    long stride;
  }

  private final List<List<Digit>> axes;
  private final long offset;

  private Layout(List<List<Digit>> axes, long offset) {
    this.axes = new ArrayList<>();
    axes.forEach(digits -> this.axes.add(joined(digits)));
    this.offset = offset;
  }

  /** A tensor in itself. */
  static Layout of(long... shape) {
    NoMatch.unless(Arrays.stream(shape).allMatch(size -> size > 0));
    List<List<Digit>> axes = new ArrayList<>();
    long stride = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      axes.add(Collections.singletonList(new Digit(shape[i], stride)));
      stride = Math.multiplyExact(stride, shape[i]);
    }
    Collections.reverse(axes);
    return new Layout(axes, 0);
  }

  /** Without digits of size 1; two that are one number are one. */
  private static List<Digit> joined(List<Digit> digits) {
    List<Digit> result = new ArrayList<>();
    for (Digit digit : digits) {
      Digit last = result.isEmpty() ? null : result.get(result.size() - 1);
      if (last != null && last.stride == digit.stride * digit.size) {
        result.set(result.size() - 1, new Digit(last.size * digit.size, digit.stride));
      } else if (digit.size > 1) {
        result.add(digit);
      }
    }
    return result;
  }

  private static long size(List<Digit> digits) {
    return digits.stream().mapToLong(digit -> digit.size).reduce(1, Math::multiplyExact);
  }

  /** As {@code Transpose}. */
  Layout transposed(int... order) {
    NoMatch.unless(order.length == axes.size());
    List<List<Digit>> result = new ArrayList<>();
    for (int axis : order) {
      result.add(axes.get(axis));
    }
    return new Layout(result, offset);
  }

  /** As {@code Reshape}. */
  Layout reshaped(long... shape) {
    List<Digit> all = new ArrayList<>();
    axes.forEach(all::addAll);
    List<Digit> rest = joined(all);
    NoMatch.unless(size(rest) == Sizes.product(shape));
    List<List<Digit>> result = new ArrayList<>();
    int next = 0;
    for (long size : shape) {
      List<Digit> digits = new ArrayList<>();
      for (long missing = size; missing > 1; ) {
        Digit digit = rest.get(next);
        if (missing % digit.size == 0) {
          digits.add(digit);
          missing /= digit.size;
          next++;
        } else {
          NoMatch.unless(digit.size % missing == 0);
          long low = digit.size / missing;
          digits.add(new Digit(missing, digit.stride * low));
          rest.set(next, new Digit(low, digit.stride));
          missing = 1;
        }
      }
      result.add(digits);
    }
    return new Layout(result, offset);
  }

  /** As {@code Slice} with a step of 1. */
  Layout part(int axis, long begin, long size) {
    List<Digit> digits = axes.get(axis);
    long all = size(digits);
    NoMatch.unless(begin >= 0 && size > 0 && size <= all - begin);
    if (size == all) {
      return this;
    }
    NoMatch.unless(digits.size() == 1);
    long stride = digits.get(0).stride;
    List<List<Digit>> result = new ArrayList<>(axes);
    result.set(axis, Collections.singletonList(new Digit(size, stride)));
    return new Layout(result, offset + begin * stride);
  }

  /** As {@code Concat} of this same view of several tensors, which lie one after another. */
  Layout repeated(int axis, long count, long stride) {
    List<Digit> digits = new ArrayList<>();
    digits.add(new Digit(count, stride));
    digits.addAll(axes.get(axis));
    List<List<Digit>> result = new ArrayList<>(axes);
    result.set(axis, digits);
    return new Layout(result, offset);
  }
}
