package io.github.dcn4j.examples.detect;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.Detection;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.awt.geom.Rectangle2D;
import java.util.Locale;
import lombok.RequiredArgsConstructor;

/** Draws detections: a yellow box, and above it the class and the score. */
@RequiredArgsConstructor
final class BoxPainter {
  private static final Color COLOUR = new Color(255, 220, 0);

  private final Graphics2D graphics;

  /** Pixels of the picture to one of the image. */
  private final double scale;

  /** Width of the picture, in its pixels. */
  private final int width;

  /** Size of the text, in the picture's pixels. */
  private final float textSize;

  /** Draws one. */
  void draw(Detection detection, String label) {
    graphics.setFont(new Font(Font.SANS_SERIF, Font.BOLD, 1).deriveFont(textSize));
    graphics.setStroke(new BasicStroke(Math.max(2, textSize / 8)));
    graphics.setColor(COLOUR);
    Rectangle2D outline = outline(detection.getBox(), scale);
    graphics.draw(outline);
    caption(String.format(Locale.ROOT, "%s %.2f", label, detection.getScore()), outline);
  }

  /** A box on a picture. */
  static Rectangle2D outline(Box box, double scale) {
    return new Rectangle2D.Double(
        box.getX1() * scale, box.getY1() * scale, box.width() * scale, box.height() * scale);
  }

  /** Text above the box, or inside it at the upper edge of the image. */
  private void caption(String text, Rectangle2D box) {
    FontMetrics font = graphics.getFontMetrics();
    int textWidth = font.stringWidth(text) + 6;
    int x = (int) Math.max(0, Math.min(width - textWidth, box.getX()));
    int y = (int) Math.max(0, box.getY() - font.getHeight());
    graphics.fillRect(x, y, textWidth, font.getHeight());
    graphics.setColor(Color.BLACK);
    graphics.drawString(text, x + 3, y + font.getAscent());
  }
}
