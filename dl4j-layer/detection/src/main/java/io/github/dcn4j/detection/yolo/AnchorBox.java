package io.github.dcn4j.detection.yolo;

/**
 * The box that a network predicts by an anchor in one cell of its output.
 *
 * <p>The network gives, for each anchor, 5 numbers and then the scores of the classes: the middle
 * (x, y) and size (width, height) of the box, and the confidence. With s the sigmoid, the middle is
 * 2·s(x) − ½ cells right of the cell's left edge, so it may lie in the neighbouring cell, and the
 * width is (2·s(width))² times the anchor's, up to 4 times; the same for y and height. (This is the
 * coding of the later YOLOs.)
 */
public final class AnchorBox {
  /** Which of an anchor's numbers is the confidence, before its sigmoid. */
  public static final int CONFIDENCE = GridDecoder.CONFIDENCE;

  /** Which of an anchor's numbers is the score of the first class; those of the others follow. */
  public static final int FIRST_CLASS = GridDecoder.FIRST_CLASS;

  private final double[] sigmoids = new double[CONFIDENCE];
  private final double[] anchor;

  /**
   * Decodes a box.
   *
   * @param anchor width and height in cells
   * @param values the network's output
   * @param at where the anchor's numbers begin in it
   */
  public AnchorBox(double[] anchor, float[] values, int at) {
    this.anchor = anchor;
    for (int i = 0; i < sigmoids.length; i++) {
      sigmoids[i] = sigmoid(values[at + i]);
    }
  }

  /** The logistic function. */
  public static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  private double middle(int axis) {
    return 2 * sigmoids[axis] - 0.5;
  }

  private double size(int axis) {
    return anchor[axis] * 4 * sigmoids[2 + axis] * sigmoids[2 + axis];
  }

  /** Left, upper, right and lower edge, in cells from the cell's upper left corner. */
  public double[] edges() {
    return new double[] {
      middle(0) - size(0) / 2,
      middle(1) - size(1) / 2,
      middle(0) + size(0) / 2,
      middle(1) + size(1) / 2
    };
  }

  /**
   * Turns a gradient with respect to the edges into one with respect to the four numbers.
   *
   * @param ofEdges of left, upper, right and lower edge
   * @return of x, y, width and height before their sigmoids
   */
  public double[] backward(double... ofEdges) {
    double[] gradient = new double[CONFIDENCE];
    for (int axis = 0; axis < 2; axis++) {
      double near = ofEdges[axis];
      double far = ofEdges[2 + axis];
      double s = sigmoids[axis];
      double t = sigmoids[2 + axis];
      gradient[axis] = (near + far) * 2 * s * (1 - s);
      gradient[2 + axis] = (far - near) / 2 * anchor[axis] * 8 * t * t * (1 - t);
    }
    return gradient;
  }
}
