package io.github.dcn4j.onnx;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * {@code Resize} and {@code Upsample}: one axis after the other, each from rows of the input times
 * weights. Which rows, and their weights, is computed while importing where the sizes are known,
 * and by the same arithmetic in the graph where they are not.
 */
final class Resizing {
  private static final String CROP = "tf_crop_and_resize";

  /** Rows of one axis and their weights: of a value for each output pixel. */
  private static final int MOST_TAPS = 512;

  private final Node node;
  private final String mode;
  private final String coordinates;
  private final String nearest;
  private final boolean antialias;
  private final boolean excludeOutside;
  private final double cubicA;
  private final float extrapolation;

  private Resizing(
      Node node,
      String mode,
      String coordinates,
      String nearest,
      boolean antialias,
      boolean excludeOutside,
      double cubicA,
      float extrapolation) {
    this.node = node;
    this.mode = mode;
    this.coordinates = coordinates;
    this.nearest = nearest;
    this.antialias = antialias;
    this.excludeOutside = excludeOutside;
    this.cubicA = cubicA;
    this.extrapolation = extrapolation;
  }

  static void addTo(Converters all) {
    all.add("Upsample", 7, 8, Resizing::upsampleByAttribute)
        .add("Upsample", 9, 9, Resizing::upsample)
        .add("Resize", 10, 10, Resizing::upsample)
        .add("Resize", 11, Resizing::resize);
  }

  private static Resizing floored(Node node) {
    String mode = node.word("mode", "nearest", "linear");
    return new Resizing(node, mode, "asymmetric", "floor", false, false, 0, 0);
  }

  private static void upsampleByAttribute(Node node) {
    Resizing resizing = floored(node);
    float[] scales = node.numbers("scales");
    int rank = node.shape(0).length;
    if (scales == null || scales.length != rank) {
      throw Attributes.bad("scales", rank + " numbers", Arrays.toString(scales));
    }
    INDArray array = Nd4j.createFromArray(scales);
    Value value = Value.constant("scales", array, () -> node.constant(array));
    resizing.run(IntStream.range(0, rank).toArray(), value, null, null, "stretch");
  }

  private static void upsample(Node node) {
    Resizing resizing = floored(node);
    int rank = node.shape(0).length;
    resizing.run(IntStream.range(0, rank).toArray(), node.input(1), null, null, "stretch");
  }

  private static void resize(Node node) {
    boolean late = node.opset() >= 18;
    String mode = node.word("mode", "nearest", "linear", "cubic");
    String coordinates =
        node.word(
            "coordinate_transformation_mode",
            "half_pixel",
            "half_pixel_symmetric",
            "pytorch_half_pixel",
            "align_corners",
            "asymmetric",
            "tf_half_pixel_for_nn",
            CROP);
    String nearest =
        node.word("nearest_mode", "round_prefer_floor", "round_prefer_ceil", "floor", "ceil");
    Resizing resizing =
        new Resizing(
            node,
            mode,
            coordinates,
            nearest,
            late && node.flag("antialias", false),
            node.flag("exclude_outside", false),
            node.number("cubic_coeff_a", -0.75f),
            node.number("extrapolation_value", 0));
    long[] givenAxes = late ? node.integers("axes") : null;
    String policy =
        late
            ? node.word("keep_aspect_ratio_policy", "stretch", "not_larger", "not_smaller")
            : "stretch";
    Value roi = present(node, 1);
    Value scales = present(node, 2);
    Value sizes = present(node, 3);
    int rank = node.shape(0).length;
    if ((scales == null) == (sizes == null)) {
      throw node.refuse("expected either scales or sizes");
    }
    if (resizing.antialias && mode.equals("nearest")) {
      throw Attributes.bad("antialias", "0 with mode nearest", 1);
    }
    if (coordinates.equals(CROP) && roi == null) {
      throw node.refuse("input roi: expected one for " + CROP);
    }
    int[] axes =
        givenAxes == null
            ? IntStream.range(0, rank).toArray()
            : Arrays.stream(givenAxes).mapToInt(axis -> node.axis(axis, rank)).toArray();
    resizing.run(axes, scales, sizes, coordinates.equals(CROP) ? roi : null, policy);
  }

  /** Unneeded inputs are left out, or are empty tensors. */
  private static Value present(Node node, int index) {
    Value value = node.optional(index);
    boolean empty =
        value != null && value.shape() != null && Arrays.equals(value.shape(), new long[] {0});
    return empty ? null : value;
  }

  private void run(int[] axes, Value scales, Value sizes, Value roi, String policy) {
    long[] shape = node.shape(0);
    checkCount("scales", scales, axes.length);
    checkCount("sizes", sizes, axes.length);
    checkCount("roi", roi, 2 * axes.length);
    double[] knownScales = numbers(scales);
    long[] knownSizes = sizes == null ? null : sizes.elements();
    double[] knownRoi = numbers(roi);
    Value x = node.input(0);
    SDVariable y = x.type().isFPType() ? x.variable() : Shapes.cast(x.variable(), DataType.FLOAT);
    DataType inner = y.dataType();
    double common = commonScale(policy, axes, shape, knownSizes);
    Axis[] all = new Axis[axes.length];
    for (int i = 0; i < axes.length; i++) {
      Axis a = new Axis(axes[i], shape[axes[i]]);
      if (scales != null) {
        a.scale(scales, i, knownScales);
      } else if (policy.equals("stretch")) {
        a.size(sizes, i, knownSizes);
      }
      if (roi != null) {
        a.roi(roi, i, axes.length, knownRoi);
      }
      all[i] = a;
    }
    if (!policy.equals("stretch")) {
      keepAspect(all, sizes, policy, common);
    }
    long[] result = shape.clone();
    long[] current = shape.clone();
    if (isUpsampling(all, shape, inner)) {
      y =
          Upsampling.nearest(
              y,
              Math.round(all[all.length - 2].knownScale),
              Math.round(all[all.length - 1].knownScale));
      for (Axis a : all) {
        result[a.axis] = a.knownOut;
      }
    } else {
      for (Axis a : all) {
        if (!a.isIdentity()) {
          y = a.apply(y, current, inner);
        }
        result[a.axis] = a.knownOut;
        current[a.axis] = a.knownOut;
      }
    }
    node.output(Shapes.cast(y, x.type()), result);
  }

  private void checkCount(String what, Value value, int count) {
    if (value != null
        && value.shape() != null
        && !Arrays.equals(value.shape(), new long[] {count})
        && !Arrays.equals(value.shape(), new long[] {Value.OPEN})) {
      throw node.refuse(
          "input " + what + ": expected " + count + " numbers, got " + Sizes.text(value.shape()));
    }
  }

  private static double[] numbers(Value value) {
    return value == null || value.constant() == null
        ? null
        : value.constant().castTo(DataType.DOUBLE).ravel().toDoubleVector();
  }

  /** The scale of all axes where their proportions are kept and all is known, or NaN. */
  private static double commonScale(String policy, int[] axes, long[] shape, long[] sizes) {
    if (policy.equals("stretch") || sizes == null) {
      return Double.NaN;
    }
    double common = policy.equals("not_larger") ? Double.MAX_VALUE : 0;
    for (int i = 0; i < axes.length; i++) {
      if (sizes[i] == Value.UNKNOWN || shape[axes[i]] < 0) {
        return Double.NaN;
      }
      double scale = (double) sizes[i] / shape[axes[i]];
      common = policy.equals("not_larger") ? Math.min(common, scale) : Math.max(common, scale);
    }
    return common;
  }

  private void keepAspect(Axis[] all, Value sizes, String policy, double common) {
    if (!Double.isNaN(common)) {
      for (Axis a : all) {
        a.knownScale = common;
        a.knownOut = (long) (common * a.knownIn + 0.5);
      }
      return;
    }
    SameDiff sd = node.sd();
    SDVariable least = null;
    for (int i = 0; i < all.length; i++) {
      SDVariable scale = element(sizes, i).div(all[i].in(sd));
      least =
          least == null
              ? scale
              : policy.equals("not_larger")
                  ? sd.math().min(least, scale)
                  : sd.math().max(least, scale);
    }
    for (Axis a : all) {
      a.scale = least;
      a.out = sd.math().floor(least.mul(a.in(sd)).add(number(sd, 0.5)));
    }
  }

  /** Images enlarged by whole factors, each pixel repeated: ND4J has an op for that. */
  private boolean isUpsampling(Axis[] all, long[] shape, DataType type) {
    boolean repeats =
        mode.equals("nearest")
            && ((coordinates.equals("asymmetric") && nearest.equals("floor"))
                || (coordinates.equals("half_pixel") && nearest.startsWith("round")));
    if (!repeats
        || shape.length != 4
        || all.length < 2
        || type != DataType.FLOAT && type != DataType.DOUBLE) {
      return false;
    }
    for (int i = 0; i < all.length; i++) {
      Axis a = all[i];
      int last = all.length - i;
      boolean whole = a.knownScale >= 1 && a.knownScale == Math.rint(a.knownScale);
      boolean inPlace = last <= 2 ? a.axis == 4 - last : a.knownScale == 1;
      if (!whole || !inPlace || a.knownScale > 1 << 15) {
        return false;
      }
    }
    return true;
  }

  static SDVariable number(SameDiff sd, double value) {
    return sd.constant(Nd4j.scalar(DataType.DOUBLE, value));
  }

  private SDVariable element(Value vector, int index) {
    SDVariable one = Indexing.partOf(vector.variable(), 1, 0, index, index + 1);
    return Shapes.cast(node.sd().reshape(one, new long[0]), DataType.DOUBLE);
  }

  /** One axis: as many sizes, scales and bounds as are known, variables for the others. */
  private final class Axis {
    final int axis;
    final long knownIn;
    long knownOut = Value.OPEN;
    double knownScale = Double.NaN;
    double knownStart = 0;
    double knownEnd = 1;
    SDVariable out;
    SDVariable scale;
    SDVariable start;
    SDVariable end;
    boolean roiIsKnown = true;

    Axis(int axis, long size) {
      this.axis = axis;
      knownIn = size;
    }

    SDVariable in(SameDiff sd) {
      return knownIn >= 0
          ? number(sd, knownIn)
          : Shapes.cast(sd.sizeAt(node.variable(0), axis), DataType.DOUBLE);
    }

    void scale(Value scales, int index, double[] known) {
      if (known != null) {
        knownScale = known[index];
        if (!(knownScale > 0) || knownScale > 1e9) {
          throw node.refuse("scales: expected positive numbers, got " + Arrays.toString(known));
        }
        if (knownIn >= 0) {
          knownOut = (long) Math.floor(knownScale * knownIn);
        }
      } else {
        scale = element(scales, index);
      }
      if (knownOut < 0) {
        SameDiff sd = node.sd();
        SDVariable factor = scale == null ? number(sd, knownScale) : scale;
        out = sd.math().floor(factor.mul(in(sd)));
      }
    }

    void size(Value sizes, int index, long[] known) {
      if (known != null && known[index] != Value.UNKNOWN) {
        knownOut = known[index];
        if (knownOut < 0) {
          throw node.refuse("sizes: expected numbers of at least 0, got " + knownOut);
        }
        if (knownIn >= 0) {
          knownScale = (double) knownOut / knownIn;
        } else {
          scale = number(node.sd(), knownOut).div(in(node.sd()));
        }
      } else {
        out = element(sizes, index);
        scale = out.div(in(node.sd()));
      }
    }

    void roi(Value roi, int index, int count, double[] known) {
      roiIsKnown = known != null;
      if (roiIsKnown) {
        knownStart = known[index];
        knownEnd = known[index + count];
      } else {
        start = element(roi, index);
        end = element(roi, index + count);
      }
    }

    boolean isIdentity() {
      return knownScale == 1
          && (knownIn == knownOut || knownIn < 0)
          && roiIsKnown
          && knownStart == 0
          && knownEnd == 1;
    }

    boolean isKnown() {
      return knownIn >= 0 && knownOut >= 0 && !Double.isNaN(knownScale) && roiIsKnown;
    }

    SDVariable apply(SDVariable y, long[] shape, DataType type) {
      if (isKnown()) {
        node.checkSize("the output", knownOut);
      }
      SameDiff sd = isKnown() ? SameDiff.create() : node.sd();
      SDVariable input = in(sd);
      SDVariable output = knownOut >= 0 ? number(sd, knownOut) : out;
      SDVariable factor = Double.isNaN(knownScale) ? scale : number(sd, knownScale);
      SDVariable x = coordinate(sd, input, output, factor);
      SDVariable outside = null;
      if (coordinates.equals(CROP)) {
        SDVariable last = input.sub(number(sd, 1));
        SDVariable below = Shapes.cast(sd.lt(x, number(sd, 0)), DataType.DOUBLE);
        outside = below.add(Shapes.cast(sd.gt(x, last), DataType.DOUBLE));
      }
      List<SDVariable> rows = new ArrayList<>();
      List<SDVariable> weights = new ArrayList<>();
      taps(sd, x, input, factor, rows, weights);
      SDVariable result = null;
      for (int i = 0; i < rows.size(); i++) {
        SDVariable row = Indexing.rows(y, kept(rows.get(i), DataType.INT64), axis);
        if (!weights.isEmpty()) {
          row = row.mul(alongAxis(kept(weights.get(i), type), shape.length));
        }
        result = result == null ? row : result.add(row);
      }
      if (outside != null) {
        SDVariable mask = alongAxis(kept(outside, type), shape.length);
        SDVariable one = node.scalar(type, 1);
        result = result.mul(one.sub(mask)).add(mask.mul(node.scalar(type, extrapolation)));
      }
      return result;
    }

    /** A vector computed apart becomes a constant of the graph. */
    private SDVariable kept(SDVariable vector, DataType type) {
      SDVariable typed = Shapes.cast(vector, type);
      return isKnown() ? node.constant(typed.eval().dup('c')) : typed;
    }

    private SDVariable alongAxis(SDVariable vector, int rank) {
      long[] shape = new long[rank];
      Arrays.fill(shape, 1);
      shape[axis] = -1;
      return node.sd().reshape(vector, shape);
    }

    /** Where each output pixel is in the input. */
    private SDVariable coordinate(SameDiff sd, SDVariable in, SDVariable out, SDVariable factor) {
      SDVariable zero = number(sd, 0);
      SDVariable one = number(sd, 1);
      SDVariable half = number(sd, 0.5);
      SDVariable o = sd.range(zero, out, one, DataType.DOUBLE);
      SDVariable reached = factor.mul(in); // the output's size, which need not be whole
      SDVariable single = Shapes.cast(sd.eq(reached, one), DataType.DOUBLE);
      // No division by zero, where the quotient is not used
      SDVariable span = reached.sub(one).add(single);
      switch (coordinates) {
        case "align_corners":
          return o.mul(in.sub(one)).div(span).mul(one.sub(single));
        case "asymmetric":
          return o.div(factor);
        case "tf_half_pixel_for_nn":
          return o.add(half).div(factor);
        case "pytorch_half_pixel":
          SDVariable several = Shapes.cast(sd.gt(out, one), DataType.DOUBLE);
          return o.add(half).div(factor).sub(half).mul(several);
        case "half_pixel_symmetric":
          SDVariable offset = in.mul(half).mul(one.sub(out.div(reached)));
          return o.add(half).div(factor).sub(half).add(offset);
        case CROP:
          SDVariable first = roiIsKnown ? number(sd, knownStart) : start;
          SDVariable last = roiIsKnown ? number(sd, knownEnd) : end;
          SDVariable width = last.sub(first).mul(in.sub(one));
          SDVariable inside = o.div(span).mul(one.sub(single)).add(single.mul(half));
          return inside.mul(width).add(first.mul(in.sub(one)));
        default:
          return o.add(half).div(factor).sub(half);
      }
    }

    /** The rows that each output pixel is made of, and their weights, of which nearest has none. */
    private void taps(
        SameDiff sd,
        SDVariable x,
        SDVariable in,
        SDVariable factor,
        List<SDVariable> rows,
        List<SDVariable> weights) {
      SDVariable zero = number(sd, 0);
      SDVariable last = in.sub(number(sd, 1));
      if (mode.equals("nearest")) {
        rows.add(clamped(sd, rounded(sd, x), zero, last));
        return;
      }
      int support = mode.equals("linear") ? 1 : 2;
      long reach = support;
      SDVariable shrink = number(sd, 1);
      if (antialias) {
        shrink = sd.math().min(factor, number(sd, 1));
        double least = Double.isNaN(knownScale) ? 1.0 / Math.max(1, knownIn) : knownScale;
        if (Double.isNaN(knownScale) && knownIn < 0) {
          throw node.bad(0, "known sizes for antialias", "open ones");
        }
        reach = (long) Math.ceil(support / Math.min(1, least));
      }
      if (reach > MOST_TAPS) {
        throw Attributes.bad("antialias", "at most " + MOST_TAPS + " pixels each", reach);
      }
      SDVariable base = sd.math().floor(x);
      SDVariable sum = null;
      for (long tap = 1 - reach; tap <= reach; tap++) {
        SDVariable at = base.add(number(sd, tap));
        SDVariable weight = kernel(sd, sd.math().abs(at.sub(x)).mul(shrink));
        if (excludeOutside) {
          SDVariable inside = Shapes.cast(sd.gte(at, zero), DataType.DOUBLE);
          weight = weight.mul(inside).mul(Shapes.cast(sd.lte(at, last), DataType.DOUBLE));
        }
        sum = sum == null ? weight : sum.add(weight);
        weights.add(weight);
        rows.add(clamped(sd, at, zero, last));
      }
      if (antialias || excludeOutside) {
        SDVariable total = sum;
        weights.replaceAll(weight -> weight.div(total));
      }
    }

    private SDVariable clamped(SameDiff sd, SDVariable at, SDVariable least, SDVariable most) {
      return sd.math().min(sd.math().max(at, least), most);
    }

    private SDVariable rounded(SameDiff sd, SDVariable x) {
      SDVariable half = number(sd, 0.5);
      switch (nearest) {
        case "floor":
          return sd.math().floor(x);
        case "ceil":
          return sd.math().ceil(x);
        case "round_prefer_ceil":
          return sd.math().floor(x.add(half));
        default:
          return sd.math().ceil(x.sub(half));
      }
    }

    /** The weight at a distance. */
    private SDVariable kernel(SameDiff sd, SDVariable t) {
      SDVariable zero = number(sd, 0);
      SDVariable one = number(sd, 1);
      if (mode.equals("linear")) {
        return sd.math().max(one.sub(t), zero);
      }
      return Cubic.weight(sd, t, cubicA);
    }
  }
}
