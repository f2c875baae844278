package io.github.dcn4j.examples.checkpoint;

import io.github.dcn4j.examples.UserInputException;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;
import lombok.Getter;
import lombok.RequiredArgsConstructor;
import org.apache.commons.lang3.SerializationUtils;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.util.ModelSerializer;

/**
 * What a training needs to go on, as it was read from a file.
 *
 * <p>The file is a zip archive of three parts: the options of the training and its state, both
 * serialised, and {@code network.zip}, an ordinary Deeplearning4j model file with the state of the
 * updater. The archive has a checksum of each part.
 *
 * @param <S> the state of the training beside the network
 */
@RequiredArgsConstructor
public final class Checkpoint<S extends Serializable> {
  private static final String OPTIONS = "options";
  private static final String STATE = "state";
  private static final String NETWORK = "network.zip";

  /** Where it was read from. */
  @Getter private final Path file;

  private final Map<String, String> options;

  /** The state of the training beside the network. */
  @Getter private final S state;

  private final byte[] network;

  /** Writes a checkpoint; a kill leaves the file whole, or as it was before. */
  static void write(Path file, Map<String, String> options, Serializable state, Model network)
      throws IOException {
    AtomicFile.write(
        file,
        part -> {
          try (ZipOutputStream zip =
              new ZipOutputStream(new BufferedOutputStream(Files.newOutputStream(part)))) {
            zip.setLevel(Deflater.NO_COMPRESSION); // the network has its own
            zip.putNextEntry(new ZipEntry(OPTIONS));
            zip.write(SerializationUtils.serialize(new LinkedHashMap<>(options)));
            zip.putNextEntry(new ZipEntry(STATE));
            zip.write(SerializationUtils.serialize(state));
            zip.putNextEntry(new ZipEntry(NETWORK));
            ModelSerializer.writeModel(network, zip, true);
          }
        });
  }

  /**
   * Reads a checkpoint.
   *
   * @throws IOException if the file is not whole
   * @throws UserInputException if it is, but another version of this program wrote it
   */
  static <S extends Serializable> Checkpoint<S> read(Path file) throws IOException {
    byte[] options;
    byte[] state;
    byte[] network;
    try (ZipInputStream zip =
        new ZipInputStream(new BufferedInputStream(Files.newInputStream(file)))) {
      options = part(zip, OPTIONS);
      state = part(zip, STATE);
      network = part(zip, NETWORK);
    } catch (RuntimeException e) { // of a damaged table of parts
      throw new IOException(e.getMessage(), e);
    }
    try {
      return new Checkpoint<>(
          file,
          SerializationUtils.deserialize(options),
          SerializationUtils.deserialize(state),
          network);
    } catch (RuntimeException e) { // the checksums were right, so it is as it was written
      throw new UserInputException(
          file
              + ": the file is whole, but this version of the program cannot read it, so another"
              + " version may have written it: resume with that one, or give another --output ("
              + e.getMessage()
              + ")",
          e);
    }
  }

  private static byte[] part(ZipInputStream zip, String name) throws IOException {
    ZipEntry entry = zip.getNextEntry();
    if (entry == null || !entry.getName().equals(name)) {
      throw new IOException("the part '" + name + "' is missing");
    }
    return zip.readAllBytes(); // to the end, where its checksum is compared
  }

  /**
   * Makes sure that the training would go on as it began.
   *
   * @throws UserInputException naming the options that differ
   */
  void requireOptions(Map<String, String> wanted) {
    if (!options.equals(wanted)) {
      Map<String, String> all = new LinkedHashMap<>(options);
      all.putAll(wanted);
      all.keySet().removeIf(name -> wanted.getOrDefault(name, "").equals(options.get(name)));
      throw new UserInputException(
          file
              + " cannot be resumed with other options: "
              + all.keySet().stream()
                  .map(name -> difference(name, wanted.get(name)))
                  .collect(Collectors.joining("; ")));
    }
  }

  private String difference(String name, String given) {
    return String.format(
        "%s was %s, now it is %s",
        name, options.getOrDefault(name, "not given"), given == null ? "not given" : given);
  }

  /** The network with the state of its updater, if it is one of layers. */
  public MultiLayerNetwork multiLayerNetwork() {
    return restored(in -> ModelSerializer.restoreMultiLayerNetwork(in, true));
  }

  /** The network with the state of its updater, if it is a graph. */
  public ComputationGraph computationGraph() {
    return restored(in -> ModelSerializer.restoreComputationGraph(in, true));
  }

  private <N> N restored(Restorer<N> restorer) {
    try {
      return restorer.restore(new ByteArrayInputStream(network));
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": the network cannot be restored", e);
    }
  }

  @FunctionalInterface
  private interface Restorer<N> {
    N restore(InputStream in) throws IOException;
  }
}
