package io.github.dcn4j.examples.benchmark;

import io.github.dcn4j.ops.MultiScaleDeformableAttention;
import io.github.dcn4j.ops.MultiScaleDeformableAttentionDerivative;
import java.util.stream.LongStream;
import lombok.AccessLevel;
import lombok.Getter;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The arrays of multi-scale deformable attention as the encoder of Deformable DETR has it, and our
 * ops on them: every pixel of every level is a query, and a shape's deformable groups are the
 * heads. The first level has the shape's height and width, each other half of those before.
 */
@Getter(AccessLevel.PACKAGE)
final class AttentionArrays {
  static final int LEVELS = 4;
  static final int POINTS = 4;

  private final long images;
  private final long heads;
  private final long headChannels;

  /** Heights and widths of the levels. */
  private final long[] sides;

  private final INDArray value;
  private final INDArray spatialShapes;

  /** Anywhere in the image, and a little beyond. */
  private final INDArray locations;

  private final INDArray weights;
  private final INDArray gradient;

  AttentionArrays(ConvolutionShape shape) {
    images = shape.getImages();
    heads = shape.getDeformableGroups();
    headChannels = shape.getChannels() / heads;
    sides = LongStream.iterate(shape.getSide(), side -> (side + 1) / 2).limit(LEVELS).toArray();
    long pixels = pixels();
    long[][] sizes = LongStream.of(sides).mapToObj(s -> new long[] {s, s}).toArray(long[][]::new);
    Nd4j.getRandom().setSeed(1);
    value = Nd4j.randn(DataType.FLOAT, images, pixels, heads, headChannels);
    spatialShapes = Nd4j.createFromArray(sizes);
    locations =
        Nd4j.rand(DataType.FLOAT, images, pixels, heads, LEVELS, POINTS, 2).muli(1.1).subi(0.05);
    weights = Nd4j.rand(DataType.FLOAT, images, pixels, heads, LEVELS, POINTS);
    gradient = Nd4j.randn(DataType.FLOAT, images, pixels, heads * headChannels);
  }

  /** Of all levels, and so the number of queries. */
  long pixels() {
    return LongStream.of(sides).map(side -> side * side).sum();
  }

  Race.Work forward() {
    return ConvolutionArrays.work(
        new MultiScaleDeformableAttention(value, spatialShapes, locations, weights),
        gradient.ulike());
  }

  Race.Work backward() {
    return ConvolutionArrays.work(
        new MultiScaleDeformableAttentionDerivative(
            value, spatialShapes, locations, weights, gradient),
        value.ulike(),
        locations.ulike(),
        weights.ulike());
  }
}
