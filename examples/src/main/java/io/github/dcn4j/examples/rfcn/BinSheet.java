package io.github.dcn4j.examples.rfcn;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.Detection;
import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.examples.detect.ImageSheet;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.geom.Rectangle2D;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A picture of images with the bins that the pooling looked at where the detector is surest of an
 * object: in thin white lines where plain pooling has them, in colours, one for each bin, where
 * they moved. A bin is filled the more, the higher its weight.
 */
public final class BinSheet {
  private static final int MAX_DETECTIONS = 2;
  private static final float OPACITY = 0.3f;

  private BinSheet() {}

  /**
   * Draws the sheet into a PNG file.
   *
   * @param detector one whose bins move
   * @param images images of the detector's input size, at least one
   */
  public static void write(TwoStageDetector detector, List<LabelledImage> images, Path file)
      throws IOException {
    List<List<Detection>> detections = detector.detect(images);
    ImageSheet.write(
        images,
        file,
        (graphics, i, scale) -> {
          List<Box> surest =
              detections.get(i).stream()
                  .sorted(Comparator.comparingDouble(Detection::getScore).reversed())
                  .limit(MAX_DETECTIONS)
                  .map(Detection::getBox)
                  .collect(Collectors.toList());
          detector.bins(images.get(i), surest).forEach(bins -> draw(graphics, scale, bins));
        });
  }

  private static void draw(Graphics2D graphics, double scale, List<Bin> bins) {
    for (int i = 0; i < bins.size(); i++) {
      Color colour = Color.getHSBColor((float) i / bins.size(), 1, 1);
      float opacity = (float) (OPACITY * bins.get(i).getWeight());
      float[] rgb = colour.getRGBColorComponents(null);
      Rectangle2D moved = outline(bins.get(i).getMoved(), scale);
      graphics.setColor(new Color(rgb[0], rgb[1], rgb[2], opacity));
      graphics.fill(moved);
      graphics.setStroke(new BasicStroke(1));
      graphics.setColor(Color.WHITE);
      graphics.draw(outline(bins.get(i).getRegular(), scale));
      graphics.setStroke(new BasicStroke(2));
      graphics.setColor(colour);
      graphics.draw(moved);
    }
  }

  private static Rectangle2D outline(Box box, double scale) {
    return new Rectangle2D.Double(
        box.getX1() * scale, box.getY1() * scale, box.width() * scale, box.height() * scale);
  }
}
