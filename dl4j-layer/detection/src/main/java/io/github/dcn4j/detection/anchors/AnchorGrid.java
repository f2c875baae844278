package io.github.dcn4j.detection.anchors;

import io.github.dcn4j.detection.Box;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Boxes of a few typical sizes around the middle of every cell of a square grid, and where the
 * proposal stage speaks of them.
 *
 * <p>Its output is [N, 5 · sizes, cells, cells], for each size a score (the logit of there being an
 * object) and then x, y, width and height as {@link BoxDeltas}. The anchors are numbered in this
 * order: all cells of the first size, row by row, then those of the next.
 */
public final class AnchorGrid {
  /** Numbers for an anchor: the score, then its {@link BoxDeltas}. */
  public static final int NUMBERS = 1 + BoxDeltas.COUNT;

  private final List<Box> boxes;
  private final int sizes;
  private final int plane;

  /**
   * Lays out the anchors.
   *
   * @param sizes [sizes][width, height] in pixels, above 0, at least one
   * @param cells rows, and columns, of the grid, at least 1
   * @param cell side of a cell in pixels, above 0
   * @throws IllegalArgumentException naming the argument that is out of range
   */
  public AnchorGrid(double[][] sizes, int cells, double cell) {
    Anchors.require("sizes", sizes);
    if (cells < 1 || !(cell > 0)) {
      throw new IllegalArgumentException(
          String.format(
              "cells, cell: expected at least 1 and more than 0, got %d and %s", cells, cell));
    }
    this.sizes = sizes.length;
    plane = cells * cells;
    List<Box> all = new ArrayList<>();
    for (double[] size : sizes) {
      for (int row = 0; row < cells; row++) {
        for (int column = 0; column < cells; column++) {
          double x = (column + 0.5) * cell;
          double y = (row + 0.5) * cell;
          all.add(Box.of(x - size[0] / 2, y - size[1] / 2, x + size[0] / 2, y + size[1] / 2, 0));
        }
      }
    }
    boxes = Collections.unmodifiableList(all);
  }

  /** All anchors, in pixels; labels mean nothing. */
  public List<Box> boxes() {
    return boxes;
  }

  /**
   * Where one of an anchor's numbers stands in the output, written out row by row.
   *
   * @param image index in the minibatch
   * @param anchor index in {@link #boxes}
   * @param number 0 for the score, 1 to 4 for the box
   */
  public int at(int image, int anchor, int number) {
    int size = anchor / plane;
    return ((image * sizes + size) * NUMBERS + number) * plane + anchor % plane;
  }

  /**
   * The box that the output makes of an anchor, in pixels, with the label 0.
   *
   * @param output written out row by row
   * @param image index in the minibatch
   * @param anchor index in {@link #boxes}
   * @throws IllegalArgumentException if a number of it is NaN, or x or y infinite
   */
  public Box decode(float[] output, int image, int anchor) {
    float[] deltas = new float[BoxDeltas.COUNT];
    for (int i = 0; i < deltas.length; i++) {
      deltas[i] = output[at(image, anchor, 1 + i)];
    }
    return BoxDeltas.decode(deltas, boxes.get(anchor), 0);
  }
}
