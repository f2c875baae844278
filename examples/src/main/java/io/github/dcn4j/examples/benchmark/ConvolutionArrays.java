package io.github.dcn4j.examples.benchmark;

import lombok.AccessLevel;
import lombok.Getter;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The arrays of one convolution, and our ops on them, which write into arrays that are there
 * before: none pays for fresh memory.
 */
@Getter(AccessLevel.PACKAGE)
final class ConvolutionArrays {
  private final ConvolutionShape shape;
  private final INDArray input;
  private final INDArray weights;
  private final INDArray offset;
  private final INDArray mask;
  private final INDArray bias;
  private final INDArray gradient;

  ConvolutionArrays(ConvolutionShape shape, DataType type) {
    this.shape = shape;
    long n = shape.getImages();
    long side = shape.getSide();
    long out = shape.getOutSide();
    long o = shape.getOutChannels();
    long samples = (long) shape.getDeformableGroups() * shape.getTaps();
    long kernel = shape.getKernel();
    Nd4j.getRandom().setSeed(1);
    input = normal(type, n, shape.getChannels(), side, side);
    weights = normal(type, o, shape.getChannels() / shape.getGroups(), kernel, kernel);
    offset = normal(type, n, 2 * samples, out, out);
    mask = Nd4j.rand(DataType.FLOAT, n, samples, out, out).castTo(type);
    bias = normal(type, o);
    gradient = normal(type, n, o, out, out);
  }

  private static INDArray normal(DataType type, long... sizes) {
    return Nd4j.randn(DataType.FLOAT, sizes).castTo(type);
  }

  Race.Work forward() {
    return work(
        op("deformable_conv2d", deformable(), input, weights, offset, mask, bias),
        gradient.ulike());
  }

  Race.Work backward() {
    return work(
        op("deformable_conv2d_bp", deformable(), input, weights, offset, mask, bias, gradient),
        input.ulike(),
        weights.ulike(),
        offset.ulike(),
        mask.ulike(),
        bias.ulike());
  }

  /** Explicit padding, NCHW, both kinds of groups. */
  private long[] deformable() {
    return shape.arguments(0, 0, shape.getDeformableGroups(), shape.getGroups());
  }

  /** Adds our plain convolution of the same arrays, without offsets and mask. */
  void addPlain(Race race) {
    // Explicit padding, NCHW, deformable groups, groups.
    long[] arguments = shape.arguments(0, 0, 1, shape.getGroups());
    addPlain(
        race,
        Contender.PLAIN,
        "dcn4j_conv2d",
        Contender.PLAIN_BACKWARD,
        "dcn4j_conv2d_bp",
        arguments);
  }

  /** Adds a plain convolution of the same arrays by the names of its ops. */
  void addPlain(
      Race race,
      Contender forward,
      String op,
      Contender backward,
      String derivative,
      long[] arguments) {
    race.add(forward, work(op(op, arguments, input, weights, bias), gradient.ulike()));
    race.add(
        backward,
        work(
            op(derivative, arguments, input, weights, bias, gradient),
            input.ulike(),
            weights.ulike(),
            bias.ulike()));
  }

  /** An op by its name, on arrays. */
  static DynamicCustomOp op(String name, long[] arguments, INDArray... inputs) {
    DynamicCustomOp op = DynamicCustomOp.builder(name).addInputs(inputs).build();
    op.addIArgument(arguments);
    return op;
  }

  /** The op's work, with its outputs given. */
  static Race.Work work(DynamicCustomOp op, INDArray... outputs) {
    op.addOutputArgument(outputs);
    return () -> Nd4j.exec(op);
  }
}
