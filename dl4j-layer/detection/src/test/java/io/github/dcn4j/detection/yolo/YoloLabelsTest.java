package io.github.dcn4j.detection.yolo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.data.LabelledImage;
import java.awt.image.BufferedImage;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Cells are 8 pixels. */
class YoloLabelsTest {
  private static final int SIDE = 32;
  private static final int GRID = 4;
  private static final int CLASSES = 2;
  private static final int NUMBERS = 5 + CLASSES;

  private static INDArray labels(double[][] anchors, Box... boxes) {
    BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
    return YoloLabels.of(anchors, CLASSES, GRID, new LabelledImage("image", image, List.of(boxes)));
  }

  private static double[] at(INDArray labels, int anchor, int row, int column) {
    double[] numbers = new double[NUMBERS];
    for (int i = 0; i < NUMBERS; i++) {
      numbers[i] = labels.getDouble(0, anchor * NUMBERS + i, row, column);
    }
    return numbers;
  }

  /** How many cells have an object to learn. */
  private static double objects(INDArray labels, int anchor) {
    double sum = 0;
    for (int cell = 0; cell < GRID * GRID; cell++) {
      sum += at(labels, anchor, cell / GRID, cell % GRID)[4];
    }
    return sum;
  }

  @Test
  void boxesStandInTheCellOfTheirMiddleAndTheNearestTwo() {
    // The middle (13, 20) lies in column 1, in its right half, and on the middle of row 2.
    INDArray labels = labels(new double[][] {{2, 1}}, Box.of(5, 16, 21, 24, 1));
    assertArrayEquals(new long[] {1, NUMBERS, GRID, GRID}, labels.shape());
    double x = 5 / 8.0;
    assertArrayEquals(new double[] {x - 1, 0, x + 1, 1, 1, 0, 1}, at(labels, 0, 2, 1), 1e-6);
    assertArrayEquals(new double[] {x - 2, 0, x, 1, 1, 0, 1}, at(labels, 0, 2, 2), 1e-6);
    assertArrayEquals(new double[] {x - 1, -1, x + 1, 0, 1, 0, 1}, at(labels, 0, 3, 1), 1e-6);
    assertEquals(3, objects(labels, 0));
  }

  @Test
  void cellsOutsideTheImageAreLeftOut() {
    assertEquals(1, objects(labels(new double[][] {{1, 1}}, Box.of(0, 0, 4, 4, 0)), 0));
    assertEquals(1, objects(labels(new double[][] {{1, 1}}, Box.of(29, 29, 32, 32, 0)), 0));
  }

  @Test
  void theAnchorsThatResembleAnObjectLearnItOrElseTheMostSimilar() {
    double[][] anchors = {{1, 1}, {1.5, 1.5}, {4, 1}};
    INDArray labels = labels(anchors, Box.of(10, 10, 19, 19, 0)); // 9/8 cells
    assertEquals(3, objects(labels, 0));
    assertEquals(3, objects(labels, 1));
    assertEquals(0, objects(labels, 2));
    labels = labels(anchors, Box.of(14, 2, 18, 30, 0)); // half a cell by three and a half
    assertEquals(3, objects(labels, 1)); // 3, against 3.5 and 8
    assertEquals(0, objects(labels, 0) + objects(labels, 2));
  }

  @Test
  void theLargerOfTwoObjectsIsKeptAndDifficultOnesAreLeftOut() {
    double[][] anchors = {{1, 1}};
    Box large = Box.of(0, 0, 8, 8, 0);
    Box small = Box.of(2, 2, 6, 6, 1);
    Box difficult = new Box(16, 16, 32, 32, 1, true);
    for (Box[] order : new Box[][] {{large, small, difficult}, {difficult, small, large}}) {
      INDArray labels = labels(anchors, order);
      assertArrayEquals(new double[] {0, 0, 1, 1, 1, 1, 0}, at(labels, 0, 0, 0), 1e-6);
      assertEquals(3, objects(labels, 0));
    }
  }

  @Test
  void noneTakesThePlaceOfAnothersMiddle() {
    Box large = Box.of(9, 8, 17, 16, 0); // its middle (13, 12) is nearest to column 2
    Box small = Box.of(17, 9, 22, 14, 1); // its middle lies there
    INDArray labels = labels(new double[][] {{1, 1}}, small, large);
    assertEquals(1, at(labels, 0, 1, 1)[5]);
    assertEquals(1, at(labels, 0, 1, 2)[6]);
  }

  @Test
  void objectsOfOtherClassesAreNamed() {
    for (int label : new int[] {-1, CLASSES}) {
      Box box = Box.of(0, 0, 8, 8, label);
      Exception e =
          assertThrows(IllegalArgumentException.class, () -> labels(new double[][] {{1, 1}}, box));
      assertTrue(e.getMessage().startsWith("boxes: expected labels of 0 to 1"), e.getMessage());
      labels(new double[][] {{1, 1}}, new Box(0, 0, 8, 8, label, true)); // is not learnt
    }
  }
}
