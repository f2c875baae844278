package io.github.dcn4j.examples.detect;

import io.github.dcn4j.examples.data.Box;
import io.github.dcn4j.examples.data.LabelledImage;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.geom.Rectangle2D;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** A picture of images with their true boxes (dashed, white) and what a detector sees (yellow). */
public final class DetectionSheet {
  /** Detections with a lower score are not drawn. */
  private static final double MIN_SCORE = 0.3;

  private static final Color PREDICTED = new Color(255, 220, 0);
  private static final Font FONT = new Font(Font.SANS_SERIF, Font.BOLD, 13);
  private static final float[] DASHES = {5, 4};

  private DetectionSheet() {}

  /**
   * Draws the sheet into a PNG file.
   *
   * @param images images of the detector's input size, at least one
   */
  public static void write(ObjectDetector detector, List<LabelledImage> images, Path file)
      throws IOException {
    List<List<Detection>> detections = detector.detect(images);
    ImageSheet.write(
        images,
        file,
        (graphics, i, scale) ->
            draw(graphics, scale, images.get(i), detections.get(i), detector.getLabels()));
  }

  private static void draw(
      Graphics2D graphics,
      double scale,
      LabelledImage image,
      List<Detection> detections,
      List<String> labels) {
    graphics.setFont(FONT);
    graphics.setColor(Color.WHITE);
    graphics.setStroke(
        new BasicStroke(1, BasicStroke.CAP_BUTT, BasicStroke.JOIN_MITER, 1, DASHES, 0));
    image.getBoxes().forEach(box -> graphics.draw(outline(box, scale)));
    graphics.setStroke(new BasicStroke(2));
    for (Detection detection : detections) {
      if (detection.getScore() >= MIN_SCORE) {
        Rectangle2D outline = outline(detection.getBox(), scale);
        graphics.setColor(PREDICTED);
        graphics.draw(outline);
        String name = labels.get(detection.getBox().getLabel());
        caption(
            graphics, String.format(Locale.ROOT, "%s %.2f", name, detection.getScore()), outline);
      }
    }
  }

  private static Rectangle2D outline(Box box, double scale) {
    return new Rectangle2D.Double(
        box.getX1() * scale, box.getY1() * scale, box.width() * scale, box.height() * scale);
  }

  /** Text above the box, or inside it at the upper edge of the image. */
  private static void caption(Graphics2D graphics, String text, Rectangle2D box) {
    int width = graphics.getFontMetrics().stringWidth(text) + 6;
    int height = graphics.getFontMetrics().getHeight();
    int x = (int) Math.max(0, Math.min(ImageSheet.CELL - width, box.getX()));
    int y = (int) Math.max(0, box.getY() - height);
    graphics.fillRect(x, y, width, height);
    graphics.setColor(Color.BLACK);
    graphics.drawString(text, x + 3, y + graphics.getFontMetrics().getAscent());
  }
}
