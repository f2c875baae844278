package io.github.dcn4j.detection.proposals;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.anchors.AnchorGrid;
import io.github.dcn4j.detection.anchors.BoxDeltas;
import io.github.dcn4j.detection.anchors.Matching;
import io.github.dcn4j.detection.data.LabelledImage;
import java.util.Arrays;
import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The loss of the first stage of a two-stage detector: of each anchor, logistic cross-entropy of
 * whether there is an object, and smooth L1 of its {@link BoxDeltas} where there is (Faster R-CNN,
 * arXiv 1506.01497, section 3.1.2). Where the paper draws a sample with as many anchors on objects
 * as off them, all count here, with weights that let both kinds weigh alike.
 */
public final class ProposalLoss {
  private static final double POSITIVE_IOU = 0.6;
  private static final double NEGATIVE_IOU = 0.35;

  private ProposalLoss() {}

  /**
   * Adds the loss of a minibatch, a mean over its images.
   *
   * @param loss what is added to
   * @param output what the first stage said, [N, 5 · sizes, cells, cells], as {@link AnchorGrid}
   *     lays it out
   * @param grid the anchors that it speaks of
   * @param images the minibatch, N
   * @return the gradient of the output
   */
  public static INDArray add(
      LossAndGradient loss, INDArray output, AnchorGrid grid, LabelledImage... images) {
    float[] values = Rows.flat(output);
    float[] gradient = new float[values.length];
    for (int image = 0; image < images.length; image++) {
      List<Box> objects = images[image].getBoxes();
      int[] matches = match(grid.boxes(), objects);
      double positiveWeight = weight(Arrays.stream(matches).filter(m -> m >= 0).count(), images);
      double negativeWeight =
          weight(Arrays.stream(matches).filter(m -> m == Matching.BACKGROUND).count(), images);
      for (int anchor = 0; anchor < matches.length; anchor++) {
        int score = grid.at(image, anchor, 0);
        if (matches[anchor] >= 0) {
          gradient[score] = loss.logistic(values[score], true, positiveWeight);
          float[] wanted = BoxDeltas.encode(objects.get(matches[anchor]), grid.boxes().get(anchor));
          for (int i = 0; i < wanted.length; i++) {
            int at = grid.at(image, anchor, 1 + i);
            gradient[at] = loss.smoothL1(values[at], wanted[i], positiveWeight);
          }
        } else if (matches[anchor] == Matching.BACKGROUND) {
          gradient[score] = loss.logistic(values[score], false, negativeWeight);
        }
      }
    }
    return Nd4j.createFromArray(gradient).reshape(output.shape());
  }

  private static double weight(long anchors, LabelledImage... images) {
    return 0.5 / anchors / images.length;
  }

  /**
   * Which object each anchor stands for, in the terms of {@link Matching}. Of an object that no
   * anchor overlaps enough it is the anchor that overlaps it most.
   */
  static int[] match(List<Box> anchors, List<Box> objects) {
    int[] matches = new int[anchors.size()];
    for (int i = 0; i < matches.length; i++) {
      matches[i] = Matching.match(anchors.get(i), objects, POSITIVE_IOU, NEGATIVE_IOU);
    }
    for (int o = 0; o < objects.size(); o++) {
      double highest = 0;
      int best = -1;
      for (int i = 0; i < matches.length; i++) {
        double iou = anchors.get(i).iou(objects.get(o));
        if (iou > highest) {
          highest = iou;
          best = i;
        }
      }
      if (best >= 0 && !objects.get(o).isDifficult()) {
        matches[best] = o;
      }
    }
    return matches;
  }
}
