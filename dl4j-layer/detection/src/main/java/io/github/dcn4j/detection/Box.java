package io.github.dcn4j.detection;

import lombok.Value;

/**
 * An axis-aligned rectangle around one object, with the object's class.
 *
 * <p>Coordinates are in pixels, measured from the image's upper left corner: the pixel in column
 * {@code c} covers {@code c} to {@code c + 1}. A box around that pixel alone has {@code x1 = c} and
 * {@code x2 = c + 1}. (Pascal VOC's own files and the rois of the pooling ops name the last pixel
 * inside instead; {@code data} and {@code proposals} convert.)
 */
@Value
public class Box {
  /** Left edge, in pixels. */
  double x1;

  /** Upper edge, in pixels. */
  double y1;

  /** Right edge, in pixels, not less than {@link #x1}. */
  double x2;

  /** Lower edge, in pixels, not less than {@link #y1}. */
  double y2;

  /** Index of the object's class in the data set's list of labels; −1 for a class not in it. */
  int label;

  /** Whether the annotator marked the object as too hard to count (Pascal VOC's "difficult"). */
  boolean difficult;

  /**
   * A box.
   *
   * @param x1 left edge, in pixels
   * @param y1 upper edge, in pixels
   * @param x2 right edge, in pixels; a box may be empty
   * @param y2 lower edge, in pixels
   * @param label index of the class
   * @param difficult whether the object counts neither when it is found nor when it is missed
   * @throws IllegalArgumentException if a coordinate is NaN or infinite, or the right or lower edge
   *     lies before the other
   */
  public Box(double x1, double y1, double x2, double y2, int label, boolean difficult) {
    requireEdges("x1", x1, "x2", x2);
    requireEdges("y1", y1, "y2", y2);
    this.x1 = x1;
    this.y1 = y1;
    this.x2 = x2;
    this.y2 = y2;
    this.label = label;
    this.difficult = difficult;
  }

  private static void requireEdges(String nearName, double near, String farName, double far) {
    if (!(Double.isFinite(near) && Double.isFinite(far) && near <= far)) {
      throw new IllegalArgumentException(
          String.format(
              "%s, %s: expected finite numbers with %s ≤ %s, got %s and %s",
              nearName, farName, nearName, farName, near, far));
    }
  }

  /**
   * A box whose object counts.
   *
   * @throws IllegalArgumentException as {@link #Box}
   */
  public static Box of(double x1, double y1, double x2, double y2, int label) {
    return new Box(x1, y1, x2, y2, label, false);
  }

  /** Width in pixels, 0 or more. */
  public double width() {
    return x2 - x1;
  }

  /** Height in pixels, 0 or more. */
  public double height() {
    return y2 - y1;
  }

  /** The column of the middle, in pixels. */
  public double middleX() {
    return (x1 + x2) / 2;
  }

  /** The row of the middle, in pixels. */
  public double middleY() {
    return (y1 + y2) / 2;
  }

  /** Area in square pixels, 0 or more. */
  public double area() {
    return width() * height();
  }

  /** Area shared with another box, in square pixels; 0 where they do not meet. */
  public double intersection(Box other) {
    double width = Math.min(x2, other.x2) - Math.max(x1, other.x1);
    double height = Math.min(y2, other.y2) - Math.max(y1, other.y1);
    return width <= 0 || height <= 0 ? 0 : width * height;
  }

  /** Intersection over union with another box, 0 to 1, whatever the labels; 0 for empty boxes. */
  public double iou(Box other) {
    double shared = intersection(other);
    return shared == 0 ? 0 : shared / (area() + other.area() - shared);
  }

  /**
   * This box in an image stretched by the given factors.
   *
   * @throws IllegalArgumentException if a factor is negative, or an edge would not be finite
   */
  public Box scaled(double scaleX, double scaleY) {
    return new Box(x1 * scaleX, y1 * scaleY, x2 * scaleX, y2 * scaleY, label, difficult);
  }
}
