package io.github.dcn4j.detection.data;

import java.util.List;
import lombok.Value;

/** The images that a folder names, by what it says of their use. */
@Value
class Parts {
  /** To train on. */
  List<AnnotatedImage> training;

  /** To measure on. */
  List<AnnotatedImage> heldOut;

  /** Of these the folder does not say which. */
  List<AnnotatedImage> undivided;

  /** All that a folder says is that there are these. */
  static Parts undivided(List<AnnotatedImage> images) {
    return new Parts(List.of(), List.of(), images);
  }
}
