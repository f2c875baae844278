package io.github.dcn4j.detection.proposals;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.Detection;
import io.github.dcn4j.detection.NonMaximumSuppression;
import io.github.dcn4j.detection.anchors.BoxDeltas;
import java.util.ArrayList;
import java.util.List;
import lombok.experimental.UtilityClass;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Turns what the second stage of a network says, which learnt by {@link RegionLoss}, into
 * detections.
 */
@UtilityClass
public class RegionDecoder {
  /**
   * Detections, without those that a surer one of the same class overlaps too much.
   *
   * @param rois regions [R, 5] as {@link Roi#toArray}; R may be 0
   * @param classes scores [R, 1 + classes] before the softmax, the background first; where one of
   *     them or of the boxes is NaN or infinite, nothing is detected
   * @param boxes [R, 4] as {@link BoxDeltas} from the regions
   * @param images number of images in the minibatch
   * @param side rows and columns of the images in pixels; boxes are cut off there
   * @param minScore least score of a detection, 0 to 1
   * @param iouThreshold largest intersection over union of two detections of one class, 0 to 1
   * @return for each image of the minibatch its detections, in pixels and within the image, class
   *     by class, the surest of a class first
   * @throws IllegalArgumentException naming the argument whose shape or range does not fit
   */
  public static List<List<Detection>> decode(
      INDArray rois,
      INDArray classes,
      INDArray boxes,
      int images,
      int side,
      double minScore,
      double iouThreshold) {
    long regionCount = rois.size(0);
    if (classes.size(0) != regionCount || boxes.size(0) != regionCount) {
      throw new IllegalArgumentException(
          String.format(
              "classes, boxes: expected a row for each of the %d rois, got %d and %d",
              regionCount, classes.size(0), boxes.size(0)));
    }
    if (side < 1 || !(minScore >= 0 && minScore <= 1)) {
      throw new IllegalArgumentException(
          String.format(
              "side, minScore: expected at least 1, and 0 to 1, got %d and %s", side, minScore));
    }
    List<List<Detection>> found = new ArrayList<>();
    for (int i = 0; i < images; i++) {
      found.add(new ArrayList<>());
    }
    List<Roi> regions = Roi.fromArray(rois);
    float[][] scores = Rows.of(classes);
    float[][] deltas = Rows.of(boxes);
    for (int i = 0; i < scores.length; i++) {
      if (!Rows.allFinite(scores[i]) || !Rows.allFinite(deltas[i])) {
        continue;
      }
      LossAndGradient.softmax(scores[i]);
      Roi region = regions.get(i);
      if (region.getImage() < 0 || region.getImage() >= images) {
        throw new IllegalArgumentException(
            String.format(
                "rois: expected images of 0 to %d, got %d", images - 1, region.getImage()));
      }
      for (int label = 0; label < scores[i].length - 1; label++) {
        double score = scores[i][1 + label];
        if (score >= minScore) {
          Box box = BoxDeltas.decode(deltas[i], region.getBox(), label);
          found.get(region.getImage()).add(new Detection(ProposalVertex.clip(box, side), score));
        }
      }
    }
    found.replaceAll(detections -> NonMaximumSuppression.applyPerClass(detections, iouThreshold));
    return found;
  }
}
