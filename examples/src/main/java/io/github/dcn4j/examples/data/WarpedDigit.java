package io.github.dcn4j.examples.data;

import java.util.SplittableRandom;

/**
 * One handwritten digit, turned, stretched, sheared and bent, as a coverage mask.
 *
 * <p>The mask has the size of the drawn digit: its first and last rows and columns each hold some
 * ink. So the box of a digit drawn with its upper left corner at (x, y) is (x, y) to (x + width, y
 * + height), exactly.
 */
final class WarpedDigit {
  private static final double MAX_ROTATION = Math.toRadians(60);
  private static final double MIN_SCALE = 1.2;
  private static final double MAX_SCALE = 2.8;
  private static final double MAX_SHEAR = 0.4;

  /** Largest displacement of the elastic field along each axis, in pixels of the scene. */
  private static final double MAX_BEND = 2.5;

  /** The elastic field is interpolated between this many random displacements along each axis. */
  private static final int BEND_KNOTS = 4;

  /** Ink below the first value is paper, above the second full colour; linear in between. */
  private static final double PAPER = 0.25 * 255;

  private static final double FULL = 0.75 * 255;

  /** Half the side of the square that holds all the ink of an MNIST digit, with a margin. */
  private static final double HALF_INK = 12;

  /** The middle of the 28×28 pixels, in coordinates in which pixel centres are integers. */
  private static final double MIDDLE = (HandwrittenDigits.SIDE - 1) / 2.0;

  final int label;
  final int width;
  final int height;

  /** Share of the pixel that is ink, 0 to 1, row by row: [height · width]. */
  final float[] coverage;

  private WarpedDigit(int label, int width, int height, float[] coverage) {
    this.label = label;
    this.width = width;
    this.height = height;
    this.coverage = coverage;
  }

  /** Draws one digit with a random warp. */
  static WarpedDigit draw(HandwrittenDigits digits, int index, SplittableRandom random) {
    double angle = between(random, -MAX_ROTATION, MAX_ROTATION);
    double scaleX = between(random, MIN_SCALE, MAX_SCALE);
    double scaleY = between(random, MIN_SCALE, MAX_SCALE);
    double shear = between(random, -MAX_SHEAR, MAX_SHEAR);
    double cos = Math.cos(angle);
    double sin = Math.sin(angle);
    // Scene = rotation · shear · scale · digit.
    double a = cos * scaleX;
    double b = (cos * shear - sin) * scaleY;
    double c = sin * scaleX;
    double d = (sin * shear + cos) * scaleY;
    double determinant = scaleX * scaleY;

    int halfWidth = (int) Math.ceil(HALF_INK * (Math.abs(a) + Math.abs(b)) + MAX_BEND);
    int halfHeight = (int) Math.ceil(HALF_INK * (Math.abs(c) + Math.abs(d)) + MAX_BEND);
    int width = 2 * halfWidth + 1;
    int height = 2 * halfHeight + 1;
    double[] bendX = bendKnots(random);
    double[] bendY = bendKnots(random);
    float[] coverage = new float[width * height];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        double u = (double) x / (width - 1);
        double v = (double) y / (height - 1);
        double dx = x - halfWidth + bend(bendX, u, v);
        double dy = y - halfHeight + bend(bendY, u, v);
        double column = MIDDLE + (d * dx - b * dy) / determinant;
        double row = MIDDLE + (a * dy - c * dx) / determinant;
        double ink = (ink(digits, index, row, column) - PAPER) / (FULL - PAPER);
        coverage[y * width + x] = (float) Math.max(0, Math.min(1, ink));
      }
    }
    return trim(digits.label(index), width, height, coverage);
  }

  private static double[] bendKnots(SplittableRandom random) {
    double[] knots = new double[BEND_KNOTS * BEND_KNOTS];
    for (int i = 0; i < knots.length; i++) {
      knots[i] = between(random, -MAX_BEND, MAX_BEND);
    }
    return knots;
  }

  /** The displacement at (u, v), both 0 to 1 over the mask. */
  private static double bend(double[] knots, double u, double v) {
    double x = u * (BEND_KNOTS - 1);
    double y = v * (BEND_KNOTS - 1);
    int left = Math.min((int) x, BEND_KNOTS - 2);
    int top = Math.min((int) y, BEND_KNOTS - 2);
    double fx = smooth(x - left);
    double fy = smooth(y - top);
    int at = top * BEND_KNOTS + left;
    double upper = knots[at] + fx * (knots[at + 1] - knots[at]);
    double lower =
        knots[at + BEND_KNOTS] + fx * (knots[at + BEND_KNOTS + 1] - knots[at + BEND_KNOTS]);
    return upper + fy * (lower - upper);
  }

  /** Ease between knots, so that strokes bend without kinks. */
  private static double smooth(double t) {
    return t * t * (3 - 2 * t);
  }

  private static double ink(HandwrittenDigits digits, int index, double row, double column) {
    int top = (int) Math.floor(row);
    int left = (int) Math.floor(column);
    double fy = row - top;
    double fx = column - left;
    double upper = (1 - fx) * digits.ink(index, top, left) + fx * digits.ink(index, top, left + 1);
    double lower =
        (1 - fx) * digits.ink(index, top + 1, left) + fx * digits.ink(index, top + 1, left + 1);
    return (1 - fy) * upper + fy * lower;
  }

  private static WarpedDigit trim(int label, int width, int height, float[] coverage) {
    int left = width;
    int right = -1;
    int top = height;
    int bottom = -1;
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        if (coverage[y * width + x] > 0) {
          left = Math.min(left, x);
          right = Math.max(right, x);
          top = Math.min(top, y);
          bottom = Math.max(bottom, y);
        }
      }
    }
    int newWidth = Math.max(0, right - left + 1);
    int newHeight = Math.max(0, bottom - top + 1);
    float[] trimmed = new float[newWidth * newHeight];
    for (int y = 0; y < newHeight; y++) {
      System.arraycopy(coverage, (y + top) * width + left, trimmed, y * newWidth, newWidth);
    }
    return new WarpedDigit(label, newWidth, newHeight, trimmed);
  }

  private static double between(SplittableRandom random, double low, double high) {
    return low + random.nextDouble() * (high - low);
  }
}
