package io.github.dcn4j.examples.checkpoint;

import io.github.dcn4j.detection.data.FileNames;
import io.github.dcn4j.examples.UserInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import lombok.AccessLevel;
import lombok.Getter;
import lombok.RequiredArgsConstructor;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.shade.jackson.databind.JsonNode;

/**
 * What a training needs to go on, as it was read from a file.
 *
 * <p>The file is a {@link NetworkFile} with the state of the updater, and in {@code
 * checkpoint.json} the options of the training and its state beside the network.
 *
 * @param <S> the state of the training beside the network
 */
@RequiredArgsConstructor(access = AccessLevel.PRIVATE)
public final class Checkpoint<S> {
  private static final String ENTRY = "checkpoint.json";
  private static final String OPTIONS = "options";
  private static final String STATE = "state";

  private final NetworkFile network;

  private final Map<String, String> options;

  /** The state of the training beside the network. */
  @Getter private final S state;

  /** Writes a checkpoint; a kill leaves the file whole, or as it was before. */
  static void write(Path file, Map<String, String> options, Object state, Model network)
      throws IOException {
    Map<String, Object> description = new LinkedHashMap<>();
    description.put(OPTIONS, new TreeMap<>(options));
    description.put(STATE, state);
    NetworkFile.write(file, ENTRY, description, network, true);
  }

  /**
   * Reads a checkpoint.
   *
   * @param type of the state
   * @throws IOException if the file is not whole
   * @throws UserInputException if it is, but another version of this program wrote it
   */
  static <S> Checkpoint<S> read(Path file, Class<S> type) throws IOException {
    NetworkFile network = NetworkFile.read(file, ENTRY);
    JsonNode description = network.getDescription();
    try {
      Map<String, String> options = new LinkedHashMap<>();
      description
          .path(OPTIONS)
          .fields()
          .forEachRemaining(option -> options.put(option.getKey(), option.getValue().asText()));
      return new Checkpoint<>(network, options, Json.read(description.path(STATE), type));
    } catch (IOException e) { // the checksums were right, so it is as it was written
      throw new UserInputException(
          FileNames.text(file)
              + ": the file is whole, but this version of the program cannot read it, so another"
              + " version may have written it: resume with that one, or give another --output ("
              + e.getMessage()
              + ")",
          e);
    }
  }

  /** Where it was read from. */
  public Path getFile() {
    return network.getFile();
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
          FileNames.text(getFile())
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
    return network(MultiLayerNetwork.class);
  }

  /** The network with the state of its updater, if it is a graph. */
  public ComputationGraph computationGraph() {
    return network(ComputationGraph.class);
  }

  private <N> N network(Class<N> type) {
    try {
      return type.cast(network.network());
    } catch (IOException | ClassCastException e) {
      throw new UncheckedIOException(
          FileNames.text(getFile()) + ": the network cannot be restored",
          new IOException(e.getMessage(), e));
    }
  }
}
