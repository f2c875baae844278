package io.github.dcn4j.detection.proposals;

/**
 * A loss that is added up of simple ones, each of which gives its gradient. Not for several threads
 * at once.
 */
public final class LossAndGradient {
  private double sum;

  /** The sum of all losses so far. */
  public double sum() {
    return sum;
  }

  /**
   * Softmax cross-entropy of one example.
   *
   * @param scores scores of all classes; overwritten with the gradient
   * @param label the true class
   * @param weight of this loss in the sum
   */
  public void softmaxCrossEntropy(float[] scores, int label, double weight) {
    softmax(scores);
    sum -= weight * Math.log(Math.max(scores[label], Float.MIN_NORMAL));
    scores[label] -= 1;
    for (int i = 0; i < scores.length; i++) {
      scores[i] *= (float) weight;
    }
  }

  /**
   * Replaces scores by probabilities.
   *
   * @param scores of all classes; overwritten
   */
  static void softmax(float[] scores) {
    float highest = Float.NEGATIVE_INFINITY;
    for (float score : scores) {
      highest = Math.max(highest, score);
    }
    double total = 0;
    for (int i = 0; i < scores.length; i++) {
      scores[i] = (float) Math.exp(scores[i] - highest);
      total += scores[i];
    }
    for (int i = 0; i < scores.length; i++) {
      scores[i] /= (float) total;
    }
  }

  /**
   * Logistic cross-entropy of one number.
   *
   * @param score before its sigmoid
   * @param positive whether the score should be high
   * @param weight of this loss in the sum
   * @return the gradient
   */
  public float logistic(float score, boolean positive, double weight) {
    double signed = positive ? score : -score;
    // log(1 + e^−signed), without overflow
    double loss = Math.max(0, -signed) + Math.log1p(Math.exp(-Math.abs(signed)));
    sum += weight * loss;
    double gradient = -1 / (1 + Math.exp(signed));
    return (float) (weight * (positive ? gradient : -gradient));
  }

  /**
   * Smooth L1 loss of one number (Fast R-CNN, arXiv 1504.08083, equation 3).
   *
   * @param weight of this loss in the sum
   * @return the gradient
   */
  public float smoothL1(float predicted, float wanted, double weight) {
    double difference = (double) predicted - wanted;
    double size = Math.abs(difference);
    sum += weight * (size < 1 ? difference * difference / 2 : size - 0.5);
    return (float) (weight * (size < 1 ? difference : Math.signum(difference)));
  }
}
