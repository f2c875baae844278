package io.github.dcn4j.detection.yolo;

import static java.util.Arrays.stream;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.detection.Detection;
import java.util.List;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class YoloDecoderTest {
  private static final int CLASSES = 3;
  private static final int GRID = 4;
  private static final double CELL = 8;
  private static final double[][] ANCHORS = {{2, 1}, {1, 3}};

  /** Nothing anywhere: all confidences are those of −20. */
  private static INDArray nothing(int images) {
    return Nd4j.valueArrayOf(
        new int[] {images, ANCHORS.length * (5 + CLASSES), GRID, GRID}, -20.0f);
  }

  private static void put(
      INDArray output, int image, int anchor, int row, int column, double... v) {
    for (int i = 0; i < v.length; i++) {
      output.putScalar(new int[] {image, anchor * (5 + CLASSES) + i, row, column}, v[i]);
    }
  }

  private static List<List<Detection>> decode(INDArray output) {
    return YoloDecoder.decode(output, ANCHORS, CELL, 0.1, 0.5);
  }

  private static double logit(double probability) {
    return Math.log(probability / (1 - probability));
  }

  @Test
  void everyImageAndAnchorIsDecoded() {
    INDArray output = nothing(9);
    for (int image = 0; image < 9; image++) {
      // Middle 2·¼ − ½ = 0 and 2·½ − ½ = ½ into the cell; (2·½)² and (2·¾)² times the anchor.
      double[] box = {logit(0.25), 0, 0, logit(0.75)};
      double[] rest = {logit(0.8), Math.log(0.1), Math.log(0.2), Math.log(0.7)};
      put(output, image, image % 2, 1, 3, DoubleStream.concat(stream(box), stream(rest)).toArray());
    }
    List<List<Detection>> detections = decode(output);
    assertEquals(9, detections.size());
    for (int image = 0; image < 9; image++) {
      assertEquals(1, detections.get(image).size());
      Detection detection = detections.get(image).get(0);
      double width = ANCHORS[image % 2][0];
      double height = ANCHORS[image % 2][1] * 2.25;
      assertEquals(2, detection.getBox().getLabel());
      assertEquals(0.8 * 0.7, detection.getScore(), 1e-6);
      assertEquals((3 - width / 2) * CELL, detection.getBox().getX1(), 1e-5);
      assertEquals((3 + width / 2) * CELL, detection.getBox().getX2(), 1e-5);
      assertEquals((1.5 - height / 2) * CELL, detection.getBox().getY1(), 1e-5);
      assertEquals((1.5 + height / 2) * CELL, detection.getBox().getY2(), 1e-5);
    }
  }

  @Test
  void ofOverlappingDetectionsOfOneClassTheSurestStays() {
    INDArray output = nothing(1);
    put(output, 0, 0, 1, 1, 0, 0, 0, 0, logit(0.6), 20, 0, 0);
    put(output, 0, 0, 1, 2, -1, 0, 0, 0, logit(0.9), 20, 0, 0);
    put(output, 0, 0, 2, 1, 0, -1, 0, 0, logit(0.7), 0, 20, 0);
    List<Detection> found = decode(output).get(0);
    assertEquals(2, found.size());
    assertEquals(0.9, found.get(0).getScore(), 1e-6);
    assertEquals(1, found.get(1).getBox().getLabel());
  }

  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
  void whereANumberIsNoneNothingIsDetected(double number) {
    for (int i = 0; i < 5 + CLASSES; i++) {
      INDArray output = nothing(1);
      double[] sure = {0, 0, 0, 0, 3, 9, 0, 0};
      put(output, 0, 1, 3, 3, sure);
      sure[i] = number;
      put(output, 0, 0, 1, 1, sure);
      assertEquals(1, decode(output).get(0).size(), "number " + i);
    }
  }

  @Test
  void anyOrderAndTypeIsRead() {
    INDArray output = nothing(2);
    put(output, 1, 1, 2, 0, 0.5, 0, 1, 0, 3, 9, 0, 0);
    List<List<Detection>> expected = decode(output);
    assertEquals(1, expected.get(1).size());
    assertEquals(expected, decode(output.dup('f')));
    assertEquals(expected, decode(output.castTo(DataType.DOUBLE)));
    assertEquals(expected, decode(output.permute(0, 2, 3, 1).dup('c').permute(0, 3, 1, 2)));
  }

  @Test
  void whatDoesNotFitIsNamed() {
    INDArray output = nothing(1);
    assertMessage(
        "anchors: expected", () -> YoloDecoder.decode(output, new double[0][], CELL, 0.1, 0.5));
    assertMessage(
        "anchors: expected",
        () -> YoloDecoder.decode(output, new double[][] {{1, -1}}, CELL, 0.1, 0.5));
    assertMessage(
        "output: expected [minibatch, 3 anchors · (5 + classes), rows, columns], got [1, 16, 4, 4]",
        () -> YoloDecoder.decode(output, new double[][] {{1, 1}, {1, 1}, {1, 1}}, CELL, 0.1, 0.5));
    assertMessage("output: expected", () -> decode(output.reshape(16, 16)));
    assertMessage("output: expected", () -> decode(Nd4j.zeros(1, 10, 4, 4)));
    assertMessage("cell: expected", () -> YoloDecoder.decode(output, ANCHORS, 0, 0.1, 0.5));
    assertMessage(
        "minScore: expected 0 to 1, got NaN",
        () -> YoloDecoder.decode(output, ANCHORS, CELL, Double.NaN, 0.5));
    assertMessage(
        "iouThreshold: expected 0 to 1, got 2.0",
        () -> YoloDecoder.decode(output, ANCHORS, CELL, 0.1, 2));
    assertMessage("output: expected", () -> Yolo2Decoder.decode(output, 0, CELL, 0.1, 0.5));
  }

  private static void assertMessage(String beginning, Executable call) {
    String message = assertThrows(IllegalArgumentException.class, call).getMessage();
    assertTrue(message.startsWith(beginning), message);
  }
}
