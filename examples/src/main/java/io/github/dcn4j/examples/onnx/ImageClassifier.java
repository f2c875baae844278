package io.github.dcn4j.examples.onnx;

import io.github.dcn4j.detection.data.ImageFiles;
import io.github.dcn4j.examples.UserInputException;
import io.github.dcn4j.onnx.OnnxModel;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.Supplier;
import lombok.Getter;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.TrainingConfig;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/** An image classifier out of an ONNX file: images [N, C, H, W] in, scores [N, classes] out. */
public final class ImageClassifier {
  private final SameDiff graph;
  private final String name;
  private final String input;
  private final String scores;
  private final int channels;
  private final int height;
  private final int width;
  @Getter private final int classes;

  private ImageClassifier(OnnxModel model, String name) {
    this.name = name;
    graph = model.toTrainableSameDiff();
    input = only("input", model.inputs());
    scores = only("output", model.outputs());
    long[] shape = graph.getVariable(input).getShape();
    if (shape.length != 4 || (shape[1] != 1 && shape[1] != 3) || shape[2] < 1 || shape[3] < 1) {
      throw new UserInputException(
          name + ": expected an input [N, 1 or 3, H, W], got " + Arrays.toString(shape));
    }
    channels = (int) shape[1];
    height = (int) shape[2];
    width = (int) shape[3];
    INDArray trial = run(Nd4j.zeros(DataType.FLOAT, 1, channels, height, width));
    if (trial.rank() != 2) {
      throw new UserInputException(
          name + ": expected an output [N, classes], got " + Arrays.toString(trial.shape()));
    }
    classes = (int) trial.size(1);
    addLoss();
  }

  /** The bundled classifier of upright handwritten digits. */
  public static ImageClassifier bundled() throws IOException {
    try (InputStream in = ImageClassifier.class.getResourceAsStream("digits.onnx")) {
      if (in == null) {
        throw new IOException("the jar lacks its model digits.onnx");
      }
      return new ImageClassifier(OnnxModel.parse(in.readAllBytes()), "digits.onnx");
    }
  }

  /**
   * Reads a model.
   *
   * @throws UserInputException if it cannot be read or imported, or is no image classifier
   */
  public static ImageClassifier read(Path file) {
    try {
      return new ImageClassifier(OnnxModel.read(file), file.toString());
    } catch (IOException | IllegalArgumentException e) {
      throw new UserInputException("--model " + file + ": " + e.getMessage(), e);
    }
  }

  /** SameDiff's differentiation prints whole graphs to the standard output. */
  private static <T> T quietly(Supplier<T> action) {
    PrintStream standard = System.out;
    System.setOut(new PrintStream(OutputStream.nullOutputStream()));
    try {
      return action.get();
    } finally {
      System.setOut(standard);
    }
  }

  private String only(String what, List<String> names) {
    if (names.size() != 1) {
      throw new UserInputException(name + ": expected one " + what + ", got " + names);
    }
    return names.get(0);
  }

  private void addLoss() {
    SDVariable label = graph.placeHolder("label", DataType.FLOAT, -1, classes);
    graph.loss().softmaxCrossEntropy("loss", label, graph.getVariable(scores), null);
    graph.setLossVariables("loss");
    graph.setTrainingConfig(
        TrainingConfig.builder()
            .updater(new Adam(1e-3))
            .dataSetFeatureMapping(input)
            .dataSetLabelMapping("label")
            .build());
    quietly(
        () -> {
          graph.createGradFunction();
          return graph;
        });
  }

  private INDArray run(INDArray images) {
    return graph.output(Collections.singletonMap(input, images), scores).get(scores);
  }

  /** One step of training on a minibatch: images and one-hot labels. */
  public void fit(DataSet batch) {
    graph.fit(batch);
  }

  /** The share of images, 0 to 1, that the classifier gets right. */
  public double accuracy(DataSet images) {
    INDArray right = run(images.getFeatures()).argMax(1).eq(images.getLabels().argMax(1));
    return right.castTo(DataType.DOUBLE).meanNumber().doubleValue();
  }

  /** "class 7 (93 %)": the class with the largest score and its share after softmax. */
  public String describe(BufferedImage image) {
    INDArray shares = Nd4j.nn().softmax(run(input(image)), 1);
    int best = shares.argMax(1).getInt(0);
    return String.format("class %d (%.0f %%)", best, 100 * shares.getDouble(0, best));
  }

  /** An image as the network takes it: [1, C, H, W], values 0 to 1. */
  public INDArray input(BufferedImage image) {
    BufferedImage fitted = ImageFiles.resized(image, width, height);
    float[][][][] values = new float[1][channels][height][width];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int rgb = fitted.getRGB(x, y);
        float[] parts = {(rgb >> 16 & 255) / 255f, (rgb >> 8 & 255) / 255f, (rgb & 255) / 255f};
        for (int c = 0; c < channels; c++) {
          values[0][c][y][x] = channels == 3 ? parts[c] : (parts[0] + parts[1] + parts[2]) / 3;
        }
      }
    }
    return Nd4j.createFromArray(values);
  }

  /** The label of one image: [1, classes]. */
  public INDArray oneHot(int label) {
    return Nd4j.zeros(DataType.FLOAT, 1, classes).putScalar(label, 1);
  }

  /** Saves the graph with its weights, for {@code SameDiff.load}. */
  public void save(Path file) {
    graph.save(file.toFile(), false);
  }

  @Override
  public String toString() {
    return String.format(
        "%s: [N, %d, %d, %d] to %d classes", name, channels, height, width, classes);
  }
}
