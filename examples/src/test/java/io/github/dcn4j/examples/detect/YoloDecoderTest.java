package io.github.dcn4j.examples.detect;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class YoloDecoderTest {
  private static final int CLASSES = 3;
  private static final int GRID = 4;
  private static final double CELL = 8;

  private static void put(
      INDArray output, int image, int anchor, int row, int column, double... v) {
    for (int i = 0; i < v.length; i++) {
      output.putScalar(new int[] {image, anchor * (5 + CLASSES) + i, row, column}, v[i]);
    }
  }

  private static List<List<Detection>> decode(INDArray output) {
    return YoloDecoder.decode(output, CLASSES, CELL, 0.1, 0.5);
  }

  @Test
  void everyImageAndAnchorIsDecoded() {
    INDArray output = Nd4j.zeros(9, 2 * (5 + CLASSES), GRID, GRID);
    for (int image = 0; image < 9; image++) {
      put(output, image, image % 2, 1, 3, 0.5, 0.25, 2, 1, 0.8, 0.1, 0.2, 0.7);
    }
    List<List<Detection>> detections = decode(output);
    assertEquals(9, detections.size());
    for (List<Detection> found : detections) {
      assertEquals(1, found.size());
      Detection detection = found.get(0);
      assertEquals(2, detection.getBox().getLabel());
      assertEquals(0.8 * 0.7, detection.getScore(), 1e-6);
      assertEquals((3.5 - 1) * CELL, detection.getBox().getX1(), 1e-5);
      assertEquals((3.5 + 1) * CELL, detection.getBox().getX2(), 1e-5);
      assertEquals((1.25 - 0.5) * CELL, detection.getBox().getY1(), 1e-5);
      assertEquals((1.25 + 0.5) * CELL, detection.getBox().getY2(), 1e-5);
    }
  }

  @Test
  void ofOverlappingDetectionsOfOneClassTheSurestStays() {
    INDArray output = Nd4j.zeros(1, 2 * (5 + CLASSES), GRID, GRID);
    put(output, 0, 0, 1, 1, 0.5, 0.5, 2, 2, 0.6, 1, 0, 0);
    put(output, 0, 1, 1, 1, 0.6, 0.5, 2, 2, 0.9, 1, 0, 0);
    put(output, 0, 1, 1, 2, 0.1, 0.5, 2, 2, 0.7, 0, 1, 0);
    List<Detection> found = decode(output).get(0);
    assertEquals(2, found.size());
    assertEquals(0.9, found.get(0).getScore(), 1e-6);
    assertEquals(1, found.get(1).getBox().getLabel());
  }
}
