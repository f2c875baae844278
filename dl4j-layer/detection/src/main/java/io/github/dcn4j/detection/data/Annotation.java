package io.github.dcn4j.detection.data;

import io.github.dcn4j.detection.Box;
import java.util.List;
import java.util.stream.Collectors;
import lombok.Value;

/** What is known of an image, whatever the format it was written in: its size and its objects. */
@Value
final class Annotation {
  /** What to call it in messages; begins with the file that holds it. */
  String source;

  /** Stated width of the image in pixels, or 0 if none is. */
  int width;

  /** Stated height of the image in pixels, or 0 if none is. */
  int height;

  /** The objects, in the file's order; of several that are alike in all there is one. */
  List<AnnotatedObject> objects;

  /** Whether there are coordinates, and all lie within 0 and 1. */
  boolean normalised;

  /**
   * The boxes in an image.
   *
   * <p>What reaches over an edge by less than a pixel, as by rounding, is cut off there.
   *
   * @param labels the names that become the boxes' labels; one that is not there becomes −1
   * @param imageWidth width of the image in pixels
   * @param imageHeight height of the image in pixels
   * @throws InvalidDataException naming the annotation, if they cannot belong together
   */
  List<Box> boxes(List<String> labels, int imageWidth, int imageHeight) {
    if (width > 0 && height > 0 && (width != imageWidth || height != imageHeight)) {
      boolean turned = width == imageHeight && height == imageWidth;
      throw new InvalidDataException(
          String.format(
              "%s: the size is said to be %d×%d, but the image is %d×%d%s",
              source,
              width,
              height,
              imageWidth,
              imageHeight,
              turned ? " when turned upright as its EXIF orientation says, if it has one" : ""));
    }
    if (normalised && (imageWidth > 1 || imageHeight > 1)) {
      throw new InvalidDataException(
          String.format(
              "%s: the coordinates all lie within 0 and 1, so they are normalised; pixels of the"
                  + " %d×%d image are expected",
              source, imageWidth, imageHeight));
    }
    return objects.stream()
        .map(object -> box(object, labels, imageWidth, imageHeight))
        .collect(Collectors.toUnmodifiableList());
  }

  private Box box(AnnotatedObject object, List<String> labels, int imageWidth, int imageHeight) {
    double x1 = Math.max(0, object.getX1());
    double y1 = Math.max(0, object.getY1());
    double x2 = Math.min(imageWidth, object.getX2());
    double y2 = Math.min(imageHeight, object.getY2());
    boolean inside =
        object.getX1() > -1
            && object.getY1() > -1
            && object.getX2() < imageWidth + 1
            && object.getY2() < imageHeight + 1;
    if (!(inside && x1 < x2 && y1 < y2)) {
      throw new InvalidDataException(
          String.format(
              "%s: the box of '%s' (x %s to %s, y %s to %s) is empty or outside the %d×%d image",
              source,
              object.getName(),
              object.getX1(),
              object.getX2(),
              object.getY1(),
              object.getY2(),
              imageWidth,
              imageHeight));
    }
    return new Box(x1, y1, x2, y2, labels.indexOf(object.getName()), object.isDifficult());
  }
}
