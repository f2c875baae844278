package io.github.dcn4j.detection.proposals;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.Detection;
import io.github.dcn4j.detection.anchors.BoxDeltas;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class RegionDecoderTest {
  private static final int SIDE = 64;

  private final INDArray rois =
      Roi.toArray(
          List.of(new Roi(1, Box.of(8, 8, 24, 40, 0)), new Roi(1, Box.of(8, 8, 24, 39, 0))));

  /** Background, then two classes; the second region is less sure of the same. */
  private final INDArray classes = Nd4j.createFromArray(new float[][] {{0, 0, 4}, {0, 0, 3}});

  private final INDArray boxes = Nd4j.zeros(2, BoxDeltas.COUNT);

  private List<List<Detection>> decode() {
    return RegionDecoder.decode(rois, classes, boxes, 2, SIDE, 0.1, 0.5);
  }

  @Test
  void theSurestOfAnImageAndClassStays() {
    List<List<Detection>> found = decode();
    assertEquals(List.of(), found.get(0));
    assertEquals(1, found.get(1).size());
    assertEquals(Box.of(8, 8, 24, 40, 1), found.get(1).get(0).getBox());
    assertEquals(Math.exp(4) / (2 + Math.exp(4)), found.get(1).get(0).getScore(), 1e-6);
  }

  @Test
  void whereANumberIsNoneNothingIsDetected() {
    classes.putScalar(0, 0, Float.NaN);
    assertEquals(39, decode().get(1).get(0).getBox().getY2());
    boxes.putScalar(1, 3, Float.POSITIVE_INFINITY);
    assertEquals(List.of(), decode().get(1));
  }

  @Test
  void withoutRegionsNothingIsDetected() {
    INDArray none = Roi.toArray(List.of());
    List<List<Detection>> found =
        RegionDecoder.decode(
            none,
            Nd4j.create(DataType.FLOAT, 0, 3),
            Nd4j.create(DataType.FLOAT, 0, 4),
            2,
            SIDE,
            0.1,
            0.5);
    assertEquals(List.of(List.of(), List.of()), found);
  }

  @Test
  void withoutRegionsThereIsNoLoss() {
    INDArray scores = Nd4j.create(DataType.FLOAT, 0, 3);
    INDArray deltas = Nd4j.create(DataType.FLOAT, 0, 4);
    LossAndGradient loss = new LossAndGradient();
    INDArray[] gradients = RegionLoss.add(loss, scores, deltas, List.of());
    assertEquals(0, loss.sum());
    assertEquals(0, gradients[0].length());
    assertEquals(0, gradients[1].length());
  }

  @Test
  void whatDoesNotFitIsNamed() {
    assertMessage(
        "rois: expected images of 0 to 0, got 1",
        () -> RegionDecoder.decode(rois, classes, boxes, 1, SIDE, 0.1, 0.5));
    assertMessage(
        "classes, boxes: expected a row for each of the 2 rois, got 2 and 3",
        () -> RegionDecoder.decode(rois, classes, Nd4j.zeros(3, 4), 2, SIDE, 0.1, 0.5));
    assertMessage(
        "side, minScore", () -> RegionDecoder.decode(rois, classes, boxes, 2, 0, 0.1, 0.5));
    assertMessage(
        "input: expected [N, 5 · 1 anchors, cells, cells], got [1, 5, 4, 3]",
        () -> new ProposalVertex(new double[][] {{8, 8}}, 8, 2).choose(Nd4j.zeros(1, 5, 4, 3)));
  }

  private static void assertMessage(String beginning, Runnable call) {
    String message = assertThrows(IllegalArgumentException.class, call::run).getMessage();
    assertTrue(message.startsWith(beginning), message);
  }
}
