package io.github.dcn4j.spark;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.spark.launcher.JavaModuleOptions;

/**
 * What the script {@code spark-submit} of a Spark installation does, with Spark's jars from Maven.
 */
final class SparkSubmit {
  private static final int MINUTES = 5;

  private SparkSubmit() {}

  /**
   * Runs a program on a cluster of two executors of one core each, all on this machine, each a
   * process of its own that starts with Spark's jars alone.
   *
   * @param home an empty directory, which becomes that of the Spark installation; {@code work} in
   *     it holds what the executors wrote
   * @param arguments as for {@code spark-submit}
   */
  static void run(Path home, String... arguments) throws Exception {
    Path jars = Path.of(System.getProperty("sparkJars"));
    Files.createSymbolicLink(home.resolve("jars"), jars);
    List<String> command = new ArrayList<>();
    command.add(System.getProperty("java.home") + "/bin/java");
    command.addAll(List.of(JavaModuleOptions.defaultModuleOptions().split(" ")));
    command.addAll(List.of("-Xmx1g", "-cp", jars + "/*", "org.apache.spark.deploy.SparkSubmit"));
    command.addAll(List.of("--master", "local-cluster[2,1,1024]"));
    // The first task waits for both executors' cores, and the second task goes to the second.
    command.addAll(List.of("--conf", "spark.cores.max=2"));
    command.addAll(List.of("--conf", "spark.scheduler.minRegisteredResourcesRatio=1"));
    command.addAll(List.of("--conf", "spark.scheduler.maxRegisteredResourcesWaitingTime=2m"));
    command.addAll(List.of("--conf", "spark.locality.wait=0"));
    command.addAll(List.of("--conf", "spark.ui.enabled=false"));
    command.addAll(Arrays.asList(arguments));

    File log = home.resolve("driver.log").toFile();
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log);
    builder
        .environment()
        .putAll(
            Map.of(
                "SPARK_HOME",
                home.toString(),
                "SPARK_SCALA_VERSION",
                "2.12",
                "SPARK_LOCAL_IP",
                "127.0.0.1",
                "SPARK_LOCAL_DIRS",
                home.resolve("local").toString()));
    Process process = builder.start();
    try {
      if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
        throw new AssertionError("still running after " + MINUTES + " minutes; see " + log);
      }
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
    if (process.exitValue() != 0) {
      throw new AssertionError(
          "exit code " + process.exitValue() + "; " + log + ":\n" + Files.readString(log.toPath()));
    }
  }
}
