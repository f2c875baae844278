package io.github.dcn4j.examples.benchmark;

import java.util.Map;
import lombok.experimental.UtilityClass;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The operator of DCNv3, forward and backward, beside the plain depth-wise convolution of as many
 * channels: the same taps at fixed places, with the same weights at every pixel. Deformable groups
 * are the operator's groups.
 */
@UtilityClass
class DCNv3Case {
  private static final double OFFSET_SCALE = 1;

  static Map<Contender, Timing> run(ConvolutionShape shape, Task task) throws Exception {
    long n = shape.getImages();
    long channels = shape.getChannels();
    long side = shape.getSide();
    long out = shape.getOutSide();
    long samples = (long) shape.getDeformableGroups() * shape.getTaps();
    Nd4j.getRandom().setSeed(1);
    INDArray input = Nd4j.randn(DataType.FLOAT, n, side, side, channels);
    INDArray offset = Nd4j.randn(DataType.FLOAT, n, out, out, 2 * samples);
    INDArray mask = Nd4j.rand(DataType.FLOAT, n, out, out, samples);
    INDArray gradient = Nd4j.randn(DataType.FLOAT, n, out, out, channels);
    // Groups, and all taps.
    long[] arguments = shape.arguments(shape.getDeformableGroups(), 0);
    DynamicCustomOp forward = ConvolutionArrays.op("dcnv3", arguments, input, offset, mask);
    DynamicCustomOp backward =
        ConvolutionArrays.op("dcnv3_bp", arguments, input, offset, mask, gradient);
    forward.addTArgument(OFFSET_SCALE);
    backward.addTArgument(OFFSET_SCALE);
    Race race = new Race();
    race.add(Contender.FORWARD, ConvolutionArrays.work(forward, gradient.ulike()));
    race.add(
        Contender.BACKWARD,
        ConvolutionArrays.work(backward, input.ulike(), offset.ulike(), mask.ulike()));
    new ConvolutionArrays(shape.withGroups(shape.getChannels()), DataType.FLOAT).addPlain(race);
    return race.run(task);
  }
}
