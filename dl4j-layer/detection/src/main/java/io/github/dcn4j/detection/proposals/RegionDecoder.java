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
   * @param rois regions [R, 5] as {@link Roi#toArray}
   * @param classes scores [R, 1 + classes] before the softmax, the background first
   * @param boxes [R, 4] as {@link BoxDeltas} from the regions
   * @param images number of images in the minibatch
   * @param side rows and columns of the images in pixels; boxes are cut off there
   * @param minScore least score of a detection, 0 to 1
   * @param maxIou largest intersection over union of two detections of one class
   * @return for each image of the minibatch its detections, in pixels
   */
  public static List<List<Detection>> decode(
      INDArray rois,
      INDArray classes,
      INDArray boxes,
      int images,
      int side,
      double minScore,
      double maxIou) {
    List<List<Detection>> found = new ArrayList<>();
    for (int i = 0; i < images; i++) {
      found.add(new ArrayList<>());
    }
    List<Roi> regions = Roi.fromArray(rois);
    float[][] scores = Rows.of(classes);
    float[][] deltas = Rows.of(boxes);
    for (int i = 0; i < scores.length; i++) {
      LossAndGradient.softmax(scores[i]);
      Roi region = regions.get(i);
      for (int label = 0; label < scores[i].length - 1; label++) {
        double score = scores[i][1 + label];
        if (score >= minScore) {
          Box box = BoxDeltas.decode(deltas[i], region.getBox(), label);
          found.get(region.getImage()).add(new Detection(ProposalVertex.clip(box, side), score));
        }
      }
    }
    found.replaceAll(detections -> NonMaximumSuppression.strongestOfEachLabel(detections, maxIou));
    return found;
  }
}
