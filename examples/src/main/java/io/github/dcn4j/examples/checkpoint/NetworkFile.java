package io.github.dcn4j.examples.checkpoint;

import io.github.dcn4j.detection.data.FileNames;
import io.github.dcn4j.examples.UserInputException;
import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;
import lombok.AccessLevel;
import lombok.Getter;
import lombok.RequiredArgsConstructor;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.api.Updater;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.updater.graph.ComputationGraphUpdater;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.shade.jackson.databind.JsonNode;

/**
 * A network and a description of it in one zip file: what models and checkpoints are kept in.
 *
 * <p>Its entries are the description, as JSON, and those of an ordinary Deeplearning4j model file,
 * which {@code ModelSerializer} reads too: {@code configuration.json}, {@code coefficients.bin}
 * and, with the state of the updater, {@code updaterState.bin}. Each entry has a checksum.
 *
 * <p>A file is data, whoever made it: no object in it is deserialised, as {@code ModelSerializer}
 * does with the entries {@code updater.bin} and {@code preprocessor.bin}; other entries than the
 * above are passed over; and the configuration may name no classes but those of Deeplearning4j,
 * ND4J and this project ({@link ConfigurationCheck}).
 */
@RequiredArgsConstructor(access = AccessLevel.PRIVATE)
public final class NetworkFile {
  private static final String CONFIGURATION = "configuration.json";
  private static final String PARAMETERS = "coefficients.bin";
  private static final String UPDATER_STATE = "updaterState.bin";

  /** Descriptions and configurations are much smaller; a zip entry may say that it is huge. */
  private static final int MAX_TEXT_BYTES = 16 << 20;

  /** Where it was read from. */
  @Getter private final Path file;

  /** What stands beside the network. */
  @Getter private final JsonNode description;

  private final Map<String, byte[]> entries;

  /**
   * Writes a network; a kill or a full disk leaves the file whole, or as it was before.
   *
   * @param name of the entry with the description
   * @param description anything that {@link Json} writes
   * @param network of layers or a graph
   * @param updater whether to keep the state of the updater, without which a training cannot go on
   */
  public static void write(
      Path file, String name, Object description, Model network, boolean updater)
      throws IOException {
    AtomicFile.write(
        file,
        part -> {
          try (ZipOutputStream zip =
              new ZipOutputStream(new BufferedOutputStream(Files.newOutputStream(part)))) {
            zip.putNextEntry(new ZipEntry(name));
            zip.write(Json.bytes(description));
            INDArray state = updater ? updaterState(network) : null;
            if (state != null) {
              zip.putNextEntry(new ZipEntry(UPDATER_STATE));
              write(state, zip);
            }
            zip.putNextEntry(new ZipEntry(CONFIGURATION));
            zip.write(configuration(network).getBytes(StandardCharsets.UTF_8));
            zip.putNextEntry(new ZipEntry(PARAMETERS)); // last: if it is whole, all is
            write(network.params(), zip);
          }
        });
  }

  private static void write(INDArray array, ZipOutputStream zip) throws IOException {
    DataOutputStream out = new DataOutputStream(zip);
    Nd4j.write(array, out);
    out.flush();
  }

  private static String configuration(Model network) {
    return network instanceof ComputationGraph
        ? ((ComputationGraph) network).getConfiguration().toJson()
        : ((MultiLayerNetwork) network).getLayerWiseConfigurations().toJson();
  }

  private static INDArray updaterState(Model network) {
    return network instanceof ComputationGraph
        ? ((ComputationGraph) network).getUpdater().getUpdaterStateViewArray()
        : ((MultiLayerNetwork) network).getUpdater().getStateViewArray();
  }

  /**
   * Reads a file; the network is made by {@link #network()}.
   *
   * @param name of the entry with the description
   * @throws IOException if the file cannot be read, or is damaged or cut short
   * @throws UserInputException if it is a zip file of something else
   */
  public static NetworkFile read(Path file, String name) throws IOException {
    Map<String, byte[]> entries = new HashMap<>();
    String first = null;
    try (ZipInputStream zip = new ZipInputStream(Files.newInputStream(file))) {
      for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
        first = first == null ? entry.getName() : first;
        if (entry.getName().equals(name) || entry.getName().equals(CONFIGURATION)) {
          entries.put(entry.getName(), text(zip, entry.getName()));
        } else if (entry.getName().equals(PARAMETERS) || entry.getName().equals(UPDATER_STATE)) {
          entries.put(entry.getName(), zip.readAllBytes()); // to the end, where its checksum is
        }
      }
    } catch (EOFException e) {
      throw new IOException("the file ends too early", e);
    } catch (IllegalArgumentException e) { // of a damaged name of an entry
      throw new IOException(e.getMessage(), e);
    }
    if (first != null && !entries.containsKey(name)) {
      throw new UserInputException(
          FileNames.text(file)
              + ": is a zip file without the entry '"
              + name
              + "': other software wrote it");
    }
    for (String needed : new String[] {name, CONFIGURATION, PARAMETERS}) {
      if (!entries.containsKey(needed)) {
        throw new IOException("the entry '" + needed + "' is missing");
      }
    }
    return new NetworkFile(file, Json.read(entries.get(name)), entries);
  }

  private static byte[] text(InputStream in, String name) throws IOException {
    byte[] bytes = in.readNBytes(MAX_TEXT_BYTES);
    if (in.read() >= 0) {
      throw new IOException("the entry '" + name + "' has more than " + MAX_TEXT_BYTES + " bytes");
    }
    return bytes;
  }

  /**
   * Makes the network.
   *
   * @return of layers or a graph, with the state of its updater if there is one
   * @throws IOException if it cannot be made from what the file holds
   */
  public Model network() throws IOException {
    try {
      JsonNode configuration = Json.read(entries.get(CONFIGURATION));
      ConfigurationCheck.requireKnownClasses(configuration);
      String json = configuration.toString(); // what was checked, and nothing else
      return configuration.has("vertices")
          ? graph(ComputationGraphConfiguration.fromJson(json))
          : layers(MultiLayerConfiguration.fromJson(json));
    } catch (RuntimeException | OutOfMemoryError e) { // what DL4J throws differs widely
      throw new IOException("the network cannot be made: " + e.getMessage(), e);
    }
  }

  private MultiLayerNetwork layers(MultiLayerConfiguration configuration) throws IOException {
    MultiLayerNetwork network = new MultiLayerNetwork(configuration);
    network.init(array(PARAMETERS), false);
    if (entries.containsKey(UPDATER_STATE)) {
      Updater updater = network.getUpdater();
      updater.setStateViewArray(network, updaterState(updater.getStateViewArray()), false);
    }
    return network;
  }

  private ComputationGraph graph(ComputationGraphConfiguration configuration) throws IOException {
    ComputationGraph network = new ComputationGraph(configuration);
    network.init(array(PARAMETERS), false);
    if (entries.containsKey(UPDATER_STATE)) {
      ComputationGraphUpdater updater = network.getUpdater();
      updater.setStateViewArray(updaterState(updater.getUpdaterStateViewArray()));
    }
    return network;
  }

  /** What takes the place of a fresh updater's state. */
  private INDArray updaterState(INDArray fresh) throws IOException {
    INDArray state = array(UPDATER_STATE);
    requireLength(UPDATER_STATE, state, fresh);
    return state;
  }

  private static void requireLength(String name, INDArray given, INDArray expected)
      throws IOException {
    long length = expected == null ? 0 : expected.length();
    if (given.length() != length) {
      throw new IOException(
          String.format(
              "the entry '%s' holds %d numbers, the network has %d", name, given.length(), length));
    }
  }

  private INDArray array(String name) throws IOException {
    byte[] bytes = entries.get(name);
    FlatArray.check(name, bytes);
    return Nd4j.read(new DataInputStream(new ByteArrayInputStream(bytes)));
  }
}
