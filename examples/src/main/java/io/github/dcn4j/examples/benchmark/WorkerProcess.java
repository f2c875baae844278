package io.github.dcn4j.examples.benchmark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import lombok.experimental.UtilityClass;
import org.apache.commons.lang3.SerializationUtils;

/**
 * Runs a task in a process of its own: the instruction set and the threads of OpenMP are settled
 * once a process has started.
 */
@UtilityClass
class WorkerProcess {
  static final String KERNEL_VARIABLE = "DCN4J_KERNEL";

  /**
   * Runs a task and waits for it.
   *
   * @return nothing if this processor lacks the task's instruction set
   */
  static Optional<TaskResult> run(Task task) throws IOException, InterruptedException {
    Path folder = Files.createTempDirectory("dcn4j-benchmark-");
    Path input = folder.resolve("task");
    Path output = folder.resolve("result");
    try {
      Files.write(input, SerializationUtils.serialize(task));
      int code = start(task, input, output).waitFor();
      if (code == Worker.NO_SUCH_KERNEL) {
        return Optional.empty();
      }
      if (code != 0) {
        throw new IllegalStateException("a process of the benchmark ended with exit code " + code);
      }
      return Optional.of(SerializationUtils.deserialize(Files.readAllBytes(output)));
    } finally {
      Files.deleteIfExists(input);
      Files.deleteIfExists(output);
      Files.delete(folder);
    }
  }

  private static Process start(Task task, Path input, Path output) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            // It logs what it also throws; here a refused instruction set is no failure.
            "-Dorg.slf4j.simpleLogger.log.org.nd4j.linalg.cpu.nativecpu.ops.NativeOpExecutioner=off",
            "-cp",
            System.getProperty("java.class.path"),
            Worker.class.getName(),
            input.toString(),
            output.toString());
    Map<String, String> environment = builder.environment();
    environment.remove(KERNEL_VARIABLE);
    if (!task.getKernel().equals(Plan.DEFAULT_KERNEL)) {
      environment.put(KERNEL_VARIABLE, task.getKernel());
    }
    environment.put("OMP_NUM_THREADS", Integer.toString(task.getThreads()));
    // OpenMP threads that spin while they wait would take time from the next contender.
    environment.put("OMP_WAIT_POLICY", "passive");
    // These decide which kernels ND4J's BLAS uses, and so how fast ND4J's convolution is.
    environment.remove("OPENBLAS_CORETYPE");
    environment.remove("OPENBLAS_L2_SIZE");
    return builder
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }
}
