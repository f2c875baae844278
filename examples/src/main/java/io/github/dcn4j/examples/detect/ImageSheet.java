package io.github.dcn4j.examples.detect;

import io.github.dcn4j.detection.data.LabelledImage;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** A picture of images side by side, each with something drawn on it. */
public final class ImageSheet {
  /** Side of one image on the sheet, in pixels. */
  public static final int CELL = 256;

  private static final int COLUMNS = 4;
  private static final int GAP = 4;

  private ImageSheet() {}

  /** Draws on one image. */
  @FunctionalInterface
  public interface Overlay {
    /**
     * Draws.
     *
     * @param graphics with the image's upper left corner at (0, 0); drawing ends at its edges
     * @param index of the image
     * @param scale pixels of the sheet to one of the image
     */
    void draw(Graphics2D graphics, int index, double scale);
  }

  /**
   * Draws the sheet into a PNG file.
   *
   * @param images square images, at least one
   */
  public static void write(List<LabelledImage> images, Path file, Overlay overlay)
      throws IOException {
    int columns = Math.min(COLUMNS, images.size());
    int rows = (images.size() + columns - 1) / columns;
    BufferedImage sheet =
        new BufferedImage(
            columns * (CELL + GAP) + GAP, rows * (CELL + GAP) + GAP, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = sheet.createGraphics();
    graphics.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    for (int i = 0; i < images.size(); i++) {
      int left = GAP + i % columns * (CELL + GAP);
      int top = GAP + i / columns * (CELL + GAP);
      BufferedImage image = images.get(i).getImage();
      Graphics2D cell = (Graphics2D) graphics.create(left, top, CELL, CELL);
      cell.drawImage(image, 0, 0, CELL, CELL, null);
      overlay.draw(cell, i, (double) CELL / image.getWidth());
      cell.dispose();
    }
    graphics.dispose();
    Png.write(sheet, file);
  }
}
