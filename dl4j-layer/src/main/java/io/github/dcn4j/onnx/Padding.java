package io.github.dcn4j.onnx;

import java.util.Arrays;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.transforms.Pad;
import org.nd4j.linalg.factory.Nd4j;

/** The op {@code Pad}, which may also cut. */
final class Padding {
  private Padding() {}

  static void addTo(Converters all) {
    all.add("Pad", 2, 10, Padding::byAttributes).add("Pad", 11, Padding::byInputs);
  }

  /** Wrapping came with opset 19, but PyTorch's exporter writes it with 18. */
  private static String mode(Node node) {
    return node.opset() < 18
        ? node.word("mode", "constant", "reflect", "edge")
        : node.word("mode", "constant", "reflect", "edge", "wrap");
  }

  private static void byAttributes(Node node) {
    String mode = mode(node);
    long[] pads = node.integers("pads");
    float value = node.number("value", 0);
    Value x = node.input(0);
    int rank = node.shape(0).length;
    if (pads == null || pads.length != 2 * rank) {
      throw Attributes.bad("pads", 2 * rank + " whole numbers", Arrays.toString(pads));
    }
    INDArray constant = Nd4j.scalar(x.type(), value);
    pad(node, x, mode, pads, Value.constant("value", constant, () -> node.constant(constant)));
  }

  private static void byInputs(Node node) {
    String mode = mode(node);
    Value x = node.input(0);
    Value pads = node.input(1);
    Value value = node.optional(2);
    Value axes = node.opset() < 18 ? null : node.optional(3);
    int rank = node.shape(0).length;
    if (value != null) {
      Elementwise.sameType(node, 2, x.type());
    }
    long[] length = node.shape(1, 1);
    long[] chosen = axes == null ? new long[] {rank} : node.shape(3, 1);
    if (chosen[0] < 0 || length[0] != 2 * chosen[0]) {
      throw node.bad(1, "two numbers for each axis", Sizes.text(length));
    }
    int count = Math.toIntExact(chosen[0]);
    long[] known = pads.knownElements();
    long[] knownAxes = axes == null ? null : axes.knownElements();
    if (known != null && (axes == null || knownAxes != null)) {
      long[] all = new long[2 * rank];
      for (int i = 0; i < count; i++) {
        int axis = axes == null ? i : node.axis(knownAxes[i], rank);
        all[axis] = known[i];
        all[rank + axis] = known[count + i];
      }
      pad(node, x, mode, all, value);
      return;
    }
    SDVariable table = node.sd().reshape(Shapes.cast(pads.variable(), DataType.INT64), 2, count);
    if (axes != null) { // each pair to its axis
      SDVariable own = Extents.fromStart(node, axes.variable(), node.scalar(DataType.INT64, rank));
      SDVariable isThere =
          Shapes.cast(
              node.sd()
                  .eq(
                      node.sd().reshape(own, 1, count, 1),
                      node.sd().reshape(Extents.range(node, rank), 1, 1, rank)),
              DataType.INT64);
      table = node.sd().reshape(table, 2, count, 1).mul(isThere).sum(1);
    }
    computed(node, x, mode, table, value);
  }

  private static void pad(Node node, Value x, String mode, long[] pads, Value value) {
    long[] shape = x.shape();
    int rank = shape.length;
    long[] result = new long[rank];
    for (int i = 0; i < rank; i++) {
      result[i] = shape[i] < 0 ? Value.OPEN : shape[i] + pads[i] + pads[rank + i];
      if (shape[i] >= 0 && result[i] < 0) {
        throw node.refuse("pads: expected to leave something, got " + Arrays.toString(pads));
      }
    }
    if (Sizes.known(result)) {
      node.checkSize("the result", Sizes.product(result));
    }
    if (Arrays.stream(pads).allMatch(p -> p == 0)) {
      node.pass(0, x);
      return;
    }
    SDVariable padded = Broadcasts.numeric(x.variable());
    if (mode.equals("constant")) {
      long[][] pairs = new long[rank][2];
      for (int i = 0; i < rank; i++) {
        pairs[i][0] = Math.max(0, pads[i]);
        pairs[i][1] = Math.max(0, pads[rank + i]);
        if (pads[i] < 0 || pads[rank + i] < 0) {
          padded = cut(padded, shape, i, pads[i], pads[rank + i]);
        }
      }
      boolean more = Arrays.stream(pads).anyMatch(p -> p > 0);
      padded =
          more ? constant(node, padded, node.constant(Nd4j.createFromArray(pairs)), value) : padded;
    } else {
      for (int i = 0; i < rank; i++) {
        if (pads[i] == 0 && pads[rank + i] == 0) {
          continue;
        }
        if (shape[i] == 0) {
          throw node.bad(0, "something to repeat", Sizes.text(shape));
        }
        SDVariable index =
            shape[i] < 0
                ? index(
                    node,
                    mode,
                    node.scalar(DataType.INT64, pads[i]),
                    node.scalar(DataType.INT64, pads[rank + i]),
                    Extents.one(node, x, i))
                : node.longs(index(mode, pads[i], result[i], shape[i]));
        padded = Indexing.rows(padded, index, i);
      }
    }
    node.output(Shapes.cast(padded, x.type()), result);
  }

  /** Without the first and last ones of an axis where there are fewer than none to add. */
  private static SDVariable cut(SDVariable x, long[] shape, int axis, long before, long after) {
    long[] begin = new long[shape.length];
    long[] end = new long[shape.length];
    long[] steps = new long[shape.length];
    Arrays.fill(steps, 1);
    begin[axis] = Math.max(0, -before);
    end[axis] = Math.min(0, after);
    int whole = (1 << shape.length) - 1;
    int endMask = end[axis] < 0 ? whole & ~(1 << axis) : whole;
    return x.getSameDiff()
        .stridedSlice(x, begin, end, steps, whole & ~(1 << axis), endMask, 0, 0, 0);
  }

  /**
   * With a value around it.
   *
   * @param pairs [rank, 2] numbers of at least 0
   * @param value a number, or null for 0
   */
  private static SDVariable constant(Node node, SDVariable x, SDVariable pairs, Value value) {
    SameDiff sd = node.sd();
    INDArray known = value == null ? Nd4j.scalar(x.dataType(), 0) : value.constant();
    if (known != null) {
      return new Pad(sd, x, pairs, Pad.Mode.CONSTANT, known.getDouble(0)).outputVariable();
    }
    SDVariable padded = new Pad(sd, x, pairs, Pad.Mode.CONSTANT, 0).outputVariable();
    SDVariable isNew =
        new Pad(sd, Shapes.cast(sd.zerosLike(x), DataType.INT8), pairs, Pad.Mode.CONSTANT, 1)
            .outputVariable();
    SDVariable around =
        Shapes.cast(isNew, x.dataType())
            .mul(sd.reshape(Broadcasts.numeric(value.variable()), new long[0]));
    return padded.add(around);
  }

  /** Where the elements of an axis come from. */
  private static long[] index(String mode, long before, long size, long from) {
    long[] index = new long[Math.toIntExact(size)];
    long period = Math.max(1, 2 * (from - 1));
    for (int i = 0; i < index.length; i++) {
      long place = i - before;
      if (mode.equals("edge")) {
        index[i] = Math.max(0, Math.min(from - 1, place));
      } else if (mode.equals("wrap")) {
        index[i] = Math.floorMod(place, from);
      } else {
        long there = Math.floorMod(place, period);
        index[i] = Math.min(there, period - there) % from;
      }
    }
    return index;
  }

  /** As {@link #index(String, long, long, long)} of scalars. */
  private static SDVariable index(
      Node node, String mode, SDVariable before, SDVariable after, SDVariable from) {
    SameDiff sd = node.sd();
    SDVariable one = node.scalar(DataType.INT64, 1);
    SDVariable zero = node.scalar(DataType.INT64, 0);
    SDVariable place = Extents.range(node, from.add(before).add(after)).sub(before);
    if (mode.equals("edge")) {
      return sd.max(sd.min(place, from.sub(one)), zero);
    }
    if (mode.equals("wrap")) {
      return sd.math().floorMod(place, from);
    }
    SDVariable last = from.sub(one);
    SDVariable period = sd.max(last.add(last), one);
    SDVariable there = sd.math().floorMod(place, period);
    return sd.math().floorMod(sd.min(there, period.sub(there)), from);
  }

  /**
   * Pads that the graph computes.
   *
   * @param pads [2, rank]
   */
  private static void computed(Node node, Value x, String mode, SDVariable pads, Value value) {
    SameDiff sd = node.sd();
    int rank = x.shape().length;
    SDVariable padded = Broadcasts.numeric(x.variable());
    if (mode.equals("constant")) {
      SDVariable zero = node.scalar(DataType.INT64, 0);
      SDVariable less = sd.min(pads, sd.zerosLike(pads)).neg();
      SDVariable first = row(node, less, 0, rank);
      SDVariable size = Extents.all(node, x).sub(first).sub(row(node, less, 1, rank));
      SDVariable more = sd.permute(sd.max(pads, sd.zerosLike(pads)).add(zero), 1, 0);
      padded = constant(node, sd.slice(padded, first, size), more, value);
    } else {
      for (int i = 0; i < rank; i++) {
        SDVariable before = sd.reshape(row(node, pads, 0, rank), rank);
        SDVariable after = sd.reshape(row(node, pads, 1, rank), rank);
        long[] from = {i};
        long[] to = {i + 1};
        SDVariable index =
            index(
                node,
                mode,
                sd.reshape(Shapes.strided(before, from, to, new long[] {1}), new long[0]),
                sd.reshape(Shapes.strided(after, from, to, new long[] {1}), new long[0]),
                Extents.one(node, x, i));
        padded = Indexing.rows(padded, index, i);
      }
    }
    node.output(Shapes.cast(padded, x.type()), Sizes.open(rank));
  }

  private static SDVariable row(Node node, SDVariable pads, int row, int rank) {
    return node.sd()
        .reshape(
            Shapes.strided(
                pads, new long[] {row, 0}, new long[] {row + 1, rank}, new long[] {1, 1}),
            rank);
  }
}
