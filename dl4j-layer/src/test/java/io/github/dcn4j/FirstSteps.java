package io.github.dcn4j;

import io.github.dcn4j.layers.DeformableConvolution2D;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/** Learns to tell stripes that lie from stripes that stand. */
public class FirstSteps {
  public static void main(String[] arguments) {
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            new NeuralNetConfiguration.Builder()
                .seed(1)
                .updater(new Adam(0.01))
                .list()
                .layer(
                    new DeformableConvolution2D.Builder(3, 3)
                        .nOut(8)
                        .padding(1, 1)
                        .activation(Activation.RELU)
                        .build())
                .layer(new GlobalPoolingLayer())
                .layer(new OutputLayer.Builder().nOut(2).activation(Activation.SOFTMAX).build())
                .setInputType(InputType.convolutional(16, 16, 1))
                .build());
    network.init();

    INDArray images = Nd4j.zeros(64, 1, 16, 16);
    INDArray labels = Nd4j.zeros(64, 2);
    for (int n = 0; n < 64; n++) {
      labels.putScalar(n, n % 2, 1);
      for (int i = 0; i < 256; i++) {
        images.putScalar(n, 0, i / 16, i % 16, Math.sin((n % 2 == 0 ? i / 16 : i % 16) + n));
      }
    }
    for (int step = 0; step < 50; step++) {
      network.fit(images, labels);
    }
    INDArray right = network.output(images).argMax(1).eq(labels.argMax(1));
    System.out.println(right.castTo(images.dataType()).sumNumber().intValue() + " of 64 are right");
  }
}
