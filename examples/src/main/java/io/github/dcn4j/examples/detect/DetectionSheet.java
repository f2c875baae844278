package io.github.dcn4j.examples.detect;

import io.github.dcn4j.detection.Detection;
import io.github.dcn4j.detection.data.LabelledImage;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Graphics2D;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** A picture of images with their true boxes (dashed, white) and what a detector sees (yellow). */
public final class DetectionSheet {
  /** Detections with a lower score are not drawn. */
  private static final double MIN_SCORE = 0.3;

  private static final float TEXT_SIZE = 13;
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
    graphics.setColor(Color.WHITE);
    graphics.setStroke(
        new BasicStroke(1, BasicStroke.CAP_BUTT, BasicStroke.JOIN_MITER, 1, DASHES, 0));
    image.getBoxes().forEach(box -> graphics.draw(BoxPainter.outline(box, scale)));
    BoxPainter painter = new BoxPainter(graphics, scale, ImageSheet.CELL, TEXT_SIZE);
    for (Detection detection : detections) {
      if (detection.getScore() >= MIN_SCORE) {
        painter.draw(detection, labels.get(detection.getBox().getLabel()));
      }
    }
  }
}
