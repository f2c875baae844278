package io.github.dcn4j.detection.proposals;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.anchors.AnchorGrid;
import io.github.dcn4j.detection.anchors.BoxDeltas;
import io.github.dcn4j.detection.anchors.Matching;
import io.github.dcn4j.detection.data.LabelledImage;
import java.util.List;
import java.util.Random;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What surrounds the network: boxes, anchors, suppression, who stands for what, losses. */
class BoxesAndLossesTest {
  private static final double[][] SIZES = {{10, 20}, {30, 30}};
  private static final AnchorGrid ANCHORS = new AnchorGrid(SIZES, 4, 8);
  private static final Box REFERENCE = Box.of(10, 20, 40, 60, 0);

  @Test
  void regionsSurviveTheWayIntoAnArrayAndBack() {
    List<Roi> rois =
        List.of(new Roi(1, Box.of(3, 4, 10, 20, 0)), new Roi(0, Box.of(0, 0, 128, 1, 0)));
    INDArray array = Roi.toArray(rois);
    // The pooling's corner is the last pixel inside.
    assertArrayEquals(new float[] {1, 3, 4, 9, 19}, array.getRow(0).toFloatVector());
    assertEquals(rois, Roi.fromArray(array));
    assertEquals(List.of(), Roi.fromArray(Roi.toArray(List.of())));
  }

  @Test
  void theSurestAnchorsAreProposedWhereTheOutputPutsThem() {
    // In image 1, the second size in row 2 and column 3 is sure of an object, half a step left.
    INDArray output = Nd4j.zeros(2, 10, 4, 4);
    output.putScalar(new int[] {1, 5, 2, 3}, 7);
    output.putScalar(new int[] {1, 6, 2, 3}, -0.5);
    assertEquals(Box.of(13, 5, 43, 35, 0), ANCHORS.boxes().get(16 + 2 * 4 + 3));
    List<Roi> rois = new ProposalVertex(SIZES, 8, 2).choose(output);
    assertEquals(4, rois.size());
    Roi surest = rois.get(2);
    assertEquals(1, surest.getImage());
    assertEquals(13 - 0.5 * 0.2 * 30, surest.getBox().getX1(), 1e-5);
    assertEquals(32, surest.getBox().getX2(), 1e-5); // ends with the image
    assertTrue(rois.get(0).getBox().iou(rois.get(1).getBox()) <= 0.7);
  }

  @Test
  void anOutputThatIsNotANumberIsRefused() {
    INDArray output = Nd4j.zeros(1, 10, 4, 4);
    output.putScalar(new int[] {0, 5, 2, 3}, Float.NaN);
    ProposalVertex vertex = new ProposalVertex(SIZES, 8, 2);
    Exception e = assertThrows(ArithmeticException.class, () -> vertex.choose(output));
    assertTrue(e.getMessage().contains("NaN"), e.getMessage());
  }

  @Test
  void aClippedBoxKeepsAPixelInTheImage() {
    assertEquals(Box.of(0, 0, 5, 9, 2), ProposalVertex.clip(Box.of(-3, -9, 5, 9, 2), 32));
    assertEquals(Box.of(31, 0, 32, 1, 2), ProposalVertex.clip(Box.of(40, -20, 60, -9, 2), 32));
  }

  @Test
  void everyObjectHasAnAnchorAndFarAnchorsHaveNone() {
    Box object = Box.of(13, 5, 41, 33, 4);
    Box tiny = Box.of(3, 3, 5, 5, 1); // overlaps no anchor enough
    Box difficult = new Box(0, 12, 10, 32, 2, true);
    List<Box> objects = List.of(object, tiny, difficult);
    int[] matches = ProposalLoss.match(ANCHORS.boxes(), objects);
    int[] counts = new int[3];
    for (int i = 0; i < matches.length; i++) {
      if (matches[i] >= 0) {
        counts[matches[i]]++;
      } else if (matches[i] == Matching.BACKGROUND) {
        for (Box box : objects) {
          assertTrue(ANCHORS.boxes().get(i).iou(box) < 0.5);
        }
      }
    }
    assertTrue(counts[0] > 0);
    assertEquals(1, counts[1]);
    assertEquals(0, counts[2]);
  }

  @Test
  void theProposalLossHasTheGradientOfItsDifferences() {
    LabelledImage[] images = {
      new LabelledImage("a", null, List.of(Box.of(13, 5, 41, 33, 4), Box.of(0, 0, 9, 18, 1))),
      new LabelledImage("b", null, List.of())
    };
    INDArray output = random(2, 2 * AnchorGrid.NUMBERS, 4, 4);
    LossAndGradient loss = new LossAndGradient();
    INDArray gradient = ProposalLoss.add(loss, output, ANCHORS, images);
    assertTrue(loss.sum() > 0);
    assertGradient(
        output, gradient, (sum, changed) -> ProposalLoss.add(sum, changed, ANCHORS, images));
  }

  @Test
  void theRegionLossHasTheGradientOfItsDifferences() {
    Box difficult = new Box(60, 60, 90, 90, 2, true);
    LabelledImage[] images = {
      new LabelledImage("a", null, List.of()),
      new LabelledImage("b", null, List.of(Box.of(0, 0, 20, 20, 1), difficult))
    };
    List<Roi> rois =
        List.of(
            new Roi(0, Box.of(0, 0, 20, 20, 0)),
            new Roi(1, Box.of(1, 1, 21, 21, 0)),
            new Roi(1, Box.of(60, 62, 90, 90, 0)));
    INDArray classes = random(3, 4);
    INDArray boxes = random(3, BoxDeltas.COUNT);
    INDArray[] gradients = RegionLoss.add(new LossAndGradient(), classes, boxes, rois, images);
    assertGradient(
        classes, gradients[0], (sum, changed) -> RegionLoss.add(sum, changed, boxes, rois, images));
    assertGradient(
        boxes, gradients[1], (sum, changed) -> RegionLoss.add(sum, classes, changed, rois, images));
    // Background learns no box, what is difficult nothing at all.
    assertEquals(0, gradients[1].getRow(0).norm2Number().doubleValue(), 0);
    assertTrue(gradients[0].getRow(0).norm2Number().doubleValue() > 0);
    assertEquals(0, gradients[0].getRow(2).norm2Number().doubleValue(), 0);
  }

  private static INDArray random(int... shape) {
    INDArray array = Nd4j.create(shape);
    Random random = new Random(1);
    for (long i = 0; i < array.length(); i++) {
      array.putScalar(i, 2 * random.nextGaussian());
    }
    return array;
  }

  private static void assertGradient(
      INDArray at, INDArray gradient, BiConsumer<LossAndGradient, INDArray> loss) {
    assertArrayEquals(at.shape(), gradient.shape());
    float step = 1e-2f;
    for (long i = 0; i < at.length(); i++) {
      INDArray up = at.dup();
      up.putScalar(i, at.getFloat(i) + step);
      INDArray down = at.dup();
      down.putScalar(i, at.getFloat(i) - step);
      double numerical = (lossAt(up, loss) - lossAt(down, loss)) / (2 * step);
      assertEquals(numerical, gradient.getDouble(i), 2e-4);
    }
  }

  private static double lossAt(INDArray at, BiConsumer<LossAndGradient, INDArray> loss) {
    LossAndGradient sum = new LossAndGradient();
    loss.accept(sum, at);
    return sum.sum();
  }
}
