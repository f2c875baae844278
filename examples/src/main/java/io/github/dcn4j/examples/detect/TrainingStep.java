package io.github.dcn4j.examples.detect;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.detection.yolo.YoloLabels;
import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;

/** A fresh detector and one minibatch of random images, on which it is trained again and again. */
public final class TrainingStep implements Runnable {
  private static final double[][] ANCHORS = {{2, 2}, {3, 4}, {5, 4}};
  private static final int CLASSES = 10;
  private static final int BOXES = 4;
  private static final double SMALLEST_BOX = 14;
  private static final double LARGEST_BOX = 44;

  /** So that samples lie between pixels, as they do in training; a fresh layer's do not. */
  private static final double OFFSET_DEVIATION = 0.05;

  private static final double LEARNING_RATE = 1e-4;

  private final ComputationGraph network;
  private final INDArray images;
  private final INDArray labels;

  /**
   * @param layers the backbone's convolutions
   * @param side rows and columns of the images, a multiple of 8, more than 44
   * @param minibatch number of images
   */
  public TrainingStep(BackboneLayer layers, int side, int minibatch) {
    network =
        DetectorNetwork.create(
            ANCHORS,
            CLASSES,
            side,
            Integer.MAX_VALUE,
            TrainingOptions.builder()
                .epochs(1)
                .learningRate(LEARNING_RATE)
                .backbone(layers)
                .build());
    network.paramTable().entrySet().stream()
        .filter(parameter -> parameter.getKey().endsWith("offsetW"))
        .forEach(
            parameter ->
                parameter
                    .getValue()
                    .assign(Nd4j.randn(parameter.getValue().shape()).muli(OFFSET_DEVIATION)));
    Random random = new Random(side);
    LabelledImage[] made = new LabelledImage[minibatch];
    for (int i = 0; i < minibatch; i++) {
      made[i] = image(random, side);
    }
    DataSet data = YoloLabels.minibatch(ANCHORS, CLASSES, side / DetectorNetwork.STRIDE, made);
    images = data.getFeatures();
    labels = data.getLabels();
  }

  private static LabelledImage image(Random random, int side) {
    BufferedImage pixels = new BufferedImage(side, side, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < side * side; i++) {
      pixels.setRGB(i % side, i / side, random.nextInt());
    }
    List<Box> boxes = new ArrayList<>();
    for (int i = 0; i < BOXES; i++) {
      double width = SMALLEST_BOX + random.nextDouble() * (LARGEST_BOX - SMALLEST_BOX);
      double height = SMALLEST_BOX + random.nextDouble() * (LARGEST_BOX - SMALLEST_BOX);
      double x = random.nextDouble() * (side - width);
      double y = random.nextDouble() * (side - height);
      boxes.add(new Box(x, y, x + width, y + height, random.nextInt(CLASSES), false));
    }
    return new LabelledImage("random", pixels, boxes);
  }

  /** Forward, backward, and the update of all parameters. */
  @Override
  public void run() {
    network.fit(new DataSet(images, labels));
  }
}
