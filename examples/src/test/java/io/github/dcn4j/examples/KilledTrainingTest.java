package io.github.dcn4j.examples;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.examples.checkpoint.Checkpoint;
import io.github.dcn4j.examples.checkpoint.CheckpointFolder;
import io.github.dcn4j.examples.detect.EpochResult;
import io.github.dcn4j.examples.detect.TrainingState;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipFile;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Processes that train are killed as {@code kill -9} does, and others go on from what they left:
 * the result is the same bits as that of a training that nothing interrupted.
 *
 * <p>Some are killed at random moments of a minibatch; {@code -Ddcn4j.kill.seed=N} chooses other
 * ones.
 */
class KilledTrainingTest {
  private static final int MAX_WAIT_SECONDS = 180;
  private static final int MAX_DELAY_MILLISECONDS = 400;

  /** An exit code of 128 and the number of the signal KILL. */
  private static final int KILLED = 137;

  private static final long SEED = Long.getLong("dcn4j.kill.seed", 1);

  private final Random random = new Random(SEED);

  @TempDir Path folder;

  private Path whole;
  private Path interrupted;
  private String[] command;
  private Process process;

  @BeforeEach
  void nameFolders() {
    whole = folder.resolve("whole");
    interrupted = folder.resolve("interrupted");
  }

  @AfterEach
  void endProcess() {
    if (process != null) {
      process.destroyForcibly();
    }
  }

  @Test
  void aKilledTrainingEndsAsIfNothingHadHappened() throws Exception {
    command = "train --epochs 2 --images 12 --held-out 2 --batch 2".split(" ");
    run(whole);
    killWhen(() -> steps() >= 1);
    killWhen(inTheMinibatchAfter(3));
    killWhen(() -> steps() >= 6 && isBeingWritten());
    killWhen(() -> Files.exists(interrupted.resolve("last.zip")));
    truncateNewest("detector");
    run(interrupted);
    assertSame("detector");
    for (String picture : List.of("detections.png", "training-curve.png")) {
      assertNotNull(ImageIO.read(interrupted.resolve(picture).toFile()), picture);
    }
  }

  @Test
  void killedTrainingsOfTwoStagesEndAsIfNothingHadHappened() throws Exception {
    command = "train-two-stage --epochs 1 --images 6 --held-out 2 --batch 2".split(" ");
    run(whole);
    killWhen(() -> steps() >= 1 && isBeingWritten()); // with plain pooling, the first of three
    killWhen(inTheMinibatchAfter(5));
    truncateNewest("deformable");
    killWhen(() -> steps() >= 7);
    run(interrupted);
    for (String pooling : List.of("none", "deformable", "modulated")) {
      assertSame(pooling);
    }
  }

  private Stream<String> arguments(Path output) {
    return Stream.concat(
        Arrays.stream(command),
        Stream.of("--output", output.toString(), "--checkpoint-every", "1", "--resume"));
  }

  /** In this process, to the end. */
  private void run(Path output) {
    CommandRun program = new CommandRun();
    assertEquals(
        0,
        program.execute(arguments(output).toArray(String[]::new)),
        () -> seedAnd(program.out() + program.err()));
  }

  /** In a process of its own, until something is seen. */
  private void killWhen(BooleanSupplier seen) throws Exception {
    Path log = folder.resolve("log");
    process =
        new ProcessBuilder(
                Stream.concat(
                        Stream.of(
                            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                            "-cp",
                            System.getProperty("java.class.path"),
                            Main.class.getName()),
                        arguments(interrupted))
                    .collect(Collectors.toList()))
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    long end = System.nanoTime() + MAX_WAIT_SECONDS * 1_000_000_000L;
    while (process.isAlive() && !seen.getAsBoolean()) {
      assertTrue(System.nanoTime() < end, () -> seedAnd("nothing seen: " + text(log)));
      pause(1);
    }
    process.destroyForcibly();
    assertEquals(KILLED, process.waitFor(), () -> seedAnd("not killed, but ended: " + text(log)));
  }

  /** A random moment, but none after the next checkpoint, however fast the machine is. */
  private BooleanSupplier inTheMinibatchAfter(int step) {
    int delay = random.nextInt(MAX_DELAY_MILLISECONDS);
    return () -> {
      int seen = steps();
      if (seen < step) {
        return false;
      }
      long end = System.nanoTime() + delay * 1_000_000L;
      while (System.nanoTime() < end && steps() == seen) {
        pause(1);
      }
      return true;
    };
  }

  private static String seedAnd(Object message) {
    return "-Ddcn4j.kill.seed=" + SEED + ": " + message;
  }

  private static void pause(int milliseconds) {
    try {
      Thread.sleep(milliseconds);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private boolean isBeingWritten() {
    return files("").anyMatch(file -> file.toString().endsWith(".checkpoint.part"));
  }

  /** Minibatches learnt by all networks up to their newest checkpoints. */
  private int steps() {
    return Stream.of("detector", "none", "deformable", "modulated")
        .mapToInt(network -> newest(network).map(KilledTrainingTest::step).orElse(0))
        .sum();
  }

  private static int step(Path checkpoint) {
    return Integer.parseInt(checkpoint.getFileName().toString().replaceAll("\\D", ""));
  }

  private Optional<Path> newest(String network) {
    return files(network)
        .filter(file -> file.toString().endsWith(".checkpoint"))
        .max(Path::compareTo);
  }

  private Stream<Path> files(String network) {
    Path checkpoints = interrupted.resolve("checkpoints").resolve(network);
    if (!Files.exists(checkpoints)) {
      return Stream.empty();
    }
    try (Stream<Path> files = Files.walk(checkpoints)) {
      return files.collect(Collectors.toList()).stream();
    } catch (IOException | UncheckedIOException e) {
      return Stream.empty(); // a file vanished meanwhile
    }
  }

  /** As a failing disk may leave it. */
  private void truncateNewest(String network) throws IOException {
    Path file = newest(network).orElseThrow();
    byte[] bytes = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));
    assertNotEquals(file, newest(interrupted, network).getFile());
  }

  private static Checkpoint<TrainingState> newest(Path output, String network) {
    Path checkpoints = output.resolve("checkpoints").resolve(network);
    Optional<Checkpoint<TrainingState>> newest =
        new CheckpointFolder(checkpoints, Map.of()).newest(TrainingState.class);
    return newest.orElseThrow();
  }

  /** The same parameters, state of the updater, counters and measurements, to the last bit. */
  private void assertSame(String network) throws IOException {
    String prefix = network.equals("detector") ? "" : network + "-";
    for (String part : List.of("detector.json", "configuration.json", "coefficients.bin")) {
      for (String model : List.of(prefix + "best.zip", prefix + "last.zip")) {
        assertArrayEquals(
            part(whole.resolve(model), part),
            part(interrupted.resolve(model), part),
            () -> seedAnd(model + " " + part));
      }
    }
    String updater = "updaterState.bin";
    assertArrayEquals(
        part(newest(whole, network).getFile(), updater),
        part(newest(interrupted, network).getFile(), updater),
        () -> seedAnd(updater));
    String table = prefix + "results.csv";
    assertEquals(
        figures(whole.resolve(table)), figures(interrupted.resolve(table)), () -> seedAnd(table));
    List<EpochResult> expected = newest(whole, network).getState().getResults();
    List<EpochResult> results = newest(interrupted, network).getState().getResults();
    assertEquals(expected.size(), results.size(), () -> seedAnd(network));
    for (int i = 0; i < results.size(); i++) {
      assertEquals(expected.get(i).getLoss(), results.get(i).getLoss(), () -> seedAnd(network));
      assertEquals(expected.get(i).getMap50(), results.get(i).getMap50(), () -> seedAnd(network));
      assertEquals(expected.get(i).getMap(), results.get(i).getMap(), () -> seedAnd(network));
    }
  }

  /** A table of results without its times. */
  private static List<String> figures(Path table) throws IOException {
    return Files.readAllLines(table).stream()
        .map(line -> line.replaceFirst(",[^,]*,[^,]*$", ""))
        .collect(Collectors.toList());
  }

  private static byte[] part(Path file, String name) throws IOException {
    try (ZipFile zip = new ZipFile(file.toFile());
        InputStream part = zip.getInputStream(zip.getEntry(name))) {
      return part.readAllBytes();
    }
  }
}
