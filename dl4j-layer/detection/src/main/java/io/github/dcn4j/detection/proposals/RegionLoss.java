package io.github.dcn4j.detection.proposals;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.anchors.BoxDeltas;
import io.github.dcn4j.detection.anchors.Matching;
import io.github.dcn4j.detection.data.LabelledImage;
import java.util.Arrays;
import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The loss of the second stage: softmax cross-entropy of the class, and smooth L1 of the box (Fast
 * R-CNN, arXiv 1504.08083, section 2.3).
 */
public final class RegionLoss {
  /** Overlap with an object from which on a region shows it. */
  private static final double POSITIVE_IOU = 0.5;

  private RegionLoss() {}

  /**
   * Adds the loss of a minibatch's regions, a mean over them.
   *
   * @param loss what is added to
   * @param classes scores [R, 1 + classes] before the softmax, the background first
   * @param boxes [R, 4] as {@link BoxDeltas} from the regions
   * @param rois the regions, R
   * @param images the minibatch; its boxes have labels of 0 to {@code classes - 1}
   * @return the gradients of the scores, [R, 1 + classes], and of the boxes, [R, 4]
   * @throws IllegalArgumentException if a box has another label, or the sizes do not fit
   */
  public static INDArray[] add(
      LossAndGradient loss,
      INDArray classes,
      INDArray boxes,
      List<Roi> rois,
      LabelledImage... images) {
    if (classes.size(0) != rois.size() || boxes.size(0) != rois.size()) {
      throw new IllegalArgumentException(
          String.format(
              "classes, boxes: expected a row for each of the %d rois, got %d and %d",
              rois.size(), classes.size(0), boxes.size(0)));
    }
    for (LabelledImage image : images) {
      image.requireLabels((int) classes.size(1) - 1);
    }
    float[][] scores = Rows.of(classes);
    float[][] deltas = Rows.of(boxes);
    double weight = 1.0 / rois.size();
    for (int i = 0; i < scores.length; i++) {
      Roi roi = rois.get(i);
      List<Box> objects = images[roi.getImage()].getBoxes();
      int match = Matching.match(roi.getBox(), objects, POSITIVE_IOU, POSITIVE_IOU);
      if (match == Matching.IGNORED) {
        Arrays.fill(scores[i], 0);
        Arrays.fill(deltas[i], 0);
      } else if (match == Matching.BACKGROUND) {
        loss.softmaxCrossEntropy(scores[i], 0, weight);
        Arrays.fill(deltas[i], 0);
      } else {
        Box object = objects.get(match);
        loss.softmaxCrossEntropy(scores[i], 1 + object.getLabel(), weight);
        float[] wanted = BoxDeltas.encode(object, roi.getBox());
        for (int j = 0; j < wanted.length; j++) {
          deltas[i][j] = loss.smoothL1(deltas[i][j], wanted[j], weight);
        }
      }
    }
    return rois.isEmpty()
        ? new INDArray[] {classes.like(), boxes.like()}
        : new INDArray[] {Nd4j.createFromArray(scores), Nd4j.createFromArray(deltas)};
  }
}
