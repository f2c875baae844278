package io.github.dcn4j.detection.yolo;

import io.github.dcn4j.detection.BoxOverlap;
import java.util.Arrays;
import lombok.AllArgsConstructor;
import lombok.Data;
import lombok.NoArgsConstructor;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.activations.IActivation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.lossfunctions.ILossFunction;

/**
 * The loss of a one-stage detector with anchors, for a {@code CnnLossLayer}.
 *
 * <p>Each row is a cell of the grid. A prediction holds for each anchor the numbers of {@link
 * AnchorBox}; a label is as {@link YoloLabels} makes it. An anchor with an object learns its box
 * (by generalised intersection over union), its class (softmax cross-entropy) and, as the
 * confidence, how well the box that it predicts at present fits (logistic cross-entropy): so the
 * confidence will rank boxes by how good they are. The other anchors learn the confidence 0.
 *
 * <p>Deeplearning4j's {@code Yolo2OutputLayer} teaches one anchor of one cell an object, and
 * measures boxes by the differences of their positions and roots of sizes.
 */
@Data
@NoArgsConstructor
@AllArgsConstructor
public class YoloLoss implements ILossFunction {
  private static final long serialVersionUID = 1L;

  /** Weight of the loss of boxes against those of confidence and class. */
  private static final double BOX_WEIGHT = 3;

  /** [anchors][width, height] in cells. */
  private double[][] anchors;

  /** Works out the loss of each row and its gradient, in place of the predictions. */
  private double[] rows(float[] labels, float[] values, int rows) {
    double[] losses = new double[rows];
    int size = values.length / rows / anchors.length;
    for (int row = 0; row < rows; row++) {
      for (int a = 0; a < anchors.length; a++) {
        int at = (row * anchors.length + a) * size;
        losses[row] +=
            labels[at + AnchorBox.CONFIDENCE] > 0
                ? object(Arrays.copyOfRange(labels, at, at + size), anchors[a], values, at, size)
                : empty(values, at, size);
      }
    }
    return losses;
  }

  private static double empty(float[] values, int at, int size) {
    double logit = values[at + AnchorBox.CONFIDENCE];
    Arrays.fill(values, at, at + size, 0);
    return logistic(logit, 0, values, at + AnchorBox.CONFIDENCE);
  }

  private static double object(float[] label, double[] anchor, float[] values, int at, int size) {
    AnchorBox box = new AnchorBox(anchor, values, at);
    double[] truth = {label[0], label[1], label[2], label[3]};
    BoxOverlap overlap = new BoxOverlap(box.edges(), truth);
    double loss = BOX_WEIGHT * (1 - overlap.getGiou());
    double[] gradient = box.backward(overlap.getGradient());
    for (int i = 0; i < gradient.length; i++) {
      values[at + i] = (float) (-BOX_WEIGHT * gradient[i]);
    }
    int confidence = at + AnchorBox.CONFIDENCE;
    loss += logistic(values[confidence], overlap.getIou(), values, confidence);
    return loss + classes(label, values, at + AnchorBox.FIRST_CLASS, at + size);
  }

  /** Logistic cross-entropy; its gradient goes into the array. */
  private static double logistic(double logit, double wanted, float[] gradients, int at) {
    // log(1 + e^logit), without overflow
    double softplus = Math.max(0, logit) + Math.log1p(Math.exp(-Math.abs(logit)));
    gradients[at] = (float) (AnchorBox.sigmoid(logit) - wanted);
    return softplus - wanted * logit;
  }

  /** Softmax cross-entropy of the classes; its gradient takes the place of the scores. */
  private static double classes(float[] label, float[] values, int first, int end) {
    double highest = Double.NEGATIVE_INFINITY;
    for (int i = first; i < end; i++) {
      highest = Math.max(highest, values[i]);
    }
    double sum = 0;
    for (int i = first; i < end; i++) {
      sum += Math.exp(values[i] - highest);
    }
    double loss = 0;
    for (int i = first; i < end; i++) {
      double wanted = label[AnchorBox.FIRST_CLASS + i - first];
      double logarithm = values[i] - highest - Math.log(sum);
      loss -= wanted * logarithm;
      values[i] = (float) (Math.exp(logarithm) - wanted);
    }
    return loss;
  }

  @Override
  public Pair<Double, INDArray> computeGradientAndScore(
      INDArray labels, INDArray preOutput, IActivation activation, INDArray mask, boolean average) {
    float[] values = preOutput.dup('c').data().asFloat();
    int rows = (int) preOutput.size(0);
    double[] losses = rows(labels.dup('c').data().asFloat(), values, rows);
    double score = Arrays.stream(losses).sum() / (average ? rows : 1);
    INDArray gradient =
        Nd4j.createFromArray(values).reshape(preOutput.shape()).castTo(preOutput.dataType());
    return new Pair<>(score, gradient);
  }

  @Override
  public double computeScore(
      INDArray labels, INDArray preOutput, IActivation activation, INDArray mask, boolean average) {
    return computeGradientAndScore(labels, preOutput, activation, mask, average).getFirst();
  }

  @Override
  public INDArray computeGradient(
      INDArray labels, INDArray preOutput, IActivation activation, INDArray mask) {
    return computeGradientAndScore(labels, preOutput, activation, mask, false).getSecond();
  }

  @Override
  public INDArray computeScoreArray(
      INDArray labels, INDArray preOutput, IActivation activation, INDArray mask) {
    float[] values = preOutput.dup('c').data().asFloat();
    int rows = (int) preOutput.size(0);
    return Nd4j.createFromArray(rows(labels.dup('c').data().asFloat(), values, rows))
        .reshape(rows, 1);
  }

  @Override
  public String name() {
    return getClass().getSimpleName();
  }
}
