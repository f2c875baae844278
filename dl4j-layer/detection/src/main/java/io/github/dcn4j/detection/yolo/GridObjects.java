package io.github.dcn4j.detection.yolo;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.data.LabelledImage;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import lombok.experimental.UtilityClass;

/** The objects of images as the grid of a network sees them. */
@UtilityClass
class GridObjects {
  /** Refuses numbers below 1. */
  static void require(int classes, int grid, LabelledImage... images) {
    if (classes < 1 || grid < 1 || images.length < 1) {
      throw new IllegalArgumentException(
          String.format(
              "classes, grid, images: expected at least 1 of each, got %d, %d and %d",
              classes, grid, images.length));
    }
  }

  /**
   * The boxes of the objects to learn, in cells, the smallest first.
   *
   * @param classes number of classes
   * @param grid number of columns in the image
   * @throws IllegalArgumentException if one is of another class
   */
  static List<Box> of(LabelledImage image, int classes, int grid) {
    image.requireLabels(classes);
    double cell = (double) image.getImage().getWidth() / grid;
    return image.getBoxes().stream()
        .filter(box -> !box.isDifficult())
        .map(box -> box.scaled(1 / cell, 1 / cell))
        .sorted(Comparator.comparingDouble(Box::area))
        .collect(Collectors.toList());
  }
}
