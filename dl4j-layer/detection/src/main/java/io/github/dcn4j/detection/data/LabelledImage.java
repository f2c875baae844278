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
}
