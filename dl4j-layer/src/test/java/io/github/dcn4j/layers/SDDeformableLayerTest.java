package io.github.dcn4j.layers;

import io.github.dcn4j.ops.DeformableConv2DConfig;
import io.github.dcn4j.ops.SDDeformable;
import java.util.Map;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** SameDiff's deformable convolution that predicts its own offsets is the layer. */
class SDDeformableLayerTest {
  @ParameterizedTest
  @CsvSource({"NCHW, true", "NHWC, true", "NCHW, false", "NHWC, false"})
  void itsOutputAndGradientsAreTheLayers(CNN2DFormat format, boolean modulated) {
    DeformableConvolution2D layer =
        new DeformableConvolution2D.Builder(3, 2)
            .nIn(4)
            .nOut(6)
            .activation(Activation.IDENTITY)
            .padding(1, 0)
            .dataFormat(format)
            .groups(2)
            .deformableGroups(2)
            .modulated(modulated)
            .build();
    MultiLayerNetwork net = Networks.alone(DataType.DOUBLE, layer);
    Networks.bendOffsets(net, 0);
    INDArray images = Networks.images(DataType.DOUBLE, format, 2, 4, 6, 5);

    SameDiff sd = SameDiff.create();
    SDVariable output =
        new SDDeformable(sd)
            .deformableConv2dLayer(
                "y",
                sd.constant(images),
                sd.var("W", net.getParam("0_W")),
                sd.var("b", net.getParam("0_b")),
                sd.var("offsetW", net.getParam("0_offsetW")),
                sd.var("offsetB", net.getParam("0_offsetB")),
                modulated,
                DeformableConv2DConfig.builder()
                    .kH(3)
                    .kW(2)
                    .pH(1)
                    .dataFormat(format.name())
                    .groups(2)
                    .deformableGroups(2)
                    .build());
    INDArray expected = net.output(images);
    Networks.assertClose("output", expected, output.eval(), 1e-12);

    // The loss of the layer's network: the mean of squares over channels, for labels of zero.
    net.setInput(images);
    net.setLabels(Nd4j.zeros(DataType.DOUBLE, expected.shape()));
    net.computeGradientAndScore();
    sd.math().square(output).sum().div(6).markAsLoss();
    Map<String, INDArray> gradients =
        sd.calculateGradients(Map.of(), "W", "b", "offsetW", "offsetB");
    gradients.forEach(
        (name, gradient) ->
            Networks.assertClose(
                name,
                net.gradient().getGradientFor("0_" + name),
                gradient.reshape(net.getParam("0_" + name).shape()),
                1e-9));
  }
}
