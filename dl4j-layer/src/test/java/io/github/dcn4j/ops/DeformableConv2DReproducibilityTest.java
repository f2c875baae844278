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

/** The same bits, run after run, with any number of threads. */
@Tag("every-kernel")
class DeformableConv2DReproducibilityTest {
  private final int threads = Nd4j.getEnvironment().maxThreads();

  @AfterEach
  void restoreThreads() {
    Nd4j.getEnvironment().setMaxThreads(threads);
  }

  /** Large enough for many tiles, blocks and image slots. */
  private static Problem large() {
    Nd4j.getRandom().setSeed(7);
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

  private static List<int[]> bits(Problem p) {
    List<int[]> bits = new ArrayList<>();
    bits.add(Bits.of(p.forward()));
    for (INDArray gradient : p.backward()) {
      bits.add(Bits.of(gradient));
    }
    return bits;
  }

  @Test
  void repeatedRunsGiveTheSameBits() {
    Problem p = large();
    List<int[]> first = bits(p);
    for (int run = 0; run < 5; run++) {
      Bits.assertSame(first, bits(p), "run " + run);
    }
  }

  @Test
  void anyNumberOfThreadsGivesTheSameBits() {
    assertTrue(threads >= 4, "the build sets OMP_NUM_THREADS=4 for this test");
    Problem p = large();
    Nd4j.getEnvironment().setMaxThreads(1);
    List<int[]> one = bits(p);
    for (int count : new int[] {2, 3, 4}) {
      Nd4j.getEnvironment().setMaxThreads(count);
      Bits.assertSame(one, bits(p), count + " threads");
    }
  }

  @Test
  void callsFromSeveralThreadsAtOnceDoNotDisturbEachOther() throws Exception {
    Problem p = large();
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
