package io.github.dcn4j;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import lombok.Value;

/** Runs a main class of the tests in a JVM of its own. */
public final class FreshJvm {
  private static final Duration TIMEOUT = Duration.ofMinutes(2);

  private FreshJvm() {}

  /** How the JVM ended, and what it printed on both streams. */
  @Value
  public static class Result {
    int exitCode;
    String output;

    /** The rest of the line that begins with {@code start}. */
    public String lineAfter(String start) {
      return output
          .lines()
          .filter(line -> line.startsWith(start))
          .map(line -> line.substring(start.length()))
          .findFirst()
          .orElseThrow(() -> new AssertionError("no '" + start + "' in:\n" + output));
    }
  }

  /** The class path of this JVM. */
  public static List<String> classPath() {
    return Arrays.asList(System.getProperty("java.class.path").split(File.pathSeparator));
  }

  /** Runs {@code main} and waits for its end, two minutes at most. */
  public static Result run(Class<?> main, List<String> classPath, String... arguments)
      throws Exception {
    return run(main, classPath, List.of(), arguments);
  }

  /** As the other, the JVM's command line being given to the command {@code prefix}. */
  public static Result runIn(
      List<String> prefix, Class<?> main, List<String> classPath, String... arguments)
      throws Exception {
    List<String> command = new ArrayList<>(prefix);
    command.addAll(command(main, classPath, List.of(), arguments));
    return run(command, TIMEOUT);
  }

  /** As the other, with options for the JVM. */
  public static Result run(
      Class<?> main, List<String> classPath, List<String> options, String... arguments)
      throws Exception {
    return run(main, classPath, options, TIMEOUT, arguments);
  }

  /** As the other, {@code timeout} at most. */
  public static Result run(
      Class<?> main,
      List<String> classPath,
      List<String> options,
      Duration timeout,
      String... arguments)
      throws Exception {
    return run(command(main, classPath, options, arguments), timeout);
  }

  /** The command line that runs {@code main}. */
  public static List<String> command(
      Class<?> main, List<String> classPath, List<String> options, String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(System.getProperty("java.home") + "/bin/java");
    command.addAll(options);
    command.add("-cp");
    command.add(String.join(File.pathSeparator, classPath));
    command.add(main.getName());
    command.addAll(Arrays.asList(arguments));
    return command;
  }

  private static Result run(List<String> command, Duration timeout) throws Exception {
    File output = File.createTempFile("fresh-jvm", ".txt");
    try {
      Process process =
          new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output).start();
      if (!process.waitFor(timeout.toSeconds(), TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new AssertionError(
            "still running after " + timeout.toSeconds() + " seconds: " + command);
      }
      String text = java.nio.file.Files.readString(output.toPath(), StandardCharsets.UTF_8);
      return new Result(process.exitValue(), text);
    } finally {
      output.delete();
    }
  }
}
