package io.github.dcn4j.layers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.DoublePrecision;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.deeplearning4j.exception.DL4JInvalidConfigException;
import org.deeplearning4j.exception.DL4JInvalidInputException;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.constraint.MaxNormConstraint;
import org.deeplearning4j.nn.conf.constraint.NonNegativeConstraint;
import org.deeplearning4j.nn.conf.dropout.GaussianDropout;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.memory.LayerMemoryReport;
import org.deeplearning4j.nn.conf.weightnoise.DropConnect;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.FineTuneConfiguration;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.Sgd;

/** The plain layer beside DL4J's: the same settings, the same function, the same training. */
@ExtendWith(DoublePrecision.class)
class Convolution2DTest {
  /** The same settings for either builder: what they share is their common base. */
  interface Settings {
    <T extends ConvolutionLayer.BaseConvBuilder<T>> T apply(T builder);
  }

  // A lambda can't have type parameters of its own, so these are classes.
  private abstract static class Named implements Settings {
    private final String name;

    Named(String name) {
      this.name = name;
    }

    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Settings> settings() {
    return Stream.of(
        new Named("strides and padding") {
          @Override
          public <T extends ConvolutionLayer.BaseConvBuilder<T>> T apply(T b) {
            return b.kernelSize(3, 2).stride(2, 1).padding(1, 2).activation(Activation.TANH);
          }
        },
        new Named("dilation, no bias") {
          @Override
          public <T extends ConvolutionLayer.BaseConvBuilder<T>> T apply(T b) {
            return b.kernelSize(3, 3).dilation(2, 1).hasBias(false).activation(Activation.RELU);
          }
        },
        new Named("same, strided, bias init") {
          @Override
          public <T extends ConvolutionLayer.BaseConvBuilder<T>> T apply(T b) {
            return b.kernelSize(4, 3)
                .convolutionMode(ConvolutionMode.Same)
                .stride(2, 2)
                .biasInit(0.3)
                .activation(Activation.SELU);
          }
        },
        new Named("strict, L1, L2 and their bias variants") {
          @Override
          public <T extends ConvolutionLayer.BaseConvBuilder<T>> T apply(T b) {
            return b.kernelSize(1, 1)
                .convolutionMode(ConvolutionMode.Strict)
                .l1(0.01)
                .l2(0.02)
                .l1Bias(0.03)
                .l2Bias(0.04)
                .activation(Activation.SIGMOID);
          }
        },
        new Named("weight decay, bias updater, constraints") {
          @Override
          public <T extends ConvolutionLayer.BaseConvBuilder<T>> T apply(T b) {
            b.constrainWeights(new MaxNormConstraint(0.3, 1, 2, 3));
            b.constrainBias(new NonNegativeConstraint());
            b.biasUpdater(new Sgd(0.5));
            b.weightDecay(0.1);
            return b.kernelSize(2, 2).activation(Activation.LEAKYRELU);
          }
        },
        new Named("dropout and weight noise") {
          @Override
          public <T extends ConvolutionLayer.BaseConvBuilder<T>> T apply(T b) {
            return b.kernelSize(3, 3)
                .dropOut(new GaussianDropout(0.2))
                .weightNoise(new DropConnect(0.7))
                .activation(Activation.IDENTITY);
          }
        });
  }

  private static MultiLayerNetwork network(ConvolutionLayer layer, CNN2DFormat format) {
    return Networks.classifier(
        Networks.settings(DataType.DOUBLE).updater(new Adam(0.01)),
        layer,
        InputType.convolutional(7, 8, 4, format));
  }

  static Stream<Arguments> settingsAndFormats() {
    return settings()
        .flatMap(s -> Stream.of(CNN2DFormat.values()).map(format -> Arguments.of(s, format)))
        // DL4J's ConvolutionLayer itself fails there, in the gradient of the dropout.
        .filter(
            c -> !c.get()[0].toString().startsWith("dropout") || c.get()[1] == CNN2DFormat.NCHW);
  }

  /** The same seed, so the same initial values, dropout and noise. */
  @ParameterizedTest
  @MethodSource("settingsAndFormats")
  void trainsAsConvolutionLayerDoes(Settings settings, CNN2DFormat format) {
    MultiLayerNetwork theirs =
        network(
            settings.apply(new ConvolutionLayer.Builder().dataFormat(format).nOut(6)).build(),
            format);
    MultiLayerNetwork ours =
        network(
            settings.apply(new Convolution2D.Builder().nOut(6).dataFormat(format)).build(), format);
    assertEquals(theirs.params(), ours.params(), "initial parameters");
    INDArray images = Networks.images(DataType.DOUBLE, format, 3, 4, 7, 8);
    INDArray labels = Networks.labels(DataType.DOUBLE, 3);
    Networks.assertClose("output", theirs.output(images), ours.output(images), 1e-10);
    for (MultiLayerNetwork net : List.of(theirs, ours)) {
      Nd4j.getRandom().setSeed(5);
      for (int i = 0; i < 4; i++) {
        net.fit(images, labels);
      }
    }
    assertEquals(theirs.score(), ours.score(), 1e-9 * Math.abs(theirs.score()));
    Networks.assertClose("parameters", theirs.params(), ours.params(), 1e-8);
    Networks.assertClose("output after", theirs.output(images), ours.output(images), 1e-8);
  }

  static Stream<Arguments> forGradients() {
    return Stream.of(
        Arguments.of("groups", op(b -> b.groups(2).padding(1, 1))),
        Arguments.of("depth-wise", op(b -> b.groups(4).nOut(8).stride(2, 1))),
        Arguments.of(
            "depth-wise, NHWC, same",
            op(
                b ->
                    b.groups(4)
                        .nOut(4)
                        .dataFormat(CNN2DFormat.NHWC)
                        .convolutionMode(ConvolutionMode.Same))),
        Arguments.of(
            "no bias, identity", op(b -> b.hasBias(false).activation(Activation.IDENTITY))),
        Arguments.of("penalties", op(b -> b.l1(0.01).l2(0.1).l1Bias(0.02).l2Bias(0.2))));
  }

  private static UnaryOperator<Convolution2D.Builder> op(UnaryOperator<Convolution2D.Builder> op) {
    return op;
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("forGradients")
  void gradientsAreRight(String name, UnaryOperator<Convolution2D.Builder> settings) {
    Convolution2D layer =
        settings.apply(new Convolution2D.Builder(3, 2).nOut(4).activation(Activation.TANH)).build();
    CNN2DFormat format = layer.getCnn2dDataFormat();
    MultiLayerNetwork net =
        Networks.classifier(
            Networks.settings(DataType.DOUBLE), layer, InputType.convolutional(5, 6, 4, format));
    Networks.assertGradientsRight(
        net,
        Networks.images(DataType.DOUBLE, format, 2, 4, 5, 6),
        Networks.labels(DataType.DOUBLE, 2));
  }

  private static Convolution2D.Builder grouped() {
    return new Convolution2D.Builder(3, 3)
        .nOut(6)
        .groups(2)
        .dilation(1, 2)
        .activation(Activation.RELU);
  }

  @Test
  void copiesAndStoredModelsAreEqual() throws Exception {
    MultiLayerNetwork net = network(grouped().build(), CNN2DFormat.NCHW);
    Convolution2D layer = (Convolution2D) net.getLayer(0).conf().getLayer();
    assertEquals(layer, layer.clone());
    MultiLayerConfiguration conf = net.getLayerWiseConfigurations();
    assertEquals(conf, MultiLayerConfiguration.fromJson(conf.toJson()));
    assertEquals(conf, MultiLayerConfiguration.fromYaml(conf.toYaml()));

    MultiLayerNetwork loaded = Networks.stored(net);
    INDArray images = Networks.images(DataType.DOUBLE, CNN2DFormat.NCHW, 2, 4, 7, 8);
    assertEquals(net.output(images), loaded.output(images));
    assertEquals(net.output(images), net.clone().output(images));
  }

  /** A stored model of DL4J's layers runs with ours when only the class name is changed. */
  @Test
  void aStoredConvolutionLayerIsReadAsOurs() {
    MultiLayerNetwork theirs =
        network(
            new ConvolutionLayer.Builder(3, 3).nOut(6).activation(Activation.RELU).build(),
            CNN2DFormat.NCHW);
    MultiLayerNetwork ours =
        new MultiLayerNetwork(
            MultiLayerConfiguration.fromJson(
                theirs
                    .getLayerWiseConfigurations()
                    .toJson()
                    .replace(ConvolutionLayer.class.getName(), Convolution2D.class.getName())));
    ours.init(theirs.params().dup(), false);
    assertSame(Convolution2D.class, ours.getLayer(0).conf().getLayer().getClass());
    INDArray images = Networks.images(DataType.DOUBLE, CNN2DFormat.NCHW, 2, 4, 7, 8);
    Networks.assertClose("output", theirs.output(images), ours.output(images), 1e-10);
  }

  @Test
  void transferLearningFreezesAndReplaces() {
    MultiLayerNetwork net = network(grouped().build(), CNN2DFormat.NCHW);
    IUpdater updater = new Sgd(0.25);
    MultiLayerNetwork tuned =
        new TransferLearning.Builder(net)
            .fineTuneConfiguration(new FineTuneConfiguration.Builder().updater(updater).build())
            .nOutReplace(0, 8, org.deeplearning4j.nn.weights.WeightInit.XAVIER)
            .build();
    assertArrayEquals(new long[] {8, 2, 3, 3}, tuned.getParam("0_W").shape());
    MultiLayerNetwork frozen =
        new TransferLearning.Builder(net)
            .fineTuneConfiguration(new FineTuneConfiguration.Builder().updater(updater).build())
            .setFeatureExtractor(0)
            .build();
    INDArray before = frozen.getParam("0_W").dup();
    frozen.fit(
        Networks.images(DataType.DOUBLE, CNN2DFormat.NCHW, 2, 4, 7, 8),
        Networks.labels(DataType.DOUBLE, 2));
    assertEquals(before, frozen.getParam("0_W"));
  }

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"FLOAT", "HALF"})
  void otherTypesRun(DataType type) {
    MultiLayerNetwork net =
        Networks.classifier(
            Networks.settings(type).updater(new Sgd(0.01)),
            grouped().build(),
            InputType.convolutional(7, 8, 4));
    INDArray images = Networks.images(type, CNN2DFormat.NCHW, 2, 4, 7, 8);
    net.fit(images, Networks.labels(type, 2));
    assertEquals(type, net.output(images).dataType());
    assertTrue(Double.isFinite(net.score()));
  }

  @Test
  void trainingGivesTheSameBitsForAnyNumberOfThreads() {
    Networks.assertSameGradientsForAnyNumberOfThreads(
        Networks.alone(DataType.FLOAT, new Convolution2D.Builder(3, 3).nIn(32).nOut(24).build()),
        Networks.images(DataType.FLOAT, CNN2DFormat.NCHW, 3, 32, 19, 17),
        Networks.random(5, DataType.FLOAT, 3, 24, 17, 15));
  }

  /** As ConvolutionLayer: the format comes with the InputType, and is NCHW without one. */
  @Test
  void aFormatOfNullIsLeftOpen() {
    for (ConvolutionLayer layer :
        List.of(
            new Convolution2D.Builder(3, 3).nIn(4).nOut(2).dataFormat(null).build(),
            new DeformableConvolution2D.Builder(3, 3).nIn(4).nOut(2).dataFormat(null).build())) {
      INDArray images = Networks.images(DataType.DOUBLE, CNN2DFormat.NCHW, 1, 4, 5, 5);
      MultiLayerNetwork net =
          new MultiLayerNetwork(
              Networks.settings(DataType.DOUBLE)
                  .list()
                  .layer(layer)
                  .layer(
                      new org.deeplearning4j.nn.conf.layers.CnnLossLayer.Builder()
                          .activation(Activation.IDENTITY)
                          .build())
                  .build());
      net.init();
      assertArrayEquals(new long[] {1, 2, 3, 3}, net.output(images).shape());
      net.fit(images, Nd4j.zeros(DataType.DOUBLE, 1, 2, 3, 3));

      ConvolutionLayer open = layer.clone();
      open.setCnn2dDataFormat(null);
      MultiLayerNetwork last = network(open, CNN2DFormat.NHWC);
      last.fit(
          Networks.images(DataType.DOUBLE, CNN2DFormat.NHWC, 1, 4, 7, 8),
          Networks.labels(DataType.DOUBLE, 1));
    }
  }

  @Test
  void settingsThatCannotWorkAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> new Convolution2D.Builder().groups(0));
    assertThrows(
        IllegalStateException.class,
        () -> new Convolution2D.Builder().convolutionMode(ConvolutionMode.Causal));
    assertThrows(
        IllegalStateException.class, () -> new Convolution2D.Builder(0, 3).nOut(2).build());
    assertThrows(
        IllegalArgumentException.class, () -> new Convolution2D.Builder().dilation(0, 1).build());
    assertThrows(
        IllegalArgumentException.class,
        () ->
            new Convolution2D.Builder()
                .convolutionMode(ConvolutionMode.Same)
                .padding(1, 1)
                .build());
    Convolution2D layer = new Convolution2D.Builder(3, 3).nIn(4).nOut(6).groups(4).build();
    Exception e =
        assertThrows(DL4JInvalidConfigException.class, () -> network(layer, CNN2DFormat.NCHW));
    assertTrue(
        e.getMessage()
            .contains("Convolution2D (layer name: layer0): groups: expected a divisor of"),
        e.getMessage());
  }

  @Test
  void inputsThatDoNotFitAreRefused() {
    MultiLayerNetwork net = network(grouped().build(), CNN2DFormat.NCHW);
    Exception e =
        assertThrows(
            DL4JInvalidInputException.class,
            () -> net.output(Networks.images(DataType.DOUBLE, CNN2DFormat.NHWC, 1, 4, 7, 8)));
    assertTrue(
        e.getMessage().contains("input: expected 4 channels in NCHW, got 7"), e.getMessage());
  }

  @Test
  void theMemoryReportCountsParametersAndValues() {
    Convolution2D layer = grouped().nIn(4).build();
    NeuralNetConfiguration conf =
        Networks.settings(DataType.DOUBLE).updater(new Adam(0.01)).layer(layer).build();
    Convolution2D made = (Convolution2D) conf.getLayer();
    LayerMemoryReport report = made.getMemoryReport(InputType.convolutional(7, 8, 4));
    assertEquals(6 * 2 * 3 * 3 + 6, report.getParameterSize());
    assertEquals(2 * (6 * 2 * 3 * 3 + 6), report.getUpdaterStateSize());
  }
}
