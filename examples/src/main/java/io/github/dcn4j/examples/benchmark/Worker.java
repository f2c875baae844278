package io.github.dcn4j.examples.benchmark;

import io.github.dcn4j.ops.DeformableConv2DConfig;
import io.github.dcn4j.ops.NDDeformable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.commons.lang3.SerializationUtils;
import org.apache.commons.lang3.exception.ExceptionUtils;
import org.nd4j.linalg.factory.Nd4j;

/** The child process: carries out one task. */
final class Worker {
  /** The exit code that says that this processor lacks the task's instruction set. */
  static final int NO_SUCH_KERNEL = 3;

  private static final int WARM_UP_CALLS = 10_000;
  private static final int WARM_UP_SECONDS = 4;

  private Worker() {}

  /** Reads a serialised {@link Task} from the first file, writes its result to the second. */
  public static void main(String[] files) throws Exception {
    Task task = SerializationUtils.deserialize(Files.readAllBytes(Path.of(files[0])));
    Nd4j.getEnvironment().setMaxThreads(task.getThreads());
    if (!kernelRuns()) {
      System.exit(NO_SUCH_KERNEL);
    }
    warmUp(task);
    List<TaskResult.Case> cases = new ArrayList<>();
    try (NativePeers peers =
        task.getNativePeers() == null ? null : new NativePeers(task.getNativePeers())) {
      for (ConvolutionShape shape : task.getShapes()) {
        cases.add(
            new TaskResult.Case(shape.toString(), shape.operations(), measure(shape, task, peers)));
      }
    }
    Files.write(Path.of(files[1]), SerializationUtils.serialize(new TaskResult(task, cases)));
    System.exit(0); // whatever threads the peers have left
  }

  /**
   * Runs the contenders on next to no work, until the JVM has compiled what lies between a call and
   * the native code: interpreted, that takes as long as a small map.
   */
  private static void warmUp(Task task) throws Exception {
    Task calls = task.toBuilder().rounds(WARM_UP_CALLS).secondsPerCase(WARM_UP_SECONDS).build();
    try (ConvolutionCase smallest =
        new ConvolutionCase(new ConvolutionShape(1, 1, 1, 1, 1), calls, null)) {
      smallest.run(calls);
    }
  }

  private static Map<Contender, Timing> measure(
      ConvolutionShape shape, Task task, NativePeers peers) throws Exception {
    switch (task.getKind()) {
      case TRAINING:
        return TrainingCase.run(shape, task);
      case DCNV3:
        return DCNv3Case.run(shape, task);
      case ATTENTION:
        return AttentionCase.run(shape, task);
      case TYPES:
        return TypesCase.run(shape, task, peers);
      default:
        try (ConvolutionCase convolution = new ConvolutionCase(shape, task, peers)) {
          return convolution.run(task);
        }
    }
  }

  /** The library refuses a kernel that the processor cannot run, at the first op. */
  private static boolean kernelRuns() {
    try {
      new NDDeformable()
          .deformableConv2d(
              Nd4j.ones(1, 1, 1, 1),
              Nd4j.ones(1, 1, 1, 1),
              Nd4j.zeros(1, 2, 1, 1),
              null,
              null,
              DeformableConv2DConfig.builder().kH(1).kW(1).build());
      return true;
    } catch (RuntimeException e) {
      if (ExceptionUtils.getStackTrace(e).contains(WorkerProcess.KERNEL_VARIABLE)) {
        return false;
      }
      throw e;
    }
  }
}
