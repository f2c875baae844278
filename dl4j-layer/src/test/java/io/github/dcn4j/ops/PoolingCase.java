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

/** What is drawn of a legal deformable pooling. The values follow from the seed. */
@Value
@Builder
class PoolingCase {
  private static final double[] SPECIAL = {
    Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 1e30, -1e30, 0, -0.5, 0.5
  };

  int batch, rois, height, width;
  int classes, outputDimPerClass, groupSize, pooledSize, partSize, samplePerPart;
  double spatialScale, transStd;
  boolean shifted, specialRois;
  DataType type;

  /** Of the rois: null for the input's. */
  DataType roisType;

  long seed;

  /** For each array how it lies in memory: 0 dense in 'c' order, else one of {@link Layouts}. */
  List<Integer> layouts;

  static Arbitrary<PoolingCase> all(int fewestRois) {
    return Builders.withBuilder(PoolingCase::builder)
        .use(Arbitraries.integers().between(1, 3))
        .in(PoolingCaseBuilder::batch)
        .use(Arbitraries.integers().between(fewestRois, 9))
        .in(PoolingCaseBuilder::rois)
        .use(Arbitraries.integers().between(1, 12))
        .in(PoolingCaseBuilder::height)
        .use(Arbitraries.integers().between(1, 12))
        .in(PoolingCaseBuilder::width)
        .use(Arbitraries.integers().between(1, 3))
        .in(PoolingCaseBuilder::classes)
        .use(Arbitraries.integers().between(1, 10))
        .in(PoolingCaseBuilder::outputDimPerClass)
        .use(Arbitraries.integers().between(1, 3))
        .in(PoolingCaseBuilder::groupSize)
        .use(Arbitraries.integers().between(1, 6))
        .in(PoolingCaseBuilder::pooledSize)
        .use(Arbitraries.integers().between(1, 7))
        .in(PoolingCaseBuilder::partSize)
        .use(Arbitraries.integers().between(1, 5))
        .in(PoolingCaseBuilder::samplePerPart)
        .use(Arbitraries.of(1.0, 0.25, 0.0625, 0.7))
        .in(PoolingCaseBuilder::spatialScale)
        .use(Arbitraries.of(0.0, 0.1, 1.0, -0.3))
        .in(PoolingCaseBuilder::transStd)
        .use(Arbitraries.of(true, false))
        .in(PoolingCaseBuilder::shifted)
        .use(Arbitraries.of(false, true))
        .in(PoolingCaseBuilder::specialRois)
        .use(Arbitraries.of(DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16))
        .in(PoolingCaseBuilder::type)
        .use(Arbitraries.of(DataType.FLOAT, DataType.DOUBLE).injectNull(0.4))
        .in(PoolingCaseBuilder::roisType)
        .use(Arbitraries.longs())
        .in(PoolingCaseBuilder::seed)
        .use(Arbitraries.integers().between(0, (int) Layouts.all().count()).list().ofSize(6))
        .in(PoolingCaseBuilder::layouts)
        .build(PoolingCaseBuilder::build);
  }

  /** The problem with all its arrays laid out as drawn, and the count that the op makes. */
  PoolingProblem problem() {
    Random random = new Random(seed);
    int outputDim = classes * outputDimPerClass;
    PoolingProblem p =
        PoolingProblem.builder()
            .input(
                layout(0)
                    .apply(
                        Values.uniform(
                            random,
                            1,
                            type,
                            batch,
                            (long) outputDim * groupSize * groupSize,
                            height,
                            width)))
            .rois(layout(1).apply(rois(random)))
            .trans(
                shifted
                    ? layout(2)
                        .apply(
                            Values.uniform(random, 1, type, rois, 2L * classes, partSize, partSize))
                    : null)
            .gradOutput(
                layout(3)
                    .apply(
                        Values.uniform(random, 1, type, rois, outputDim, pooledSize, pooledSize)))
            .config(
                DeformablePSROIPoolingConfig.builder()
                    .spatialScale(spatialScale)
                    .outputDim((long) outputDim)
                    .groupSize((long) groupSize)
                    .pooledSize((long) pooledSize)
                    .partSize((long) partSize)
                    .samplePerPart((long) samplePerPart)
                    .transStd(transStd)
                    .build())
            .build()
            .counted();
    return p.toBuilder().count(layout(4).apply(p.getCount())).build();
  }

  private INDArray rois(Random random) {
    double[] values = new double[5 * rois];
    for (int r = 0; r < rois; r++) {
      values[5 * r] = random.nextInt(batch);
      for (int i = 1; i < 5; i++) {
        double size = (i % 2 == 1 ? width : height) / spatialScale;
        values[5 * r + i] =
            specialRois && random.nextInt(6) == 0
                ? SPECIAL[random.nextInt(SPECIAL.length)]
                : size * (1.6 * random.nextDouble() - 0.3);
      }
    }
    return Values.array(values, roisType == null ? type : roisType, rois, 5);
  }

  /** How the outputs lie in memory. */
  UnaryOperator<INDArray> outputLayout() {
    return layout(5);
  }

  private UnaryOperator<INDArray> layout(int array) {
    return Layouts.drawn(layouts.get(array));
  }
}
