package io.github.dcn4j.ops;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Every op gives the same bits, run after run, with any number of threads. */
@Tag("every-kernel")
class ReproducibilityTest {
  private final int threads = Nd4j.getEnvironment().maxThreads();

  @AfterEach
  void restoreThreads() {
    Nd4j.getEnvironment().setMaxThreads(threads);
  }

  /**
   * Each op on arrays large enough for many tiles, blocks and image slots: all that it computes.
   */
  static Stream<Named<Supplier<List<INDArray>>>> ops() {
    Nd4j.getRandom().setSeed(7);
    Problem convolution = convolution();
    PoolingProblem pooling = pooling();
    Aggregation dcnv3 = dcnv3();
    Aggregation attention = attention();
    return Stream.of(
        Named.of("deformable_conv2d", () -> all(convolution.backward(), convolution.forward())),
        Named.of("dcn4j_conv2d", () -> plainConvolution(convolution)),
        Named.of(
            "deformable_psroi_pooling", () -> all(pooling.backward(), pooling.forwardWithCount())),
        Named.of("dcnv3", () -> Arrays.asList(dcnv3.all())),
        Named.of("multi_scale_deformable_attention", () -> Arrays.asList(attention.all())));
  }

  private static List<INDArray> all(INDArray[] gradients, INDArray... outputs) {
    return Stream.of(outputs, gradients).flatMap(Arrays::stream).collect(Collectors.toList());
  }

  private static Problem convolution() {
    return Problem.builder()
        .input(Nd4j.randn(DataType.FLOAT, 5, 96, 21, 19))
        .weights(Nd4j.randn(DataType.FLOAT, 40, 96, 3, 3))
        .offset(Nd4j.randn(DataType.FLOAT, 5, 36, 21, 19).muli(3))
        .mask(Nd4j.rand(DataType.FLOAT, 5, 18, 21, 19))
        .bias(Nd4j.randn(DataType.FLOAT, 40))
        .gradOutput(Nd4j.randn(DataType.FLOAT, 5, 40, 21, 19))
        .config(
            DeformableConv2DConfig.builder().kH(3).kW(3).pH(1).pW(1).deformableGroups(2).build())
        .build();
  }

  private static List<INDArray> plainConvolution(Problem p) {
    NDDeformable ops = new NDDeformable();
    DeformableConv2DConfig config = p.getConfig().toBuilder().deformableGroups(1).build();
    return all(
        ops.conv2dBp(p.getInput(), p.getWeights(), p.getBias(), p.getGradOutput(), config),
        ops.conv2d(p.getInput(), p.getWeights(), p.getBias(), config));
  }

  /** Many rois over the same few pixels. */
  private static PoolingProblem pooling() {
    INDArray rois = Nd4j.rand(DataType.FLOAT, 120, 5).muli(50);
    for (int r = 0; r < 120; r++) {
      rois.putScalar(r, 0, r % 3);
      rois.putScalar(r, 3, rois.getFloat(r, 1) + 40);
      rois.putScalar(r, 4, rois.getFloat(r, 2) + 30);
    }
    return PoolingProblem.builder()
        .input(Nd4j.randn(DataType.FLOAT, 3, 48, 20, 24))
        .rois(rois)
        .trans(Nd4j.randn(DataType.FLOAT, 120, 4, 7, 7))
        .gradOutput(Nd4j.randn(DataType.FLOAT, 120, 12, 7, 7))
        .config(
            DeformablePSROIPoolingConfig.builder()
                .spatialScale(0.25)
                .outputDim(12)
                .groupSize(2)
                .pooledSize(7)
                .transStd(0.1)
                .build())
        .build()
        .counted();
  }

  private static Aggregation dcnv3() {
    return Aggregation.builder()
        .name("dcnv3")
        .config(DCNv3Config.builder().kH(3).kW(3).pH(1).pW(1).groups(4).build())
        .inputs(
            List.of(
                Nd4j.randn(DataType.FLOAT, 5, 21, 19, 48),
                Nd4j.randn(DataType.FLOAT, 5, 21, 19, 72).muli(3),
                Nd4j.rand(DataType.FLOAT, 5, 21, 19, 36)))
        .gradOutput(Nd4j.randn(DataType.FLOAT, 5, 21, 19, 48))
        .build();
  }

  /** Many queries over the same few pixels. */
  private static Aggregation attention() {
    return Aggregation.builder()
        .name("multi_scale_deformable_attention")
        .inputs(
            List.of(
                Nd4j.randn(DataType.FLOAT, 3, 140, 4, 16),
                Nd4j.createFromArray(new int[][] {{10, 11}, {5, 6}}),
                Nd4j.rand(DataType.FLOAT, 3, 300, 4, 2, 4, 2).muli(1.1),
                Nd4j.rand(DataType.FLOAT, 3, 300, 4, 2, 4)))
        .gradOutput(Nd4j.randn(DataType.FLOAT, 3, 300, 64))
        .build();
  }

  private static List<int[]> bits(Supplier<List<INDArray>> op) {
    return op.get().stream().map(Bits::of).collect(Collectors.toList());
  }

  @ParameterizedTest
  @MethodSource("ops")
  void repeatedRunsGiveTheSameBits(Supplier<List<INDArray>> op) {
    List<int[]> first = bits(op);
    for (int run = 0; run < 5; run++) {
      Bits.assertSame(first, bits(op), "run " + run);
    }
  }

  @ParameterizedTest
  @MethodSource("ops")
  void anyNumberOfThreadsGivesTheSameBits(Supplier<List<INDArray>> op) {
    assertTrue(threads >= 4, "the build sets OMP_NUM_THREADS=4 for this test");
    Nd4j.getEnvironment().setMaxThreads(1);
    List<int[]> one = bits(op);
    for (int count : new int[] {2, 3, 4}) {
      Nd4j.getEnvironment().setMaxThreads(count);
      Bits.assertSame(one, bits(op), count + " threads");
    }
  }

  @ParameterizedTest
  @MethodSource("ops")
  void callsFromSeveralThreadsAtOnceDoNotDisturbEachOther(Supplier<List<INDArray>> op)
      throws Exception {
    List<int[]> alone = bits(op);
    ExecutorService pool = Executors.newFixedThreadPool(4);
    try {
      List<Future<List<int[]>>> results = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        results.add(pool.submit(() -> bits(op)));
      }
      for (Future<List<int[]>> result : results) {
        Bits.assertSame(alone, result.get(), "concurrent call");
      }
    } finally {
      pool.shutdown();
    }
  }
}
