package io.github.dcn4j.detection;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Random;
import org.junit.jupiter.api.Test;

class BoxOverlapTest {
  private static final int PAIRS = 200;

  private final Random random = new Random(1);

  private double[] box() {
    double x = random.nextDouble();
    double y = random.nextDouble();
    return new double[] {x, y, x + 0.1 + random.nextDouble(), y + 0.1 + random.nextDouble()};
  }

  @Test
  void theIntersectionOverUnionIsThatOfTheMeasurement() {
    for (int i = 0; i < PAIRS; i++) {
      double[] a = box();
      double[] b = box();
      double expected = Box.of(a[0], a[1], a[2], a[3], 0).iou(Box.of(b[0], b[1], b[2], b[3], 0));
      assertEquals(expected, new BoxOverlap(a, b).getIou(), 1e-12);
    }
  }

  @Test
  void generalisedItIsOneForEqualBoxesAndNegativeForDistantOnes() {
    double[] box = {0, 0, 1, 2};
    assertEquals(1, new BoxOverlap(box, box.clone()).getGiou(), 1e-12);
    // Two unit squares with a unit between them: the smallest box around both is 3 by 1.
    double[] left = {0, 0, 1, 1};
    double[] right = {2, 0, 3, 1};
    assertEquals(-1.0 / 3, new BoxOverlap(left, right).getGiou(), 1e-12);
  }

  @Test
  void theGradientIsThatOfDifferences() {
    double step = 1e-6;
    for (int i = 0; i < PAIRS; i++) {
      double[] box = box();
      double[] truth = box();
      double[] gradient = new BoxOverlap(box, truth).getGradient();
      for (int edge = 0; edge < 4; edge++) {
        double value = box[edge];
        box[edge] = value + step;
        double up = new BoxOverlap(box, truth).getGiou();
        box[edge] = value - step;
        double down = new BoxOverlap(box, truth).getGiou();
        box[edge] = value;
        assertEquals((up - down) / (2 * step), gradient[edge], 1e-6, "pair " + i);
      }
    }
  }
}
