package io.github.dcn4j.detection.yolo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class YoloLossTest {
  private static final int ROWS = 2;
  private static final int CLASSES = 3;
  private static final int NUMBERS = 5 + CLASSES;
  private static final double[][] ANCHORS = {{2, 1}, {1, 3}};

  private final YoloLoss loss = new YoloLoss(ANCHORS);

  private INDArray predictions;

  /** One object, of class 1, taught to the second anchor in the first row. */
  private final INDArray labels = Nd4j.zeros(DataType.FLOAT, ROWS, ANCHORS.length * NUMBERS);

  @BeforeEach
  void draw() {
    Nd4j.getRandom().setSeed(1);
    predictions = Nd4j.randn(DataType.FLOAT, labels.shape());
    double[] object = {-0.3, -1.1, 0.9, 1.7, 1, 0, 1, 0};
    for (int i = 0; i < NUMBERS; i++) {
      labels.putScalar(0, NUMBERS + i, object[i]);
    }
  }

  private Pair<Double, INDArray> loss() {
    return loss.computeGradientAndScore(labels, predictions, null, null, false);
  }

  @Test
  void theScoreIsTheSumOfItsRows() {
    INDArray rows = loss.computeScoreArray(labels, predictions, null, null);
    assertEquals(ROWS, rows.length());
    assertEquals(loss().getFirst(), rows.sumNumber().doubleValue(), 1e-4);
    double mean = loss.computeScore(labels, predictions, null, null, true);
    assertEquals(loss().getFirst() / ROWS, mean, 1e-4);
  }

  /**
   * Those of the box apart, of which the wanted confidence depends: there only what the box alone
   * gives is compared, for a confidence that says nothing (a logit of 0 has a gradient of 0 there).
   */
  @Test
  void theGradientIsThatOfDifferences() {
    predictions.putScalar(0, NUMBERS + 4, 0);
    INDArray gradient = loss().getSecond();
    double step = 1e-2;
    for (int i = 0; i < predictions.length(); i++) {
      float value = predictions.getFloat(i);
      predictions.putScalar(i, value + step);
      double up = loss().getFirst();
      predictions.putScalar(i, value - step);
      double down = loss().getFirst();
      predictions.putScalar(i, value);
      assertEquals((up - down) / (2 * step), gradient.getDouble(i), 2e-3, "number " + i);
    }
  }

  @Test
  void aRightPredictionHasTheLeastLoss() {
    predictions.assign(-20);
    // Middle (0.3, 0.3), size 1.2 by 2.8: the anchor's 1 by 3 times (2s)².
    double[] right = {
      logit(0.4), logit(0.4), logit(Math.sqrt(1.2) / 2), logit(Math.sqrt(2.8 / 3) / 2), 20, 0, 20, 0
    };
    for (int i = 0; i < NUMBERS; i++) {
      predictions.putScalar(0, NUMBERS + i, right[i]);
    }
    assertEquals(0, loss().getFirst(), 1e-4);
    predictions.putScalar(0, NUMBERS + 6, -20);
    assertTrue(loss().getFirst() > 10);
  }

  private static double logit(double probability) {
    return Math.log(probability / (1 - probability));
  }
}
