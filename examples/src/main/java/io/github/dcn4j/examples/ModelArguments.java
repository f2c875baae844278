package io.github.dcn4j.examples;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/** The options that the commands that use a trained model share: which one, and where to write. */
final class ModelArguments {
  @Option(
      names = "--model",
      paramLabel = "FILE",
      required = true,
      description = "The model: best.zip or last.zip of a training.")
  private Path model;

  @Option(
      names = "--output",
      paramLabel = "DIR",
      description = "Folder to write to; made if missing.")
  private Path output;

  /**
   * Not given yet.
   *
   * @param output the folder where none is given
   */
  ModelArguments(String output) {
    this.output = Path.of(output);
  }

  /** The model file. */
  Path model() {
    return model;
  }

  /** The folder to write to. */
  Path output() {
    return output;
  }
}
