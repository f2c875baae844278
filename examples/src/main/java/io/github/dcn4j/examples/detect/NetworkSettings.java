package io.github.dcn4j.examples.detect;

import lombok.experimental.UtilityClass;
import org.deeplearning4j.nn.conf.GradientNormalization;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.weights.WeightInit;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.learning.config.Adam;

/** How the detectors' networks learn, those of one stage and of two. */
@UtilityClass
public class NetworkSettings {
  private static final double WEIGHT_DECAY = 1e-4;

  /**
   * Adam with a learning rate that rises and falls, weight decay and gradients of a limited size.
   *
   * @param options seed and learning rate
   * @param iterations number of minibatches that training will take, for the learning rate
   * @param maxGradientNorm what the norm of a layer's gradient is clipped to
   * @return settings to add a graph to
   */
  public static NeuralNetConfiguration.Builder of(
      TrainingOptions options, int iterations, double maxGradientNorm) {
    return new NeuralNetConfiguration.Builder()
        .seed(options.getSeed())
        .updater(
            new Adam(LearningRate.warmUpThenLinearDecay(options.getLearningRate(), iterations)))
        .weightInit(WeightInit.RELU)
        .activation(Activation.IDENTITY)
        .l2(WEIGHT_DECAY)
        .gradientNormalization(GradientNormalization.ClipL2PerLayer)
        .gradientNormalizationThreshold(maxGradientNorm);
  }
}
