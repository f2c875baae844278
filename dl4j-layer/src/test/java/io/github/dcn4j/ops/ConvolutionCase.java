package io.github.dcn4j.ops;

import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import lombok.Builder;
import lombok.Value;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Builders;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** What is drawn of a legal deformable convolution. The values follow from the seed. */
@Value
@Builder
class ConvolutionCase {
  /** Positions where float arithmetic, the image's border or sense ends. */
  private static final double[] SPECIAL_OFFSETS = {
    Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 1e30, -1e30, 3e9, 0, -1, 1, 0.5
  };

  int batch, channels, outChannels, height, width;
  int kH, kW, sH, sW, pH, pW, dH, dW;
  boolean same, channelsLast;
  int deformableGroups, groups;
  boolean masked, biased, specialOffsets;
  DataType type;
  long seed;

  /** For each array how it lies in memory: 0 dense in 'c' order, else one of {@link Layouts}. */
  List<Integer> layouts;

  static Arbitrary<ConvolutionCase> all(int fewestImages) {
    return Builders.withBuilder(ConvolutionCase::builder)
        .use(Arbitraries.integers().between(fewestImages, 3))
        .in(ConvolutionCaseBuilder::batch)
        .use(Arbitraries.integers().between(1, 20))
        .in(ConvolutionCaseBuilder::channels)
        .use(Arbitraries.integers().between(1, 20))
        .in(ConvolutionCaseBuilder::outChannels)
        .use(Arbitraries.integers().between(1, 14))
        .in(ConvolutionCaseBuilder::height)
        .use(Arbitraries.integers().between(1, 14))
        .in(ConvolutionCaseBuilder::width)
        .use(Arbitraries.integers().between(1, 4))
        .in(ConvolutionCaseBuilder::kH)
        .use(Arbitraries.integers().between(1, 4))
        .in(ConvolutionCaseBuilder::kW)
        .use(Arbitraries.integers().between(1, 3))
        .in(ConvolutionCaseBuilder::sH)
        .use(Arbitraries.integers().between(1, 3))
        .in(ConvolutionCaseBuilder::sW)
        .use(Arbitraries.integers().between(0, 3))
        .in(ConvolutionCaseBuilder::pH)
        .use(Arbitraries.integers().between(0, 3))
        .in(ConvolutionCaseBuilder::pW)
        .use(Arbitraries.integers().between(1, 3))
        .in(ConvolutionCaseBuilder::dH)
        .use(Arbitraries.integers().between(1, 3))
        .in(ConvolutionCaseBuilder::dW)
        .use(Arbitraries.of(false, true))
        .in(ConvolutionCaseBuilder::same)
        .use(Arbitraries.of(false, true))
        .in(ConvolutionCaseBuilder::channelsLast)
        .use(Arbitraries.integers().between(1, 3))
        .in(ConvolutionCaseBuilder::deformableGroups)
        .use(Arbitraries.integers().between(1, 3))
        .in(ConvolutionCaseBuilder::groups)
        .use(Arbitraries.of(true, false))
        .in(ConvolutionCaseBuilder::masked)
        .use(Arbitraries.of(true, false))
        .in(ConvolutionCaseBuilder::biased)
        .use(Arbitraries.of(false, true))
        .in(ConvolutionCaseBuilder::specialOffsets)
        .use(Arbitraries.of(DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16))
        .in(ConvolutionCaseBuilder::type)
        .use(Arbitraries.longs())
        .in(ConvolutionCaseBuilder::seed)
        .use(Arbitraries.integers().between(0, (int) Layouts.all().count()).list().ofSize(7))
        .in(ConvolutionCaseBuilder::layouts)
        .build(ConvolutionCaseBuilder::build);
  }

  /** The problem with all its arrays laid out as drawn. */
  Problem problem() {
    Random random = new Random(seed);
    // Both kinds of groups divide the channels.
    int c = channels + (groups * deformableGroups - channels % (groups * deformableGroups));
    int o = outChannels + (groups - outChannels % groups);
    int rows = same ? height : Math.max(height, dH * (kH - 1) + 1 - 2 * pH);
    int columns = same ? width : Math.max(width, dW * (kW - 1) + 1 - 2 * pW);
    long oH = same ? (rows + sH - 1) / sH : (rows + 2 * pH - dH * (kH - 1) - 1) / sH + 1;
    long oW = same ? (columns + sW - 1) / sW : (columns + 2 * pW - dW * (kW - 1) - 1) / sW + 1;
    long taps = (long) deformableGroups * kH * kW;
    Problem problem =
        Problem.builder()
            .input(image(random, 1, c, rows, columns))
            .weights(Values.uniform(random, 1, type, o, c / groups, kH, kW))
            .offset(offset(random, 2 * taps, oH, oW))
            .mask(masked ? image(random, 1, taps, oH, oW) : null)
            .bias(biased ? Values.uniform(random, 1, type, o) : null)
            .gradOutput(image(random, 1, o, oH, oW))
            .config(config())
            .build();
    return laidOut(problem);
  }

  private DeformableConv2DConfig config() {
    return DeformableConv2DConfig.builder()
        .kH(kH)
        .kW(kW)
        .sH(sH)
        .sW(sW)
        .pH(pH)
        .pW(pW)
        .dH(dH)
        .dW(dW)
        .same(same)
        .dataFormat(channelsLast ? "NHWC" : "NCHW")
        .deformableGroups(deformableGroups)
        .groups(groups)
        .build();
  }

  private long[] inFormat(long c, long h, long w) {
    return channelsLast ? new long[] {batch, h, w, c} : new long[] {batch, c, h, w};
  }

  private INDArray image(Random random, double size, long c, long h, long w) {
    return Values.uniform(random, size, type, inFormat(c, h, w));
  }

  private INDArray offset(Random random, long c, long h, long w) {
    return Values.array(
        () ->
            specialOffsets && random.nextInt(4) == 0
                ? SPECIAL_OFFSETS[random.nextInt(SPECIAL_OFFSETS.length)]
                : 3 * (2 * random.nextDouble() - 1),
        type,
        inFormat(c, h, w));
  }

  private Problem laidOut(Problem p) {
    return p.toBuilder()
        .input(layout(0).apply(p.getInput()))
        .weights(layout(1).apply(p.getWeights()))
        .offset(layout(2).apply(p.getOffset()))
        .mask(p.getMask() == null ? null : layout(3).apply(p.getMask()))
        .bias(p.getBias() == null ? null : layout(4).apply(p.getBias()))
        .gradOutput(layout(5).apply(p.getGradOutput()))
        .build();
  }

  /** How the outputs lie in memory. */
  UnaryOperator<INDArray> outputLayout() {
    return layout(6);
  }

  private UnaryOperator<INDArray> layout(int array) {
    return Layouts.drawn(layouts.get(array));
  }
}
