package io.github.dcn4j.detection.data;

import io.github.dcn4j.detection.Box;
import java.awt.image.BufferedImage;
import java.util.List;
import lombok.Value;

/** An image and the boxes of the objects in it. */
@Value
public class LabelledImage {
  /** What to call the image in messages: a file name, or the number of a composed scene. */
  String name;

  /** The pixels, as {@link BufferedImage#TYPE_INT_RGB}. */
  BufferedImage image;

  /** The objects, in this image's pixels. */
  List<Box> boxes;

  /**
   * Makes sure that the objects to learn are of a network's classes.
   *
   * @param classes number of classes
   * @throws IllegalArgumentException naming the image and the box, if one that counts has a label
   *     outside of 0 to {@code classes - 1}
   */
  public void requireLabels(int classes) {
    for (Box box : boxes) {
      if (!box.isDifficult() && (box.getLabel() < 0 || box.getLabel() >= classes)) {
        throw new IllegalArgumentException(
            String.format(
                "boxes: expected labels of 0 to %d, got %s in '%s'", classes - 1, box, name));
      }
    }
  }
}
