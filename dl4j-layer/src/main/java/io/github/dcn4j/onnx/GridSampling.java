package io.github.dcn4j.onnx;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ops.impl.transforms.strict.Rint;

/**
 * {@code GridSample}, of any number of axes: rows of channels, picked at the neighbours of each
 * position, times weights.
 */
final class GridSampling {
  private final Node node;
  private final SameDiff sd;
  private final String mode;
  private final String padding;
  private final boolean alignCorners;
  private final Value x;
  private final Value grid;
  private final int axes;
  private final DataType type;

  private GridSampling(Node node) {
    this.node = node;
    sd = node.sd();
    String given =
        node.opset() < 20
            ? node.word("mode", "bilinear", "nearest", "bicubic")
            : node.word("mode", "linear", "nearest", "cubic");
    mode = given.replace("bi", "");
    padding = node.word("padding_mode", "zeros", "border", "reflection");
    alignCorners = node.flag("align_corners", false);
    x = node.floating(0);
    grid = node.floating(1);
    type = x.type();
    axes = node.shape(0).length - 2;
    if (axes < 1) {
      throw node.bad(0, "at least 3 dimensions", Sizes.text(x.shape()));
    }
    long[] positions = node.shape(1, axes + 2);
    if (positions[axes + 1] >= 0 && positions[axes + 1] != axes) {
      throw node.bad(1, axes + " coordinates", Sizes.text(positions));
    }
  }

  static void addTo(Converters all) {
    all.add("GridSample", 16, node -> new GridSampling(node).convert());
  }

  private SDVariable number(double value) {
    return node.scalar(type, value);
  }

  /** A size as a number of the input's type. */
  private SDVariable size(int axis) {
    long size = x.shape()[axis];
    return size >= 0 ? number(size) : Shapes.cast(sd.sizeAt(x.variable(), axis), type);
  }

  private SDVariable whole(int axis) {
    long size = x.shape()[axis];
    return size >= 0
        ? node.scalar(DataType.INT64, size)
        : Shapes.cast(sd.sizeAt(x.variable(), axis), DataType.INT64);
  }

  private void convert() {
    long[] in = x.shape();
    long[] positions = grid.shape();
    // Each position as a row, [N·M, 1]
    SDVariable flat = sd.reshape(Shapes.cast(grid.variable(), type), -1, axes);
    List<List<SDVariable>> indices = new ArrayList<>();
    List<List<SDVariable>> weights = new ArrayList<>();
    for (int i = 0; i < axes; i++) {
      // The grid has the last axis first.
      SDVariable along = Indexing.partOf(flat, 2, 1, axes - 1L - i, axes - i);
      List<SDVariable> index = new ArrayList<>();
      List<SDVariable> weight = new ArrayList<>();
      taps(along, i + 2, index, weight);
      indices.add(index);
      weights.add(weight);
    }
    SDVariable sum = sum(rowsOfChannels(in), firstRows(positions), indices, weights);
    long[] middle = Arrays.copyOfRange(positions, 1, axes + 1);
    long[] shape = Sizes.concat(new long[] {positions[0]}, middle, new long[] {in[1]});
    SDVariable back;
    if (Arrays.stream(shape).filter(s -> s < 0).count() <= 1) {
      back = sd.reshape(sum, shape);
    } else {
      SDVariable sizes = Shapes.cast(sd.shape(grid.variable()), DataType.INT64);
      SDVariable first = Indexing.partOf(sizes, 1, 0, 0, axes + 1);
      back = sd.reshape(sum, sd.concat(0, first, sd.reshape(whole(1), 1)));
    }
    int[] order = new int[axes + 2];
    order[1] = axes + 1;
    for (int i = 0; i < axes; i++) {
      order[i + 2] = i + 1;
    }
    node.output(
        sd.permute(back, order),
        Sizes.concat(new long[] {Math.max(positions[0], in[0]), in[1]}, middle));
  }

  /** The input as [N·P, C]. */
  private SDVariable rowsOfChannels(long[] in) {
    int[] order = new int[axes + 2];
    for (int i = 0; i < axes; i++) {
      order[i + 1] = i + 2;
    }
    order[axes + 1] = 1;
    SDVariable moved = sd.permute(x.variable(), order);
    if (in[1] >= 0) {
      return sd.reshape(moved, -1, in[1]);
    }
    return sd.reshape(moved, sd.concat(0, node.longs(-1), sd.reshape(whole(1), 1)));
  }

  /** The first row of each position's image, [N·M, 1]. */
  private SDVariable firstRows(long[] positions) {
    SDVariable rows = node.scalar(DataType.INT64, 1);
    for (int i = 0; i < axes; i++) {
      rows = rows.mul(whole(i + 2));
    }
    SDVariable zero = node.scalar(DataType.INT64, 0);
    SDVariable one = node.scalar(DataType.INT64, 1);
    SDVariable n = sd.range(zero, whole(0), one, DataType.INT64).mul(rows);
    // Repeated for each position by adding zeros
    SDVariable first = Indexing.partOf(grid.variable(), axes + 2, axes + 1, 0, 1);
    SDVariable zeros = Shapes.cast(sd.zerosLike(first), DataType.INT64);
    long[] column = new long[axes + 2];
    Arrays.fill(column, 1);
    column[0] = -1;
    return sd.reshape(zeros.add(sd.reshape(n, column)), -1, 1);
  }

  private SDVariable sum(
      SDVariable rows,
      SDVariable first,
      List<List<SDVariable>> indices,
      List<List<SDVariable>> weights) {
    int taps = indices.get(0).size();
    int combinations = (int) Math.pow(taps, axes);
    SDVariable sum = null;
    for (int c = 0; c < combinations; c++) {
      SDVariable at = null;
      SDVariable weight = null;
      int rest = c;
      for (int i = axes - 1; i >= 0; i--, rest /= taps) {
        SDVariable w = weights.get(i).get(rest % taps);
        weight = weight == null ? w : weight.mul(w);
      }
      rest = c;
      int[] tap = new int[axes];
      for (int i = axes - 1; i >= 0; i--, rest /= taps) {
        tap[i] = rest % taps;
      }
      for (int i = 0; i < axes; i++) {
        SDVariable index = indices.get(i).get(tap[i]);
        at = at == null ? index : at.mul(whole(i + 2)).add(index);
      }
      SDVariable picked = Indexing.rows(rows, sd.reshape(first.add(at), -1), 0);
      SDVariable part = picked.mul(weight);
      sum = sum == null ? part : sum.add(part);
    }
    return sum;
  }

  /** Whole positions along an axis and their weights, [N·M, 1] each. */
  private void taps(
      SDVariable normalized, int axis, List<SDVariable> indices, List<SDVariable> weights) {
    SDVariable size = size(axis);
    SDVariable last = size.sub(number(1));
    SDVariable at =
        alignCorners
            ? normalized.add(number(1)).mul(number(0.5)).mul(last)
            : normalized.add(number(1)).mul(size).sub(number(1)).mul(number(0.5));
    if (mode.equals("nearest")) {
      at = new Rint(sd, at, false).outputVariable();
    }
    at = inside(at, last);
    if (mode.equals("nearest")) {
      add(at, null, last, indices, weights);
      return;
    }
    SDVariable floor = sd.math().floor(at);
    SDVariable ratio = at.sub(floor);
    int reach = mode.equals("linear") ? 1 : 2;
    for (int tap = 1 - reach; tap <= reach; tap++) {
      SDVariable weight;
      if (reach == 1) {
        weight = tap == 1 ? ratio : number(1).sub(ratio);
      } else {
        SDVariable distance = tap <= 0 ? ratio.add(number(-tap)) : number(tap).sub(ratio);
        weight = Cubic.weight(sd, distance, -0.75);
      }
      add(floor.add(number(tap)), weight, last, indices, weights);
    }
  }

  private void add(
      SDVariable at,
      SDVariable weight,
      SDVariable last,
      List<SDVariable> indices,
      List<SDVariable> weights) {
    SDVariable zero = number(0);
    SDVariable index = padding.equals("reflection") ? reflected(at, last) : at;
    SDVariable w = weight;
    if (padding.equals("zeros")) {
      SDVariable valid =
          Shapes.cast(sd.gte(at, zero), type).mul(Shapes.cast(sd.lte(at, last), type));
      w = w == null ? valid : w.mul(valid);
    } else if (w == null) {
      w = sd.onesLike(at);
    }
    index = sd.math().min(sd.math().max(index, zero), last);
    indices.add(Shapes.cast(index, DataType.INT64));
    weights.add(w);
  }

  /** Positions beyond the border are moved first. */
  private SDVariable inside(SDVariable at, SDVariable last) {
    if (padding.equals("zeros")) {
      return at;
    }
    SDVariable moved =
        padding.equals("border")
            ? sd.math().min(sd.math().max(at, number(0)), last)
            : reflected(at, last);
    SDVariable least = number(alignCorners ? 0 : -0.5);
    SDVariable most = alignCorners ? last : last.add(number(0.5));
    SDVariable beyond = Shapes.cast(sd.lt(at, least), type).add(Shapes.cast(sd.gt(at, most), type));
    return at.add(moved.sub(at).mul(beyond));
  }

  /** Mirrored at the borders as often as needed. */
  private SDVariable reflected(SDVariable at, SDVariable last) {
    SDVariable least = number(alignCorners ? 0 : -0.5);
    SDVariable range = alignCorners ? last : last.add(number(1));
    // A single pixel has no range between its corners.
    SDVariable period = sd.math().max(range, number(1e-30)).mul(number(2));
    SDVariable from = at.sub(least);
    SDVariable rest = from.sub(sd.math().floor(from.div(period)).mul(period));
    SDVariable folded = range.sub(sd.math().abs(rest.sub(range)));
    return folded.add(least);
  }
}
