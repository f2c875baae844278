package io.github.dcn4j.examples.detect;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.Detection;
import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.detection.data.Letterbox;
import io.github.dcn4j.layers.SamplingPositions;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Line2D;
import java.awt.geom.Point2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A picture of one image, at least {@value #MIN_SIDE} pixels wide or high, with something on it.
 */
public final class DetectionPicture {
  private static final int MIN_SIDE = 512;

  /** The text is this part of the longer side, at least {@value #MIN_TEXT} pixels. */
  private static final int TEXT_PART = 40;

  private static final int MIN_TEXT = 14;

  /** Radius of the dot of a tap of full weight, as a part of the longer side. */
  private static final double DOT_PART = 1 / 70.0;

  private static final int OPAQUE = 255;

  private final BufferedImage image;
  private final BufferedImage picture;
  private final Graphics2D graphics;
  private final int scale;

  /** An image without anything on it. */
  public DetectionPicture(BufferedImage image) {
    this.image = image;
    int longer = Math.max(image.getWidth(), image.getHeight());
    scale = (MIN_SIDE + longer - 1) / longer;
    picture =
        new BufferedImage(
            image.getWidth() * scale, image.getHeight() * scale, BufferedImage.TYPE_INT_RGB);
    graphics = picture.createGraphics();
    graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
    graphics.setRenderingHint(
        RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BICUBIC);
    graphics.drawImage(image, 0, 0, picture.getWidth(), picture.getHeight(), null);
  }

  private int longer() {
    return Math.max(picture.getWidth(), picture.getHeight());
  }

  /** Draws what was found, in the image's pixels. */
  public DetectionPicture draw(List<Detection> detections, List<String> labels) {
    float textSize = Math.max(MIN_TEXT, longer() / TEXT_PART);
    BoxPainter painter = new BoxPainter(graphics, scale, picture.getWidth(), textSize);
    detections.forEach(d -> painter.draw(d, labels.get(d.getBox().getLabel())));
    return this;
  }

  /**
   * Draws where the taps of a layer look for some points of the image: for each tap a line from
   * where a plain convolution has it to where it looks, and there a dot. Area and opacity of the
   * dot are the tap's weight, of either sign, against the largest of the image; the groups of a
   * layer have colours of their own. The output pixel nearest to the point is taken; a cross marks
   * the point.
   *
   * @param layer name of a deformable convolution of the detector's network
   * @param points in the image's pixels
   */
  public DetectionPicture drawSampling(
      ObjectDetector detector, String layer, List<Point2D> points) {
    Letterbox letterbox = new Letterbox(image.getWidth(), image.getHeight(), detector.getSide());
    LabelledImage input = new LabelledImage("", letterbox.draw(image), List.of());
    SamplingPositions sampling =
        SamplingPositions.of(detector.getNetwork(), layer, detector.inputs(input));
    INDArray positions = sampling.getImagePositions();
    INDArray grid = sampling.toImage(sampling.getGrid());
    INDArray weights = sampling.getWeights();
    double largest = Math.max(Double.MIN_NORMAL, weights.amaxNumber().doubleValue());
    for (Point2D point : points) {
      double y = letterbox.top() + point.getY() * letterbox.scaleY() - 0.5; // of a pixel's middle
      double x = letterbox.left() + point.getX() * letterbox.scaleX() - 0.5;
      int[] pixel = sampling.outputPixelAt(y, x);
      for (int group = 0; group < positions.size(1); group++) {
        for (int tap = 0; tap < positions.size(2); tap++) {
          drawTap(
              onPicture(letterbox, grid, tap, pixel[0], pixel[1]),
              onPicture(letterbox, positions, 0, group, tap, pixel[0], pixel[1]),
              Math.abs(weights.getDouble(0, group, tap, pixel[0], pixel[1])) / largest,
              Color.getHSBColor((float) group / positions.size(1), 1, 1));
        }
      }
      drawCross(point);
    }
    return this;
  }

  /** The (y, x) at an index of an array of positions in the square, on the picture. */
  private Point2D onPicture(Letterbox letterbox, INDArray positions, int... index) {
    int[] at = Arrays.copyOf(index, index.length + 1);
    double y = positions.getDouble(at) + 0.5;
    at[index.length] = 1;
    double x = positions.getDouble(at) + 0.5;
    return new Point2D.Double(
        (x - letterbox.left()) / letterbox.scaleX() * scale,
        (y - letterbox.top()) / letterbox.scaleY() * scale);
  }

  private void drawTap(Point2D plain, Point2D moved, double weight, Color colour) {
    double radius = DOT_PART * longer() * Math.sqrt(weight);
    graphics.setStroke(new BasicStroke(Math.max(1, longer() / 500f)));
    graphics.setColor(Color.WHITE);
    graphics.draw(new Line2D.Double(plain, moved));
    int opacity = (int) Math.round(OPAQUE * weight);
    graphics.setColor(new Color(colour.getRed(), colour.getGreen(), colour.getBlue(), opacity));
    Ellipse2D dot =
        new Ellipse2D.Double(moved.getX() - radius, moved.getY() - radius, 2 * radius, 2 * radius);
    graphics.fill(dot);
    graphics.setColor(Color.WHITE);
    graphics.draw(dot);
  }

  private void drawCross(Point2D point) {
    double arm = DOT_PART * longer();
    double x = point.getX() * scale;
    double y = point.getY() * scale;
    graphics.setStroke(new BasicStroke(Math.max(2, longer() / 250f)));
    graphics.setColor(Color.CYAN);
    graphics.draw(new Line2D.Double(x - arm, y, x + arm, y));
    graphics.draw(new Line2D.Double(x, y - arm, x, y + arm));
  }

  /** The middle of a box. */
  public static Point2D middle(Box box) {
    return new Point2D.Double((box.getX1() + box.getX2()) / 2, (box.getY1() + box.getY2()) / 2);
  }

  /** Writes a PNG file. */
  public void write(Path file) throws IOException {
    graphics.dispose();
    Png.write(picture, file);
  }
}
