package io.github.dcn4j.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import lombok.Value;
import lombok.extern.slf4j.Slf4j;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Calls of both ops, forward and backward, in all types, from many threads, some of them failing:
 * every result has the bits that it has when the call is alone, and memory stays what it was.
 *
 * <p>1,000 calls, or as many as the system property {@code dcn4j.endurance.calls} says.
 */
@Slf4j
@Tag("endurance")
class EnduranceTest {
  private static final int CALLS = Integer.getInteger("dcn4j.endurance.calls", 1000);
  private static final int THREADS = 8;
  private static final int ROUNDS = 10;

  /** Rounds until threads, caches and heaps have the size that they keep. */
  private static final int WARM_UP = 3;

  /**
   * Resident memory scatters by 10 MB, and once in a while the JVM or the allocator takes some 30
   * MB more. 64 MB are 100 kB for each of 1,000 calls, or 10 kB for each of 10,000. Of the results
   * ND4J counts what is not freed, exactly.
   */
  private static final long TOLERATED_GROWTH = 64 << 20;

  private static final long TOLERATED_ARRAYS = 1 << 20;

  private static final AtomicLong RESULT_BYTES = new AtomicLong();

  /** A call, and its results when it is alone; or null if it must fail. */
  @Value
  private static class Job {
    Callable<INDArray[]> call;
    List<double[]> results;

    static Job of(RawCall call) throws Exception {
      return new Job(call::exec, values(call.exec()));
    }

    static Job failing(RawCall call) {
      return new Job(call::exec, null);
    }

    void run() throws Exception {
      if (results == null) {
        String message = RawCall.messages(assertThrows(RuntimeException.class, call::call));
        assertTrue(message.contains(": expected "), message);
        return;
      }
      INDArray[] outputs = call.call();
      for (INDArray output : outputs) {
        RESULT_BYTES.addAndGet(output.length() * output.dataType().width());
      }
      List<double[]> actual = values(outputs);
      assertEquals(results.size(), actual.size());
      for (int i = 0; i < actual.size(); i++) {
        assertArrayEquals(results.get(i), actual.get(i), "result " + i);
      }
    }

    private static List<double[]> values(INDArray[] arrays) {
      List<double[]> values = new ArrayList<>();
      for (INDArray array : arrays) {
        values.add(Values.of(array));
      }
      return values;
    }
  }

  /** [3, 32, 20, 20] → [3, 24, 20, 20]: outputs and workspaces of some hundred kilobytes. */
  private static Problem convolution(DataType type, boolean channelsLast, int layout) {
    return ConvolutionCase.builder()
        .batch(3)
        .channels(31)
        .outChannels(23)
        .height(20)
        .width(20)
        .kH(3)
        .kW(3)
        .sH(1)
        .sW(1)
        .pH(1)
        .pW(1)
        .dH(1)
        .dW(1)
        .channelsLast(channelsLast)
        .deformableGroups(2)
        .groups(1)
        .masked(true)
        .biased(true)
        .type(type)
        .seed(layout)
        .layouts(Collections.nCopies(7, layout))
        .build()
        .problem();
  }

  /** [3, 96, 20, 20] → [30, 24, 7, 7]. */
  private static PoolingProblem pooling(DataType type, int layout) {
    return PoolingCase.builder()
        .batch(3)
        .rois(30)
        .height(20)
        .width(20)
        .classes(2)
        .outputDimPerClass(12)
        .groupSize(2)
        .pooledSize(7)
        .partSize(7)
        .samplePerPart(2)
        .spatialScale(0.25)
        .transStd(0.1)
        .shifted(true)
        .type(type)
        .roisType(DataType.FLOAT)
        .seed(layout)
        .layouts(Collections.nCopies(6, layout))
        .build()
        .problem();
  }

  private static List<Job> jobs() throws Exception {
    List<Job> jobs = new ArrayList<>();
    int layout = 0;
    for (DataType type :
        new DataType[] {DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16}) {
      layout++;
      for (boolean backward : new boolean[] {false, true}) {
        jobs.add(Job.of(RawCall.of(convolution(type, false, 0), backward)));
        jobs.add(Job.of(RawCall.of(convolution(type, true, layout), backward)));
        jobs.add(Job.of(RawCall.of(pooling(type, 0), backward)));
        jobs.add(Job.of(RawCall.of(pooling(type, layout), backward)));
        RawCall badConvolution = RawCall.of(convolution(type, false, 0), backward);
        badConvolution.integers.set(0, 5);
        jobs.add(Job.failing(badConvolution));
        // Found out late, when the outputs are there.
        RawCall badPooling = RawCall.of(pooling(type, 0), backward);
        badPooling.inputs.get(1).putScalar(5, 0, 7);
        jobs.add(Job.failing(badPooling));
      }
    }
    return jobs;
  }

  @Test
  void manyCallsFromManyThreadsGiveTheSameBitsInTheSameMemory() throws Exception {
    List<Job> jobs = jobs();
    ExecutorService pool = Executors.newFixedThreadPool(THREADS);
    List<Memory> samples = new ArrayList<>();
    try {
      int callsInTurn = (CALLS + ROUNDS * THREADS - 1) / (ROUNDS * THREADS);
      for (int round = 0; round < ROUNDS; round++) {
        List<Callable<Void>> turns = new ArrayList<>();
        for (int thread = 0; thread < THREADS; thread++) {
          Random random = new Random(THREADS * round + thread);
          turns.add(
              () -> {
                for (int i = 0; i < callsInTurn; i++) {
                  jobs.get(random.nextInt(jobs.size())).run();
                }
                return null;
              });
        }
        for (Future<Void> turn : pool.invokeAll(turns)) {
          turn.get();
        }
        Memory memory = Memory.measure();
        samples.add(memory);
        log.info(
            "{} calls, {} MB of results: {}",
            (round + 1) * THREADS * callsInTurn,
            RESULT_BYTES.get() >> 20,
            memory);
      }
    } finally {
      pool.shutdown();
    }
    Memory before = Collections.max(samples.subList(0, WARM_UP));
    for (Memory later : samples.subList(WARM_UP, ROUNDS)) {
      long growth = later.resident - before.resident;
      assertTrue(growth < TOLERATED_GROWTH, "resident memory grew by " + growth + ": " + samples);
      long arrays = later.arrays - before.arrays;
      assertTrue(arrays < TOLERATED_ARRAYS, "arrays of " + arrays + " bytes are left: " + samples);
      long heapGrowth = later.heap - before.heap;
      assertTrue(heapGrowth < TOLERATED_GROWTH, "the heap grew by " + heapGrowth + ": " + samples);
    }
  }

  /** Bytes in use when nothing runs and all garbage is collected. */
  @Value
  private static class Memory implements Comparable<Memory> {
    long resident;
    long heap;

    /** What JavaCPP, and so ND4J, has allocated for arrays. */
    long arrays;

    static Memory measure() throws Exception {
      for (int i = 0; i < 3; i++) {
        System.gc();
        Nd4j.getMemoryManager().invokeGc();
        Thread.sleep(100); // ND4J frees arrays in a thread of its own
      }
      Runtime runtime = Runtime.getRuntime();
      return new Memory(
          resident(), runtime.totalMemory() - runtime.freeMemory(), Pointer.totalBytes());
    }

    private static long resident() throws IOException {
      try (Stream<String> lines = Files.lines(Path.of("/proc/self/status"))) {
        return lines
            .filter(line -> line.startsWith("VmRSS:"))
            .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
            .findFirst()
            .orElseThrow();
      }
    }

    @Override
    public int compareTo(Memory other) {
      return Long.compare(resident, other.resident);
    }

    @Override
    public String toString() {
      return String.format(
          "resident %d MB, heap %d MB, arrays %d kB", resident >> 20, heap >> 20, arrays >> 10);
    }
  }
}
