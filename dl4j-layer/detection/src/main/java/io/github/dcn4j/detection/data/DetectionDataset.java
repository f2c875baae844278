package io.github.dcn4j.detection.data;

import io.github.dcn4j.detection.Box;
import java.util.List;

/**
 * A fixed number of images of one size with the boxes of their objects.
 *
 * <p>Implementations may be read by several threads at once, and give the same image for the same
 * index every time.
 */
public interface DetectionDataset {
  /** Class names; {@link Box#getLabel()} is an index into this list. */
  List<String> labels();

  /** Number of images. */
  int size();

  /**
   * One image.
   *
   * @param index 0 to {@code size() - 1}
   */
  LabelledImage get(int index);

  /**
   * The data set to use for one pass of training. A recorded set is the same in each; one that is
   * composed gives new images in each.
   *
   * @param epoch the pass, from 0
   */
  default DetectionDataset forEpoch(int epoch) {
    return this;
  }
}
