package io.github.dcn4j.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.BatchNormalization;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.activations.Activation;

class LinearityTest {
  /** Deeplearning4j 1.0.0-M2.1 takes the activation function of a batch normalisation so. */
  @Test
  void normalisationsIgnoreTheirActivationFunction() {
    NeuralNetConfiguration.ListBuilder layers =
        new NeuralNetConfiguration.Builder().seed(1).activation(Activation.IDENTITY).list();
    for (int i = 0; i < 2; i++) {
      layers.layer(new ConvolutionLayer.Builder(3, 3).nOut(4).build());
      layers.layer(new BatchNormalization.Builder().activation(Activation.RELU).build());
    }
    MultiLayerNetwork network =
        new MultiLayerNetwork(layers.setInputType(InputType.convolutional(8, 8, 2)).build());
    network.init();
    assertEquals(0, Linearity.departure(network::output, 1, 2, 8, 8), 1e-5);
    assertThrows(
        AssertionError.class, () -> Linearity.assertNotLinear(network::output, 1, 2, 8, 8));
  }
}
