package io.github.dcn4j.detection.data;

import io.github.dcn4j.detection.Box;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.awt.image.DataBufferInt;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import lombok.RequiredArgsConstructor;

/**
 * One way to vary a training image: mirrored or not, enlarged and cropped or made smaller, at some
 * place of the network's square, its colours changed a little.
 *
 * <p>Padding stays as in a {@link Letterbox}. Boxes go with the pixels; what the crop cuts off of a
 * box is cut off, and an object of which little is left is left out.
 */
@RequiredArgsConstructor
final class Augmentation {
  /** Largest size of an image, with that in its letterbox as 1. */
  static final double MAX_ZOOM = 1.4;

  private static final double MIN_ZOOM = 0.6;

  /** Share of a box that must stay inside the square. */
  private static final double MIN_VISIBLE = 0.3;

  /** Largest changes of brightness, of each colour by itself, and of the colours' strength. */
  private static final double BRIGHTNESS = 0.3;

  private static final double TINT = 0.1;
  private static final double SATURATION = 0.5;

  private final Letterbox letterbox;
  private final boolean mirrored;
  private final int width;
  private final int height;
  private final int left;
  private final int top;
  private final double[] gain;
  private final double saturation;

  /** Draws a way to vary the image of a letterbox. */
  static Augmentation draw(Letterbox letterbox, SplittableRandom random) {
    boolean mirrored = random.nextBoolean();
    double zoom = MIN_ZOOM + (MAX_ZOOM - MIN_ZOOM) * random.nextDouble();
    int width = (int) Math.max(1, Math.round(letterbox.scaledWidth() * zoom));
    int height = (int) Math.max(1, Math.round(letterbox.scaledHeight() * zoom));
    int left = place(letterbox.getSide() - width, random);
    int top = place(letterbox.getSide() - height, random);
    double brightness = around(1, BRIGHTNESS, random);
    double[] gain = new double[3];
    for (int i = 0; i < gain.length; i++) {
      gain[i] = brightness * around(1, TINT, random);
    }
    double saturation = around(1, SATURATION, random);
    return new Augmentation(letterbox, mirrored, width, height, left, top, gain, saturation);
  }

  /** Anywhere inside where there is room; else so that no room is wasted. */
  private static int place(int room, SplittableRandom random) {
    return room >= 0 ? random.nextInt(room + 1) : -random.nextInt(-room + 1);
  }

  private static double around(double middle, double change, SplittableRandom random) {
    return middle - change + 2 * change * random.nextDouble();
  }

  /**
   * The varied square.
   *
   * @param image the letterbox's image at any scale; stays as it is
   */
  BufferedImage draw(BufferedImage image) {
    int side = letterbox.getSide();
    BufferedImage square = new BufferedImage(side, side, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = square.createGraphics();
    graphics.setColor(new Color(Letterbox.PADDING, Letterbox.PADDING, Letterbox.PADDING));
    graphics.fillRect(0, 0, side, side);
    BufferedImage coloured = coloured(ImageFiles.resized(image, width, height));
    if (mirrored) {
      graphics.drawImage(coloured, left + width, top, -width, height, null);
    } else {
      graphics.drawImage(coloured, left, top, null);
    }
    graphics.dispose();
    return square;
  }

  private BufferedImage coloured(BufferedImage image) {
    BufferedImage result = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    int[] pixels = ((DataBufferInt) result.getRaster().getDataBuffer()).getData();
    image.getRGB(0, 0, width, height, pixels, 0, width);
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = coloured(pixels[i]);
    }
    return result;
  }

  private int coloured(int rgb) {
    int red = rgb >> 16 & 0xFF;
    int green = rgb >> 8 & 0xFF;
    int blue = rgb & 0xFF;
    double grey = (red + green + blue) / 3.0;
    return channel(red, grey, 0) << 16 | channel(green, grey, 1) << 8 | channel(blue, grey, 2);
  }

  private int channel(int value, double grey, int channel) {
    double strong = grey + saturation * (value - grey);
    return (int) Math.round(Math.max(0, Math.min(255, gain[channel] * strong)));
  }

  /**
   * The boxes in the varied square.
   *
   * @param boxes in the letterbox's image, in its own pixels
   */
  List<Box> boxes(List<Box> boxes) {
    double scaleX = (double) width / letterbox.getWidth();
    double scaleY = (double) height / letterbox.getHeight();
    int side = letterbox.getSide();
    List<Box> visible = new ArrayList<>();
    for (Box box : boxes) {
      double x1 = mirrored ? letterbox.getWidth() - box.getX2() : box.getX1();
      double x2 = mirrored ? letterbox.getWidth() - box.getX1() : box.getX2();
      double cutX1 = Math.max(0, left + x1 * scaleX);
      double cutY1 = Math.max(0, top + box.getY1() * scaleY);
      double cutX2 = Math.min(side, left + x2 * scaleX);
      double cutY2 = Math.min(side, top + box.getY2() * scaleY);
      double whole = box.area() * scaleX * scaleY;
      if (cutX1 < cutX2
          && cutY1 < cutY2
          && (cutX2 - cutX1) * (cutY2 - cutY1) >= MIN_VISIBLE * whole) {
        visible.add(new Box(cutX1, cutY1, cutX2, cutY2, box.getLabel(), box.isDifficult()));
      }
    }
    return List.copyOf(visible);
  }
}
