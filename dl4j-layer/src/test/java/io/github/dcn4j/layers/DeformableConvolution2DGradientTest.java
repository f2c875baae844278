package io.github.dcn4j.layers;

import io.github.dcn4j.DoublePrecision;
import io.github.dcn4j.SingleThread;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;

/** Analytic against numeric gradients, in double, with sampling positions off the integers. */
@ExtendWith({DoublePrecision.class, SingleThread.class})
class DeformableConvolution2DGradientTest {
  private static Arguments layer(
      String name, UnaryOperator<DeformableConvolution2D.Builder> settings) {
    return Arguments.of(Named.of(name, settings));
  }

  static List<Arguments> layers() {
    return Arrays.asList(
        layer("modulated", b -> b.padding(1, 1)),
        layer("unmodulated", b -> b.modulated(false).padding(1, 1)),
        layer("no bias, identity", b -> b.hasBias(false).activation(Activation.IDENTITY)),
        layer("groups", b -> b.groups(2)),
        layer("deformable groups", b -> b.deformableGroups(2).padding(1, 0)),
        layer(
            "groups, deformable groups, unmodulated",
            b -> b.groups(2).deformableGroups(4).modulated(false)),
        layer("stride, truncated", b -> b.stride(2, 1).padding(1, 1)),
        layer("dilated", b -> b.dilation(2, 1).padding(1, 1)),
        layer("same, strided", b -> b.convolutionMode(ConvolutionMode.Same).stride(2, 2)),
        layer("strict, 1x1", b -> b.kernelSize(1, 1).convolutionMode(ConvolutionMode.Strict)),
        layer("NHWC", b -> b.dataFormat(CNN2DFormat.NHWC).padding(1, 1)),
        layer(
            "NHWC, groups, same",
            b ->
                b.dataFormat(CNN2DFormat.NHWC)
                    .groups(2)
                    .deformableGroups(2)
                    .convolutionMode(ConvolutionMode.Same)));
  }

  @ParameterizedTest
  @MethodSource("layers")
  void gradientsAreRight(UnaryOperator<DeformableConvolution2D.Builder> layer) {
    check(layer, Networks.settings(DataType.DOUBLE));
  }

  @ParameterizedTest
  @MethodSource("regularised")
  void gradientsOfPenaltiesAreRight(UnaryOperator<DeformableConvolution2D.Builder> layer) {
    check(layer, Networks.settings(DataType.DOUBLE).l2(0.1).l1(0.01).l2Bias(0.2).l1Bias(0.03));
  }

  static List<Arguments> regularised() {
    return layers().subList(0, 2);
  }

  private static void check(
      UnaryOperator<DeformableConvolution2D.Builder> layer,
      NeuralNetConfiguration.Builder settings) {
    DeformableConvolution2D conf =
        layer
            .apply(
                new DeformableConvolution2D.Builder(3, 2)
                    .nOut(4)
                    .convolutionMode(ConvolutionMode.Truncate)
                    .activation(Activation.TANH))
            .build();
    CNN2DFormat format = conf.getCnn2dDataFormat();
    MultiLayerNetwork net =
        Networks.classifier(settings, conf, InputType.convolutional(5, 6, 4, format));
    Networks.bendOffsets(net, 0);
    net.setParam("0_W", Networks.random(1, DataType.DOUBLE, net.getParam("0_W").shape()));
    Networks.assertGradientsRight(
        net,
        Networks.images(DataType.DOUBLE, format, 2, 4, 5, 6),
        Networks.labels(DataType.DOUBLE, 2));
  }
}
