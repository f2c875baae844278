package io.github.dcn4j.examples.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.examples.UserInputException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

class CheckpointFolderTest {
  private static final Map<String, String> OPTIONS = Map.of("--batch", "8", "--seed", "1");

  @TempDir Path folder;

  private final MultiLayerNetwork network =
      new MultiLayerNetwork(
          new NeuralNetConfiguration.Builder()
              .updater(new Adam(0.1))
              .list()
              .layer(new OutputLayer.Builder().nIn(3).nOut(2).build())
              .build());

  @BeforeEach
  void init() {
    network.init();
  }

  private CheckpointFolder checkpoints() {
    return new CheckpointFolder(folder, OPTIONS);
  }

  private String newest() {
    return checkpoints().newest(String.class).orElseThrow().getState();
  }

  private List<String> files() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(f -> f.getFileName().toString()).sorted().collect(Collectors.toList());
    }
  }

  private void save(CheckpointFolder checkpoints, int... steps) {
    for (int step : steps) {
      checkpoints.save(step, "after " + step, network);
    }
  }

  private static void assertSameBits(INDArray expected, INDArray given) {
    assertArrayEquals(expected.dup().data().asFloat(), given.dup().data().asFloat());
  }

  @Test
  void theNetworkComesBackWithItsUpdater() {
    network.fit(Nd4j.ones(1, 3), Nd4j.createFromArray(new float[][] {{1, 0}}));
    save(checkpoints(), 1);
    Checkpoint<String> read = checkpoints().resume(String.class).orElseThrow();
    MultiLayerNetwork restored = read.multiLayerNetwork();
    assertSameBits(network.params(), restored.params());
    assertSameBits(
        network.getUpdater().getStateViewArray(), restored.getUpdater().getStateViewArray());
    assertEquals(1, restored.getIterationCount());
    assertEquals("after 1", read.getState());
  }

  @Test
  void theLastTwoAreKept() throws IOException {
    Files.createFile(folder.resolve("0000000007.checkpoint.part")); // as a kill leaves it
    save(checkpoints(), 1, 2, 3, 20, 20);
    assertEquals(List.of("0000000003.checkpoint", "0000000020.checkpoint"), files());
    assertEquals("after 20", newest());
  }

  @Test
  void whereverTheNewestIsCutItIsPassedOver() throws IOException {
    save(checkpoints(), 1, 2);
    Path file = folder.resolve("0000000002.checkpoint");
    byte[] bytes = Files.readAllBytes(file);
    int contents = endOfContents(bytes);
    for (int length = 0; length < bytes.length; length += 1 + bytes.length / 31) {
      Files.write(file, Arrays.copyOf(bytes, length));
      assertEquals(length < contents ? "after 1" : "after 2", newest(), length + " bytes");
    }
  }

  /** After the last part there is only a table of contents, which nothing reads. */
  private static int endOfContents(byte[] zip) {
    for (int i = zip.length - 22; ; i--) {
      if (zip[i] == 'P' && zip[i + 1] == 'K' && zip[i + 2] == 5 && zip[i + 3] == 6) {
        return (zip[i + 16] & 255)
            | (zip[i + 17] & 255) << 8
            | (zip[i + 18] & 255) << 16
            | (zip[i + 19] & 255) << 24;
      }
    }
  }

  @Test
  void aChangedByteIsNoticed() throws IOException {
    save(checkpoints(), 1, 2);
    Path file = folder.resolve("0000000002.checkpoint");
    byte[] bytes = Files.readAllBytes(file);
    int content = new String(bytes, StandardCharsets.ISO_8859_1).indexOf("checkpoint.json") + 15;
    for (int at = content; at < endOfContents(bytes) - 16; at += 1 + bytes.length / 31) {
      byte[] changed = bytes.clone();
      changed[at] ^= 0x10;
      Files.write(file, changed);
      String read = newest();
      // A few bytes, such as times of files, hold nothing that is used.
      assertTrue(read.equals("after 1") || read.equals("after 2"), read);
      if (read.equals("after 2")) {
        assertSameBits(
            network.params(),
            checkpoints().newest(String.class).orElseThrow().multiLayerNetwork().params());
      }
    }
  }

  @Test
  void afterAFallBackTheBrokenOneMakesRoom() throws IOException {
    save(checkpoints(), 10, 20);
    Files.write(folder.resolve("0000000020.checkpoint"), new byte[5]);
    CheckpointFolder resumed = checkpoints();
    assertEquals("after 10", resumed.resume(String.class).orElseThrow().getState());
    save(resumed, 15);
    assertEquals(List.of("0000000010.checkpoint", "0000000015.checkpoint"), files());
  }

  @Test
  void ifNoneIsWholeTheFolderIsNamed() throws IOException {
    Files.write(folder.resolve("0000000020.checkpoint"), new byte[5]);
    String message = assertThrows(UserInputException.class, this::newest).getMessage();
    assertTrue(message.contains(folder.toString()), message);
  }

  @Test
  void aCheckpointOfAnotherVersionIsNotCalledBroken() {
    checkpoints().save(1, Map.of("of", "another version"), network);
    String message = assertThrows(UserInputException.class, this::newest).getMessage();
    assertTrue(
        message.startsWith(folder.resolve("0000000001.checkpoint") + ": the file is whole"),
        message);
    assertTrue(message.contains("another version"), message);
    assertFalse(message.contains("delete"), message);
  }

  @Test
  void aZipFileOfSomethingElseIsNotCalledBroken() throws IOException {
    Path foreign = folder.resolve("0000000002.checkpoint");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(foreign))) {
      zip.putNextEntry(new ZipEntry("options")); // as earlier versions had
    }
    String message = assertThrows(UserInputException.class, this::newest).getMessage();
    assertTrue(message.startsWith(foreign.toString()), message);
    assertTrue(message.contains("without the entry 'checkpoint.json'"), message);
  }

  @Test
  void optionsThatDifferAreNamed() {
    save(checkpoints(), 1);
    CheckpointFolder other = new CheckpointFolder(folder, Map.of("--batch", "9", "--seed", "1"));
    String message =
        assertThrows(UserInputException.class, () -> other.resume(String.class)).getMessage();
    assertTrue(message.endsWith("options: --batch was 8, now it is 9"), message);
    CheckpointFolder fewer = new CheckpointFolder(folder, Map.of("--batch", "8"));
    message = assertThrows(UserInputException.class, () -> fewer.resume(String.class)).getMessage();
    assertTrue(message.endsWith("options: --seed was 1, now it is not given"), message);
  }

  @Test
  void nothingIsResumedFromNothing() throws IOException {
    assertTrue(checkpoints().resume(String.class).isEmpty());
    assertTrue(
        new CheckpointFolder(folder.resolve("missing"), OPTIONS).resume(String.class).isEmpty());
    save(checkpoints(), 1);
    checkpoints().clear();
    assertTrue(checkpoints().resume(String.class).isEmpty());
  }

  @Test
  void aTrainingOutlivesACheckpointThatCannotBeWritten() throws IOException {
    CheckpointFolder checkpoints = checkpoints();
    save(checkpoints, 1);
    Path obstacle = Files.createDirectory(folder.resolve("0000000002.checkpoint.part"));
    save(checkpoints, 2);
    assertEquals("after 1", newest());
    Files.deleteIfExists(obstacle);
    save(checkpoints, 3);
    assertEquals(List.of("0000000001.checkpoint", "0000000003.checkpoint"), files());
  }
}
