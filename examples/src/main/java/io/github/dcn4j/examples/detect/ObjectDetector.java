package io.github.dcn4j.examples.detect;

import io.github.dcn4j.examples.data.LabelledImage;
import java.util.List;

/** Finds objects in images. */
public interface ObjectDetector {
  /** Class names; a detection's label is an index into this list. */
  List<String> getLabels();

  /**
   * What is seen in some images.
   *
   * @param images images of the detector's input size, at least one; their boxes are not looked at
   * @return for each image its detections, in the image's pixels and in no particular order
   */
  List<List<Detection>> detect(List<LabelledImage> images);
}
