package io.github.dcn4j.examples.benchmark;

import io.github.dcn4j.layers.DeformableConvolution2D;
import java.util.Map;
import java.util.function.Supplier;
import lombok.experimental.UtilityClass;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/**
 * One training iteration (forward, backward, update) of a network of {@value #LAYERS} deformable
 * layers with ReLU, the prediction of their offsets included, beside one of plain layers.
 */
@UtilityClass
class TrainingCase {
  static final int LAYERS = 3;
  private static final int CLASSES = 10;

  static Map<Contender, Timing> run(ConvolutionShape shape, Task task) throws Exception {
    Nd4j.getRandom().setSeed(1);
    long side = shape.getSide();
    INDArray images =
        Nd4j.randn(DataType.FLOAT, shape.getImages(), shape.getChannels(), side, side);
    INDArray labels = Nd4j.zeros(DataType.FLOAT, shape.getImages(), CLASSES);
    for (int i = 0; i < shape.getImages(); i++) {
      labels.putScalar(i, i % CLASSES, 1);
    }
    MultiLayerNetwork deformable = network(shape, () -> deformable(shape));
    // Fresh offsets are zero: every sample would sit on a pixel.
    deformable
        .paramTable()
        .forEach(
            (name, values) -> {
              if (name.endsWith("offsetW")) {
                values.assign(Nd4j.randn(values.shape()).muli(0.05));
              }
            });
    MultiLayerNetwork plain = network(shape, () -> plain(shape));
    Race race = new Race();
    race.add(Contender.DEFORMABLE_NETWORK, () -> deformable.fit(images, labels));
    race.add(Contender.PLAIN_NETWORK, () -> plain.fit(images, labels));
    return race.run(task);
  }

  static Layer deformable(ConvolutionShape shape) {
    return new DeformableConvolution2D.Builder(3, 3)
        .nOut(shape.getOutChannels())
        .padding(1, 1)
        .activation(Activation.RELU)
        .build();
  }

  static Layer plain(ConvolutionShape shape) {
    return new ConvolutionLayer.Builder(3, 3)
        .nOut(shape.getOutChannels())
        .padding(1, 1)
        .activation(Activation.RELU)
        .build();
  }

  static MultiLayerNetwork network(ConvolutionShape shape, Supplier<Layer> layer) {
    NeuralNetConfiguration.ListBuilder layers =
        new NeuralNetConfiguration.Builder().seed(1).updater(new Adam(1e-4)).list();
    for (int i = 0; i < LAYERS; i++) {
      layers.layer(layer.get());
    }
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            layers
                .layer(new GlobalPoolingLayer())
                .layer(
                    new OutputLayer.Builder(LossFunction.MCXENT)
                        .nOut(CLASSES)
                        .activation(Activation.SOFTMAX)
                        .build())
                .setInputType(
                    InputType.convolutional(shape.getSide(), shape.getSide(), shape.getChannels()))
                .build());
    network.init();
    return network;
  }
}
