package io.github.dcn4j.examples;

import io.github.dcn4j.examples.detect.Detector;
import io.github.dcn4j.examples.detect.ModelDescription;
import io.github.dcn4j.examples.detect.ObjectDetector;
import io.github.dcn4j.examples.rfcn.TwoStageDetector;
import java.nio.file.Path;
import lombok.experimental.UtilityClass;

/** Reads the model files of all kinds of detectors. */
@UtilityClass
class ModelFiles {
  /**
   * Reads a model file.
   *
   * @throws UserInputException in one line that names the file, if it is none of a detector
   */
  static ObjectDetector load(Path file) {
    return ModelDescription.<ObjectDetector>load(
        file,
        (description, network) ->
            description.getKind() == ModelDescription.Kind.ONE_STAGE
                ? new Detector(description, network)
                : new TwoStageDetector(description, network));
  }
}
