package io.github.dcn4j.examples.benchmark;

import io.github.dcn4j.ops.DCNv3;
import io.github.dcn4j.ops.DCNv3Config;
import io.github.dcn4j.ops.DCNv3Derivative;
import java.util.Map;
import lombok.experimental.UtilityClass;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The operator of DCNv3, forward and backward, beside the plain depth-wise convolution of as many
 * channels: the same taps at fixed places, with the same weights at every pixel. Deformable groups
 * are the operator's groups.
 */
@UtilityClass
class DCNv3Case {
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
    DCNv3Config config =
        DCNv3Config.builder()
            .kH(shape.getKernel())
            .kW(shape.getKernel())
            .sH(shape.getStride())
            .sW(shape.getStride())
            .pH(shape.getPadding())
            .pW(shape.getPadding())
            .groups(shape.getDeformableGroups())
            .build();
    Race race = new Race();
    race.add(
        Contender.FORWARD,
        ConvolutionArrays.work(new DCNv3(input, offset, mask, config), gradient.ulike()));
    race.add(
        Contender.BACKWARD,
        ConvolutionArrays.work(
            new DCNv3Derivative(input, offset, mask, gradient, config),
            input.ulike(),
            offset.ulike(),
            mask.ulike()));
    new ConvolutionArrays(shape.withGroups(shape.getChannels()), DataType.FLOAT).addPlain(race);
    return race.run(task);
  }
}
