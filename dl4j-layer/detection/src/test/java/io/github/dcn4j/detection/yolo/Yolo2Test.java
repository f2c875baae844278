package io.github.dcn4j.detection.yolo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.Detection;
import io.github.dcn4j.detection.MeanAveragePrecision;
import io.github.dcn4j.detection.data.LabelledImage;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.util.List;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.objdetect.Yolo2OutputLayer;
import org.deeplearning4j.nn.layers.objdetect.DetectedObject;
import org.deeplearning4j.nn.layers.objdetect.YoloUtils;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/** Together with Deeplearning4j's own layer. */
class Yolo2Test {
  private static final int CLASSES = 3;
  private static final int GRID = 4;
  private static final int SIDE = 32;
  private static final double CELL = (double) SIDE / GRID;

  private static MultiLayerNetwork network(float[][] anchors) {
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            new NeuralNetConfiguration.Builder()
                .seed(1)
                .updater(new Adam(0.003))
                .list()
                .layer(
                    new ConvolutionLayer.Builder(8, 8)
                        .stride(8, 8)
                        .nOut(32)
                        .activation(Activation.RELU)
                        .build())
                .layer(
                    new ConvolutionLayer.Builder(3, 3)
                        .padding(1, 1)
                        .nOut(anchors.length * 8)
                        .build())
                .layer(
                    new Yolo2OutputLayer.Builder()
                        .boundingBoxPriors(Nd4j.createFromArray(anchors))
                        .build())
                .setInputType(InputType.convolutional(SIDE, SIDE, 3))
                .build());
    network.init();
    return network;
  }

  /** One object that fills a cell and a half, of a colour of its own. */
  private static LabelledImage image(int number) {
    BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
    int label = number % CLASSES;
    int x = number * 7 % 20;
    int y = number * 5 % 20;
    Graphics2D graphics = image.createGraphics();
    graphics.setColor(new Color[] {Color.RED, Color.GREEN, Color.BLUE}[label]);
    graphics.fillRect(x, y, 12, 12);
    graphics.dispose();
    return new LabelledImage("", image, List.of(Box.of(x, y, x + 12, y + 12, label)));
  }

  /** Its classes are there for the first anchor of the first image alone, so one of each here. */
  @Test
  void ofOneAnchorAndImageTheDetectionsAreThoseOfYoloUtils() {
    float[][] anchors = {{1, 2}};
    MultiLayerNetwork network = network(anchors);
    network.params().muli(3);
    INDArray output = network.output(Nd4j.randn(1, 3, SIDE, SIDE));
    List<List<Detection>> found = Yolo2Decoder.decode(output, 1, CELL, 0, 1);
    int compared = 0;
    for (DetectedObject expected :
        YoloUtils.getPredictedObjects(Nd4j.createFromArray(anchors), output, 0.3, 0)) {
      double score =
          expected.getConfidence() * expected.getClassPredictions().maxNumber().doubleValue();
      double left = expected.getTopLeftXY()[0] * CELL;
      double lower = expected.getBottomRightXY()[1] * CELL;
      assertTrue(
          found.get(expected.getExampleNumber()).stream()
              .anyMatch(
                  d ->
                      Math.abs(d.getBox().getX1() - left) < 1e-4
                          && Math.abs(d.getBox().getY2() - lower) < 1e-4
                          && Math.abs(d.getScore() - score) < 1e-5
                          && d.getBox().getLabel() == expected.getPredictedClass()),
          expected.toString());
      compared++;
    }
    assertTrue(compared > 5, "compared " + compared);
    assertEquals(GRID * GRID, found.get(0).size());
  }

  @Test
  void everyAnchorHasItsClasses() {
    INDArray output = Nd4j.zeros(1, 2 * (5 + CLASSES), GRID, GRID);
    double[] numbers = {0.25, 0.5, 2, 1, 0.9, 0.1, 0.1, 0.8};
    for (int i = 0; i < numbers.length; i++) {
      output.putScalar(new int[] {0, 8 + i, 1, 3}, numbers[i]);
    }
    List<Detection> found = Yolo2Decoder.decode(output, 2, CELL, 0.5, 0.5).get(0);
    assertEquals(1, found.size());
    assertEquals(Box.of(2.25 * CELL, CELL, 4.25 * CELL, 2 * CELL, 2), found.get(0).getBox());
    assertEquals(0.9 * 0.8, found.get(0).getScore(), 1e-6);
  }

  @Test
  void theCellOfTheMiddleHoldsEdgesAndClass() {
    Box large = Box.of(8, 12, 24, 28, 2); // its middle is (2, 2.5) cells
    Box small = Box.of(17, 17, 21, 21, 0); // in the same cell
    Box difficult = new Box(0, 0, 8, 8, 1, true);
    LabelledImage image =
        new LabelledImage(
            "",
            new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB),
            List.of(large, small, difficult));
    INDArray labels = Yolo2Labels.of(CLASSES, GRID, image);
    assertArrayEquals(new long[] {1, 4 + CLASSES, GRID, GRID}, labels.shape());
    double[] cell = new double[4 + CLASSES];
    for (int i = 0; i < cell.length; i++) {
      cell[i] = labels.getDouble(0, i, 2, 2);
    }
    assertArrayEquals(new double[] {1, 1.5, 3, 3.5, 0, 0, 1}, cell, 1e-6);
    assertEquals(10, labels.sumNumber().doubleValue(), 1e-5); // nothing else
  }

  @Test
  void theLayerLearnsFromTheLabelsWhatTheDecoderFinds() {
    LabelledImage[] images = new LabelledImage[12];
    for (int i = 0; i < images.length; i++) {
      images[i] = image(i);
    }
    MultiLayerNetwork network = network(new float[][] {{1.5f, 1.5f}, {3, 3}});
    double before = precision(network, images);
    for (int step = 0; step < 200; step++) {
      network.fit(Yolo2Labels.minibatch(CLASSES, GRID, images));
    }
    double after = precision(network, images);
    assertFalse(before > 0.2, "before " + before);
    assertTrue(after > 0.6, "after " + after);
  }

  private static double precision(MultiLayerNetwork network, LabelledImage... images) {
    INDArray output = network.output(Yolo2Labels.minibatch(CLASSES, GRID, images).getFeatures());
    MeanAveragePrecision precision = new MeanAveragePrecision(CLASSES);
    List<List<Detection>> found = Yolo2Decoder.decode(output, 2, CELL, 0.1, 0.45);
    for (int i = 0; i < images.length; i++) {
      precision.add(images[i].getBoxes(), found.get(i));
    }
    return precision.mean(0.5);
  }
}
