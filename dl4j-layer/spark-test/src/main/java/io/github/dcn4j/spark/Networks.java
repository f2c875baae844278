package io.github.dcn4j.spark;

import io.github.dcn4j.layers.DeformableConvolution2D;
import io.github.dcn4j.layers.DeformableConvolution2DVertex;
import io.github.dcn4j.layers.ModulatedDeformablePSROIPoolingVertex;
import java.util.Random;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Nesterovs;
import org.nd4j.linalg.lossfunctions.LossFunctions;

/** The networks to train, and their data: random, the same for the same seed in every JVM. */
final class Networks {
  /** Images of a minibatch. */
  static final int BATCH = 2;

  private static final int CHANNELS = 3;
  private static final int HEIGHT = 9;
  private static final int WIDTH = 10;
  private static final int CLASSES = 3;

  /** Regions of a minibatch: image, left, top, right, bottom. */
  private static final double[][] REGIONS = {
    {0, 0, 0, 9, 8}, {1, 1.2, 2, 7, 6.5}, {0, 3, 1, 8, 7}, {1, 0, 0, 5, 5}
  };

  private Networks() {}

  /** Classifies images with a deformable layer. */
  static MultiLayerConfiguration ofImages() {
    return settings()
        .list()
        .layer(
            new DeformableConvolution2D.Builder(3, 3)
                .nOut(4)
                .padding(1, 1)
                .activation(Activation.TANH)
                .build())
        .layer(classes())
        .setInputType(InputType.convolutional(HEIGHT, WIDTH, CHANNELS))
        .build();
  }

  /** Classifies regions of images with both kinds of vertex. */
  static ComputationGraphConfiguration ofRegions() {
    return settings()
        .graphBuilder()
        .addInputs("images", "regions")
        .setInputTypes(
            InputType.convolutional(HEIGHT, WIDTH, CHANNELS),
            InputType.feedForward(REGIONS[0].length))
        .addLayer(
            "offset",
            new ConvolutionLayer.Builder(3, 3).nOut(2 * 3 * 3).padding(1, 1).build(),
            "images")
        .addVertex(
            "features",
            new DeformableConvolution2DVertex.Builder(3, 3)
                .nIn(CHANNELS)
                .nOut(4)
                .padding(1, 1)
                .activation(Activation.TANH)
                .build(),
            "images",
            "offset")
        .addVertex(
            "pooled",
            new ModulatedDeformablePSROIPoolingVertex.Builder()
                .outputDim(4)
                .pooledSize(2)
                .spatialScale(1)
                .transStd(0.1)
                .fcDim(5)
                .build(),
            "features",
            "regions")
        .addLayer("classes", classes(), "pooled")
        .setOutputs("classes")
        .build();
  }

  private static NeuralNetConfiguration.Builder settings() {
    return new NeuralNetConfiguration.Builder()
        .dataType(DataType.DOUBLE)
        .seed(7)
        .updater(new Nesterovs(0.1, 0.9));
  }

  private static OutputLayer classes() {
    return new OutputLayer.Builder(LossFunctions.LossFunction.MCXENT)
        .activation(Activation.SOFTMAX)
        .nOut(CLASSES)
        .build();
  }

  /** A minibatch for {@link #ofImages()}. */
  static DataSet imagesMinibatch(long seed) {
    return new DataSet(images(seed), labels(BATCH));
  }

  /** A minibatch for {@link #ofRegions()}. */
  static MultiDataSet regionsMinibatch(long seed) {
    return new MultiDataSet(
        new INDArray[] {images(seed), Nd4j.createFromArray(REGIONS)},
        new INDArray[] {labels(REGIONS.length)});
  }

  private static INDArray images(long seed) {
    double[] values = new Random(seed).doubles(BATCH * CHANNELS * HEIGHT * WIDTH, -1, 1).toArray();
    return Nd4j.createFromArray(values).reshape(BATCH, CHANNELS, HEIGHT, WIDTH);
  }

  private static INDArray labels(int count) {
    INDArray labels = Nd4j.zeros(DataType.DOUBLE, count, CLASSES);
    for (int i = 0; i < count; i++) {
      labels.putScalar(i, i % CLASSES, 1);
    }
    return labels;
  }
}
