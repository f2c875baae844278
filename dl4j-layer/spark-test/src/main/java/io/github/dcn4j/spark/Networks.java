package io.github.dcn4j.spark;

import io.github.dcn4j.layers.Convolution2D;
import io.github.dcn4j.layers.DeformableConvolution2D;
import io.github.dcn4j.layers.DeformableConvolution2DVertex;
import io.github.dcn4j.layers.DeformableConvolutionV3;
import io.github.dcn4j.layers.ModulatedDeformablePSROIPoolingVertex;
import io.github.dcn4j.layers.MultiScaleDeformableAttentionVertex;
import java.util.Random;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.RnnLossLayer;
import org.nd4j.common.util.ArrayUtil;
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

  private static final int QUERIES = 4;
  private static final int QUERY_SIZE = 6;

  /** Regions of a minibatch: image, left, top, right, bottom. */
  private static final double[][] REGIONS = {
    {0, 0, 0, 9, 8}, {1, 1.2, 2, 7, 6.5}, {0, 3, 1, 8, 7}, {1, 0, 0, 5, 5}
  };

  private Networks() {}

  /** Classifies images with a layer of each kind. */
  static MultiLayerConfiguration ofImages() {
    return settings()
        .list()
        .layer(
            new DeformableConvolution2D.Builder(3, 3)
                .nOut(4)
                .padding(1, 1)
                .activation(Activation.TANH)
                .build())
        .layer(new Convolution2D.Builder(3).nOut(4).activation(Activation.TANH).build())
        .layer(
            new DeformableConvolutionV3.Builder(3)
                .nOut(4)
                .padding(1)
                .groups(2)
                .activation(Activation.TANH)
                .build())
        .layer(classes())
        .setInputType(InputType.convolutional(HEIGHT, WIDTH, CHANNELS))
        .build();
  }

  /** Classifies regions of images, and answers queries, with a vertex of each kind. */
  static ComputationGraphConfiguration ofRegions() {
    return settings()
        .graphBuilder()
        .addInputs("images", "regions", "queries", "points")
        .setInputTypes(
            InputType.convolutional(HEIGHT, WIDTH, CHANNELS),
            InputType.feedForward(REGIONS[0].length),
            InputType.recurrent(QUERY_SIZE, QUERIES),
            InputType.recurrent(2, QUERIES))
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
        .addLayer("coarse", new Convolution2D.Builder(3).nOut(4).stride(2).build(), "images")
        .addVertex(
            "attention",
            new MultiScaleDeformableAttentionVertex.Builder().nHeads(2).nPoints(2).build(),
            "queries",
            "points",
            "features",
            "coarse")
        .addLayer("classes", classes(), "pooled")
        .addLayer(
            "answers",
            new RnnLossLayer.Builder(LossFunctions.LossFunction.MSE)
                .activation(Activation.IDENTITY)
                .build(),
            "attention")
        .setOutputs("classes", "answers")
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
        new INDArray[] {
          images(seed),
          Nd4j.createFromArray(REGIONS),
          random(seed + 1, BATCH, QUERY_SIZE, QUERIES),
          random(seed + 2, BATCH, 2, QUERIES).addi(1).divi(2)
        },
        new INDArray[] {labels(REGIONS.length), random(seed + 3, BATCH, QUERY_SIZE, QUERIES)});
  }

  private static INDArray images(long seed) {
    return random(seed, BATCH, CHANNELS, HEIGHT, WIDTH);
  }

  private static INDArray random(long seed, int... shape) {
    double[] values = new Random(seed).doubles(ArrayUtil.prod(shape), -1, 1).toArray();
    return Nd4j.createFromArray(values).reshape(shape);
  }

  private static INDArray labels(int count) {
    INDArray labels = Nd4j.zeros(DataType.DOUBLE, count, CLASSES);
    for (int i = 0; i < count; i++) {
      labels.putScalar(i, i % CLASSES, 1);
    }
    return labels;
  }
}
