package io.github.dcn4j.examples.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.examples.UserInputException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

class NetworkFileTest {
  private static final String NAME = "description.json";
  private static final INDArray FEATURES = Nd4j.createFromArray(new float[][] {{1, 2, 3}});
  private static final INDArray LABELS = Nd4j.createFromArray(new float[][] {{1, 0}});

  @TempDir Path folder;

  private Path file;
  private MultiLayerNetwork network;

  @BeforeEach
  void write() throws IOException {
    file = folder.resolve("file.zip");
    network =
        new MultiLayerNetwork(
            new NeuralNetConfiguration.Builder()
                .updater(new Adam(0.1))
                .list()
                .layer(layer())
                .build());
    network.init();
    network.fit(FEATURES, LABELS);
    NetworkFile.write(file, NAME, Map.of("number", 0.1 + 0.2), network, true);
  }

  private static OutputLayer layer() {
    return new OutputLayer.Builder().nIn(3).nOut(2).build();
  }

  private Model read() throws IOException {
    return NetworkFile.read(file, NAME).network();
  }

  private static void assertSameBits(INDArray expected, INDArray given) {
    assertArrayEquals(expected.dup().data().asFloat(), given.dup().data().asFloat());
  }

  private Map<String, byte[]> entries() throws IOException {
    Map<String, byte[]> entries = new LinkedHashMap<>();
    try (ZipInputStream zip = new ZipInputStream(Files.newInputStream(file))) {
      for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
        entries.put(entry.getName(), zip.readAllBytes());
      }
    }
    return entries;
  }

  private void rewrite(Map<String, byte[]> entries) throws IOException {
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
      for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
        zip.putNextEntry(new ZipEntry(entry.getKey()));
        zip.write(entry.getValue());
      }
    }
  }

  /** Puts one entry in place of another, or beside them. */
  private void put(String name, byte[] content) throws IOException {
    Map<String, byte[]> entries = entries();
    entries.put(name, content);
    rewrite(entries);
  }

  private void replaceInConfiguration(String text, String replacement) throws IOException {
    String json = new String(entries().get("configuration.json"), StandardCharsets.UTF_8);
    assertTrue(json.contains(text), json);
    put("configuration.json", json.replace(text, replacement).getBytes(StandardCharsets.UTF_8));
  }

  private String refusal() {
    return assertThrows(IOException.class, this::read).getMessage();
  }

  @Test
  void aNetworkOfLayersComesBackToTrainOn() throws IOException {
    MultiLayerNetwork read = (MultiLayerNetwork) read();
    assertEquals(1, read.getIterationCount());
    read.fit(FEATURES, LABELS);
    network.fit(FEATURES, LABELS);
    assertSameBits(network.params(), read.params());
    assertEquals(0.1 + 0.2, NetworkFile.read(file, NAME).getDescription().get("number").asDouble());
  }

  @Test
  void aGraphComesBackToTrainOn() throws IOException {
    ComputationGraph graph =
        new ComputationGraph(
            new NeuralNetConfiguration.Builder()
                .updater(new Adam(0.1))
                .graphBuilder()
                .addInputs("in")
                .addLayer("out", layer(), "in")
                .setOutputs("out")
                .build());
    graph.init();
    graph.fit(new INDArray[] {FEATURES}, new INDArray[] {LABELS});
    NetworkFile.write(file, NAME, "a graph", graph, true);
    ComputationGraph read = (ComputationGraph) read();
    read.fit(new INDArray[] {FEATURES}, new INDArray[] {LABELS});
    graph.fit(new INDArray[] {FEATURES}, new INDArray[] {LABELS});
    assertSameBits(graph.params(), read.params());
  }

  @Test
  void deeplearning4jReadsTheFileToo() throws IOException {
    MultiLayerNetwork read = ModelSerializer.restoreMultiLayerNetwork(file.toFile());
    assertSameBits(network.params(), read.params());
    assertSameBits(network.getUpdater().getStateViewArray(), read.getUpdater().getStateViewArray());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"preprocessor.bin", "updater.bin", "normalizer.bin", "objects/dcn4j-labels"})
  void noObjectIsDeserialised(String entry) throws IOException {
    put(entry, Bomb.bytes());
    assertSameBits(network.params(), read().params());
    assertFalse(Bomb.exploded());
  }

  @Test
  void deeplearning4jWouldDeserialiseIt() throws IOException {
    put("preprocessor.bin", Bomb.bytes());
    assertThrows(
        RuntimeException.class, // as it is no preprocessor; but by then it is too late
        () -> ModelSerializer.restoreMultiLayerNetwork(file.toFile()));
    assertTrue(Bomb.exploded());
  }

  @ParameterizedTest
  @ValueSource(strings = {"description.json", "configuration.json", "coefficients.bin"})
  void aSerialisedObjectInPlaceOfAnEntryIsRefused(String entry) throws IOException {
    put(entry, Bomb.bytes());
    assertThrows(IOException.class, this::read);
    assertFalse(Bomb.exploded());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "com.evil.Layer",
        "java.util.HashMap",
        "org.nd4j.shade.jackson.databind.node.TextNode",
        "org.nd4jevil.Layer"
      })
  void aClassOfOtherLibrariesIsRefusedByName(String name) throws IOException {
    replaceInConfiguration("org.nd4j.linalg.learning.config.Adam", name);
    assertTrue(refusal().contains("the class '" + name + "'"), refusal());
  }

  @Test
  void aClassThatIsNoLayerIsRefused() throws IOException {
    replaceInConfiguration("org.deeplearning4j.nn.conf.layers.OutputLayer", Bomb.class.getName());
    assertTrue(refusal().contains("cannot be made"), refusal());
  }

  @Test
  void aClassNamedTwiceIsRefused() throws IOException {
    replaceInConfiguration(
        "\"@class\" : \"org.nd4j.linalg.learning.config.Adam\"",
        "\"@class\" : \"java.util.HashMap\","
            + " \"@class\" : \"org.nd4j.linalg.learning.config.Adam\"");
    assertTrue(refusal().contains("Duplicate"), refusal());
  }

  @Test
  void jsonThatNestsDeepOverflowsNothing() throws IOException {
    put(NAME, "[".repeat(1_000_000).getBytes(StandardCharsets.UTF_8));
    assertTrue(refusal().contains("nests deeper"), refusal());
    put(NAME, "{}".getBytes(StandardCharsets.UTF_8));
    put("configuration.json", "[".repeat(1_000_000).getBytes(StandardCharsets.UTF_8));
    assertTrue(refusal().contains("nests deeper"), refusal());
  }

  @Test
  void textThatInflatesToMuchIsRefused() throws IOException {
    put("configuration.json", new byte[20 << 20]);
    assertTrue(refusal().contains("'configuration.json' has more than"), refusal());
  }

  @Test
  void numbersThatAreNotThereAreNotReadBeyondTheEnd() throws IOException {
    byte[] right = entries().get("coefficients.bin");
    for (int length = 0; length < right.length; length++) {
      put("coefficients.bin", Arrays.copyOf(right, length));
      assertThrows(IOException.class, this::read, length + " bytes");
    }
    put("coefficients.bin", Arrays.copyOf(right, right.length + 4));
    assertTrue(refusal().contains("no row of numbers"), refusal());
  }

  @Test
  void noChangedByteOfTheNumbersHeaderDoesHarm() throws IOException {
    byte[] right = entries().get("coefficients.bin");
    for (int at = 0; at < right.length - 8 * Float.BYTES; at++) {
      for (int bit : new int[] {1, 0x10, 0x80}) {
        byte[] changed = right.clone();
        changed[at] ^= bit;
        put("coefficients.bin", changed);
        try {
          assertEquals(network.params().length(), read().params().length());
        } catch (IOException e) {
          assertFalse(e.getMessage().isEmpty());
        }
      }
    }
  }

  /** Puts a matrix of other sizes and strides in place of the row of parameters. */
  private void putShape(long... shape) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    Nd4j.write(network.params().reshape(1, -1), new DataOutputStream(bytes));
    byte[] right = bytes.toByteArray();
    ByteBuffer changed = ByteBuffer.wrap(right.clone());
    DataInputStream in = new DataInputStream(new ByteArrayInputStream(right));
    in.readUTF();
    in.readLong();
    in.readUTF();
    int start = right.length - in.available();
    assertEquals(2, changed.getLong(start));
    for (int i = 0; i < shape.length; i++) {
      changed.putLong(start + (1 + i) * Long.BYTES, shape[i]);
    }
    put("coefficients.bin", changed.array());
  }

  @Test
  void stridesThatLeadElsewhereAreRefused() throws IOException {
    assertEquals(8, network.params().length());
    for (long[] shape :
        new long[][] {
          {1, 8, 8, 1L << 28},
          {1, 8, 8, 2},
          {1, 8, 8, 0},
          {1, 8, 8, -1},
          {1, 8, -1, 1},
          {1, 8, 1L << 40, 1},
          {8, 1, 0, 1},
          {2, 4, 1, 2},
          {2, 4, 7, 0}
        }) {
      putShape(shape);
      assertTrue(refusal().contains("no row of numbers"), Arrays.toString(shape));
    }
    putShape(1, 8, 1, 1);
    assertSameBits(network.params(), read().params());
  }

  @ParameterizedTest
  @ValueSource(strings = {"coefficients.bin", "updaterState.bin"})
  void anArrayOfTheWrongLengthIsRefused(String entry) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    Nd4j.write(Nd4j.ones(1, 7), new DataOutputStream(bytes));
    put(entry, bytes.toByteArray());
    assertThrows(IOException.class, this::read);
  }

  @Test
  void whereverTheFileIsCutThatIsSaid() throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    int contents = new String(bytes, StandardCharsets.ISO_8859_1).indexOf("PK\1\2");
    for (int length = 0; length < contents; length += 7) {
      Files.write(file, Arrays.copyOf(bytes, length));
      assertFalse(refusal().isEmpty());
    }
  }

  @Test
  void aZipFileOfSomethingElseIsNamed() throws IOException {
    rewrite(Map.of("holiday.txt", new byte[] {1}));
    String message = assertThrows(UserInputException.class, this::read).getMessage();
    assertTrue(message.startsWith(file.toString()), message);
    try (InputStream text = getClass().getResourceAsStream("NetworkFileTest.class")) {
      Files.write(file, text.readAllBytes());
    }
    assertThrows(IOException.class, this::read);
  }
}
