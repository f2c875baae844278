package io.github.dcn4j.detection.data;

import io.github.dcn4j.detection.Box;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.util.List;
import java.util.stream.Collectors;
import lombok.Value;

/**
 * How an image of any size becomes the square that a network takes: scaled as a whole, not
 * stretched, into the middle of the square, with grey above and below or on both sides.
 *
 * <p>The scaled image is a whole number of pixels wide and high, so its two scales may differ by
 * what that rounding takes. Boxes go by exactly the same scales as pixels, both ways.
 */
@Value
public class Letterbox {
  /** Each channel of the padding: nearest to 0 where pixels are scaled to −1 to 1. */
  public static final int PADDING = 128;

  /** Width of the image in its own pixels. */
  int width;

  /** Height of the image in its own pixels. */
  int height;

  /** Rows and columns of the square. */
  int side;

  /**
   * The letterbox of an image size.
   *
   * @throws IllegalArgumentException naming what is below 1
   */
  public Letterbox(int width, int height, int side) {
    if (width < 1 || height < 1 || side < 1) {
      throw new IllegalArgumentException(
          String.format(
              "expected a width, height and side of at least 1, got %d, %d and %d",
              width, height, side));
    }
    this.width = width;
    this.height = height;
    this.side = side;
  }

  /** Width of the scaled image in the square's pixels. */
  public int scaledWidth() {
    return scaled(width);
  }

  /** Height of the scaled image in the square's pixels. */
  public int scaledHeight() {
    return scaled(height);
  }

  private int scaled(int length) {
    return (int) Math.max(1, Math.round((double) length * side / Math.max(width, height)));
  }

  /** Pixels of the square to one of the image, across. */
  public double scaleX() {
    return (double) scaledWidth() / width;
  }

  /** Pixels of the square to one of the image, along. */
  public double scaleY() {
    return (double) scaledHeight() / height;
  }

  /** Columns of padding left of the image. */
  public int left() {
    return (side - scaledWidth()) / 2;
  }

  /** Rows of padding above the image. */
  public int top() {
    return (side - scaledHeight()) / 2;
  }

  /**
   * The square.
   *
   * @param image of the letterbox's width and height
   * @return side × side pixels, as {@link BufferedImage#TYPE_INT_RGB}
   */
  public BufferedImage draw(BufferedImage image) {
    if (image.getWidth() != width || image.getHeight() != height) {
      throw new IllegalArgumentException(
          String.format(
              "image: expected %d×%d pixels, got %d×%d",
              width, height, image.getWidth(), image.getHeight()));
    }
    return place(image);
  }

  /** The square, from the image at whatever scale. */
  BufferedImage place(BufferedImage image) {
    BufferedImage square = new BufferedImage(side, side, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = square.createGraphics();
    graphics.setColor(new Color(PADDING, PADDING, PADDING));
    graphics.fillRect(0, 0, side, side);
    graphics.drawImage(
        ImageFiles.resized(image, scaledWidth(), scaledHeight()), left(), top(), null);
    graphics.dispose();
    return square;
  }

  /** Boxes in the image's pixels, in the square's. */
  List<Box> toSquare(List<Box> boxes) {
    return boxes.stream().map(this::toSquare).collect(Collectors.toUnmodifiableList());
  }

  /** A box in the image's pixels, in the square's. */
  public Box toSquare(Box box) {
    return new Box(
        left() + box.getX1() * scaleX(),
        top() + box.getY1() * scaleY(),
        left() + box.getX2() * scaleX(),
        top() + box.getY2() * scaleY(),
        box.getLabel(),
        box.isDifficult());
  }

  /**
   * A box in the square's pixels, in the image's, cut off at the image's edges.
   *
   * @return empty (of area 0) if the box lies wholly in the padding
   */
  public Box toImage(Box box) {
    return new Box(
        within((box.getX1() - left()) / scaleX(), width),
        within((box.getY1() - top()) / scaleY(), height),
        within((box.getX2() - left()) / scaleX(), width),
        within((box.getY2() - top()) / scaleY(), height),
        box.getLabel(),
        box.isDifficult());
  }

  private static double within(double coordinate, int length) {
    return Math.max(0, Math.min(length, coordinate));
  }
}
