package io.github.dcn4j.ops;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The same bits, run after run, with any number of threads, however the rois overlap. */
@Tag("every-kernel")
class DeformablePSROIPoolingReproducibilityTest {
  private final int threads = Nd4j.getEnvironment().maxThreads();

  @AfterEach
  void restoreThreads() {
    Nd4j.getEnvironment().setMaxThreads(threads);
  }

  /** Many rois over the same few pixels. */
  private static PoolingProblem large() {
    Nd4j.getRandom().setSeed(7);
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

  private static List<int[]> bits(PoolingProblem p) {
    List<int[]> bits = new ArrayList<>();
    for (INDArray output : p.forwardWithCount()) {
      bits.add(Bits.of(output));
    }
    for (INDArray gradient : p.backward()) {
      bits.add(Bits.of(gradient));
    }
    return bits;
  }

  @Test
  void repeatedRunsGiveTheSameBits() {
    PoolingProblem p = large();
    List<int[]> first = bits(p);
    for (int run = 0; run < 5; run++) {
      Bits.assertSame(first, bits(p), "run " + run);
    }
  }

  @Test
  void anyNumberOfThreadsGivesTheSameBits() {
    assertTrue(threads >= 4, "the build sets OMP_NUM_THREADS=4 for this test");
    PoolingProblem p = large();
    Nd4j.getEnvironment().setMaxThreads(1);
    List<int[]> one = bits(p);
    for (int count : new int[] {2, 3, 4}) {
      Nd4j.getEnvironment().setMaxThreads(count);
      Bits.assertSame(one, bits(p), count + " threads");
    }
  }

  @Test
  void callsFromSeveralThreadsAtOnceDoNotDisturbEachOther() throws Exception {
    PoolingProblem p = large();
    List<int[]> alone = bits(p);
    ExecutorService pool = Executors.newFixedThreadPool(4);
    try {
      List<Future<List<int[]>>> results = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        results.add(pool.submit(() -> bits(p)));
      }
      for (Future<List<int[]>> result : results) {
        Bits.assertSame(alone, result.get(), "concurrent call");
      }
    } finally {
      pool.shutdown();
    }
  }
}
