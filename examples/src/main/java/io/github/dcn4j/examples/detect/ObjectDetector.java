package io.github.dcn4j.examples.detect;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.Detection;
import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.detection.data.Letterbox;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Finds objects in images: a network together with what its output means. */
public interface ObjectDetector {
  /** What the network's output means. */
  ModelDescription getDescription();

  /** The network. */
  ComputationGraph getNetwork();

  /**
   * What is seen in some images.
   *
   * @param images images of the detector's input size, at least one; their boxes are not looked at
   * @return for each image its detections, in the image's pixels and in no particular order
   */
  List<List<Detection>> detect(List<LabelledImage> images);

  /**
   * What the network takes for some images.
   *
   * @param images images of the detector's input size, at least one
   */
  INDArray[] inputs(LabelledImage... images);

  /** Class names; a detection's label is an index into this list. */
  default List<String> getLabels() {
    return getDescription().getLabels();
  }

  /** Rows and columns of the square images that the network takes. */
  default int getSide() {
    return getDescription().getInputSize();
  }

  /**
   * What is seen in an image of any size.
   *
   * @return detections in the image's own pixels, within the image and in no particular order
   */
  default List<Detection> detect(BufferedImage image) {
    Letterbox letterbox = new Letterbox(image.getWidth(), image.getHeight(), getSide());
    LabelledImage input = new LabelledImage("", letterbox.draw(image), List.of());
    List<Detection> found = new ArrayList<>();
    for (Detection detection : detect(List.of(input)).get(0)) {
      Box box = letterbox.toImage(detection.getBox());
      if (box.area() > 0) { // not in the padding
        found.add(new Detection(box, detection.getScore()));
      }
    }
    return found;
  }

  /** Writes a model file of the network and what its output means. */
  default void save(Path file) throws IOException {
    getDescription().save(file, getNetwork());
  }
}
