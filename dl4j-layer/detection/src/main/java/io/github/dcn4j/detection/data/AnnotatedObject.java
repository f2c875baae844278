package io.github.dcn4j.detection.data;

import lombok.Value;

/** One object of an {@link Annotation}; edges in pixels from the image's upper left corner. */
@Value
class AnnotatedObject {
  String name;

  /** Whether it counts neither when it is found nor when it is missed. */
  boolean difficult;

  double x1;
  double y1;
  double x2;
  double y2;
}
