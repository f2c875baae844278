package io.github.dcn4j.onnx;

import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * The op {@code RoiAlign}: bilinear samples in each bin of each region, of which the mean or the
 * largest is taken.
 */
final class RoiAlign {
  private static final double NONE = -1e38;

  private final Node node;
  private final SameDiff sd;
  private final int ratio;

  /** The type of positions and weights. */
  private final DataType type;

  private RoiAlign(Node node, int ratio, DataType type) {
    this.node = node;
    this.sd = node.sd();
    this.ratio = ratio;
    this.type = type;
  }

  /** Samples along one axis, [R, bins·most]; counts are [R, 1, 1]. */
  private static final class Samples {
    SDVariable low;
    SDVariable high;
    SDVariable lowWeight;
    SDVariable highWeight;
    SDVariable isOne;
    SDVariable counts;
    SDVariable most;
    int bins;
  }

  static void convert(Node node) {
    boolean largest = node.word("mode", "avg", "max").equals("max");
    int height = Math.toIntExact(node.integer("output_height", 1));
    int width = Math.toIntExact(node.integer("output_width", 1));
    int ratio = Math.toIntExact(node.integer("sampling_ratio", 0));
    float scale = node.number("spatial_scale", 1);
    boolean half =
        node.opset() >= 16
            && node.word("coordinate_transformation_mode", "half_pixel", "output_half_pixel")
                .equals("half_pixel");
    Value x = node.floating(0);
    Value rois = node.floating(1);
    Value batch = node.typed(2, DataType.INT64, DataType.INT32);
    long[] shape = node.shape(0, 4);
    long[] regions = node.shape(1, 2);
    if (height < 1 || width < 1 || ratio < 0) {
      throw node.refuse("output_height, output_width, sampling_ratio: too small");
    }
    node.checkSize("the bins", (long) height * width * Math.max(1, ratio) * Math.max(1, ratio));
    DataType type = x.type() == DataType.DOUBLE ? DataType.DOUBLE : DataType.FLOAT;
    RoiAlign op = new RoiAlign(node, ratio, type);
    SDVariable corners = Shapes.cast(rois.variable(), type).mul(scale).sub(half ? 0.5 : 0);
    Samples rows = op.samples(corners, 1, height, half, Extents.one(node, x, 2));
    Samples columns = op.samples(corners, 0, width, half, Extents.one(node, x, 3));
    SDVariable pooled = op.pool(x, batch.variable(), rows, columns, largest);
    long count = Math.max(regions[0], node.shape(2, 1)[0]);
    node.output(
        Shapes.cast(sd(node).permute(pooled, 0, 3, 1, 2), x.type()),
        new long[] {count, shape[1], height, width});
  }

  private static SameDiff sd(Node node) {
    return node.sd();
  }

  private SDVariable column(SDVariable corners, int column) {
    SDVariable part =
        sd.stridedSlice(
            corners,
            new long[] {0, column},
            new long[] {0, column + 1},
            new long[] {1, 1},
            1,
            1,
            0,
            0,
            0);
    return sd.reshape(part, -1, 1, 1);
  }

  private SDVariable floats(SDVariable x) {
    return Shapes.cast(x, type);
  }

  private Samples samples(SDVariable corners, int column, int bins, boolean half, SDVariable size) {
    Samples samples = new Samples();
    SDVariable start = column(corners, column);
    SDVariable length = column(corners, column + 2).sub(start);
    if (!half) { // at least one pixel
      SDVariable one = sd.onesLike(length);
      length = sd.where(length, one, sd.gt(length, one));
    }
    samples.bins = bins;
    SDVariable bin = length.div(bins);
    if (ratio > 0) {
      samples.counts = sd.onesLike(bin).mul(ratio);
      samples.most = node.scalar(DataType.INT64, ratio);
    } else { // one a pixel
      samples.counts = sd.math().clipByValue(sd.math().ceil(bin), 0, 1 << 12);
      SDVariable largest = sd.reshape(samples.counts, 1, 1, -1).max(2);
      samples.most =
          Shapes.cast(
              sd.reshape(sd.math().clipByValue(largest, 1, 1 << 12), new long[0]), DataType.INT64);
    }
    SDVariable inBin =
        floats(
            sd.reshape(
                ratio > 0 ? Extents.range(node, ratio) : Extents.range(node, samples.most),
                1,
                1,
                -1));
    SDVariable step = sd.math().clipByValue(samples.counts, 1, 1 << 12);
    SDVariable ofBin = floats(sd.reshape(Extents.range(node, bins), 1, -1, 1));
    SDVariable place = inBin.add(0.5).div(step).add(ofBin).mul(bin).add(start);
    SDVariable last = sd.zerosLike(place).add(floats(size).sub(1));
    SDVariable zero = sd.zerosLike(place);
    SDVariable isInside =
        Broadcasts.numeric(sd.gte(place, zero.sub(1)))
            .mul(Broadcasts.numeric(sd.lte(place, last.add(1))));
    SDVariable inside = sd.where(place, zero, Shapes.cast(isInside, DataType.BOOL));
    SDVariable kept = sd.min(sd.max(inside, zero), last);
    SDVariable low = sd.math().floor(kept);
    SDVariable high = sd.min(low.add(1), last);
    SDVariable weight = kept.sub(low);
    SDVariable mask = floats(isInside);
    samples.low = Shapes.cast(low, DataType.INT64);
    samples.high = Shapes.cast(high, DataType.INT64);
    samples.highWeight = weight.mul(mask);
    samples.lowWeight = sd.onesLike(weight).sub(weight).mul(mask);
    samples.isOne = floats(sd.lt(inBin, samples.counts)).add(zero);
    return samples;
  }

  /** [R, bins, most] as [R, bins·most, 1], or [R, 1, bins·most]. */
  private SDVariable flat(SDVariable x, boolean rows) {
    SDVariable count = Shapes.cast(sd.sizeAt(x, 0), DataType.INT64);
    SDVariable one = node.scalar(DataType.INT64, 1);
    SDVariable rest = node.scalar(DataType.INT64, -1);
    return sd.reshape(
        x, rows ? Extents.vector(node, count, rest, one) : Extents.vector(node, count, one, rest));
  }

  /** [R, bins, bins, C] */
  private SDVariable pool(
      Value x, SDVariable batch, Samples rows, Samples columns, boolean largest) {
    SDVariable channels = Extents.one(node, x, 1);
    SDVariable pixels =
        sd.reshape(
            sd.permute(floats(x.variable()), 0, 2, 3, 1),
            Extents.vector(node, node.scalar(DataType.INT64, -1), channels));
    SDVariable first =
        sd.reshape(Shapes.cast(batch, DataType.INT64), -1, 1, 1).mul(Extents.one(node, x, 2));
    SDVariable[] ys = {flat(rows.low, true), flat(rows.high, true)};
    SDVariable[] yWeights = {flat(rows.lowWeight, true), flat(rows.highWeight, true)};
    SDVariable[] xs = {flat(columns.low, false), flat(columns.high, false)};
    SDVariable[] xWeights = {flat(columns.lowWeight, false), flat(columns.highWeight, false)};
    SDVariable sample = null;
    for (int i = 0; i < 4; i++) {
      SDVariable index = first.add(ys[i / 2]).mul(Extents.one(node, x, 3)).add(xs[i % 2]);
      SDVariable weight = yWeights[i / 2].mul(xWeights[i % 2]);
      SDVariable corner =
          Indexing.rows(pixels, sd.reshape(index, -1), 0).mul(sd.reshape(weight, -1, 1));
      // The largest of the four weighted corners, as ONNX Runtime has it.
      sample = sample == null ? corner : largest ? sd.max(sample, corner) : sample.add(corner);
    }
    SDVariable isOne = sd.reshape(flat(rows.isOne, true).mul(flat(columns.isOne, false)), -1, 1);
    SDVariable six =
        Extents.vector(
            node,
            node.scalar(DataType.INT64, -1),
            node.scalar(DataType.INT64, rows.bins),
            rows.most,
            node.scalar(DataType.INT64, columns.bins),
            columns.most,
            channels);
    if (!largest) {
      SDVariable counts = sd.math().clipByValue(rows.counts.mul(columns.counts), 1, 1 << 24);
      return sd.reshape(sample.mul(isOne), six).sum(2, 4).div(sd.reshape(counts, -1, 1, 1, 1));
    }
    SDVariable missing = sd.zerosLike(sample).add(isOne.sub(1).mul(-NONE));
    SDVariable best = sd.reshape(sample.mul(isOne).add(missing), six).max(2, 4);
    return sd.where(best, sd.zerosLike(best), sd.gt(best, sd.zerosLike(best).add(NONE / 2)));
  }
}
