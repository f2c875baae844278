package io.github.dcn4j.detection;

import lombok.Value;

/**
 * An axis-aligned rectangle around one object, with the object's class.
 *
 * <p>Coordinates are in pixels, measured from the image's upper left corner: the pixel in column
 * {@code c} covers {@code c} to {@code c + 1}. A box around that pixel alone has {@code x1 = c} and
 * {@code x2 = c + 1}.
 */
@Value
public class Box {
  /** Left edge, in pixels. */
  double x1;

  /** Upper edge, in pixels. */
  double y1;

  /** Right edge, in pixels, greater than {@link #x1}. */
  double x2;

  /** Lower edge, in pixels, greater than {@link #y1}. */
  double y2;

  /** Index of the object's class in the data set's list of labels. */
  int label;

  /** Whether the annotator marked the object as too hard to count (Pascal VOC's "difficult"). */
  boolean difficult;

  /** A box whose object counts. */
  public static Box of(double x1, double y1, double x2, double y2, int label) {
    return new Box(x1, y1, x2, y2, label, false);
  }

  /** Width in pixels. */
  public double width() {
    return x2 - x1;
  }

  /** Height in pixels. */
  public double height() {
    return y2 - y1;
  }

  /** Area in square pixels. */
  public double area() {
    return width() * height();
  }

  /** Area shared with another box, in square pixels; 0 where they do not meet. */
  public double intersection(Box other) {
    double width = Math.min(x2, other.x2) - Math.max(x1, other.x1);
    double height = Math.min(y2, other.y2) - Math.max(y1, other.y1);
    return width <= 0 || height <= 0 ? 0 : width * height;
  }

  /** Intersection over union with another box, 0 to 1, whatever the labels. */
  public double iou(Box other) {
    double shared = intersection(other);
    return shared == 0 ? 0 : shared / (area() + other.area() - shared);
  }

  /** This box in an image stretched by the given factors. */
  public Box scaled(double scaleX, double scaleY) {
    return new Box(x1 * scaleX, y1 * scaleY, x2 * scaleX, y2 * scaleY, label, difficult);
  }
}
