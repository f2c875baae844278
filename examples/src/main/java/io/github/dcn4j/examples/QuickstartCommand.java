package io.github.dcn4j.examples;

import io.github.dcn4j.layers.DeformableConvolution2D;
import io.github.dcn4j.layers.ModulatedDeformablePSROIPoolingVertex;
import io.github.dcn4j.ops.DeformablePSROIPoolingConfig;
import io.github.dcn4j.ops.NDDeformable;
import java.util.Arrays;
import java.util.concurrent.Callable;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** A deformable layer and deformable pooling of regions, forward and backward. */
@Command(
    name = "quickstart",
    description =
        "Runs one deformable layer, 64 to 64 channels, 3×3, with two deformable groups, on a random"
            + " [2, 64, 128, 128] input, then deformable and modulated deformable pooling of 20"
            + " random regions of [2, 32, 64, 64] features, each forward and backward.",
    mixinStandardHelpOptions = true)
final class QuickstartCommand implements Callable<Integer> {
  // As the README of the PyTorch port of DCNv2 shows pooling
  private static final int IMAGES = 2;
  private static final int CHANNELS = 32;
  private static final int SIDE = 64;
  private static final double SCALE = 1.0 / 4;
  private static final int ROIS = 20;
  private static final int POOLED = 7;
  private static final double TRANS_STD = 0.1;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    Nd4j.getRandom().setSeed(1);
    convolution();
    pooling();
    modulatedPooling();
    spec.commandLine().getOut().flush();
    return 0;
  }

  private void convolution() {
    title("Modulated deformable convolution");
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            new NeuralNetConfiguration.Builder()
                .seed(1)
                .list()
                .layer(
                    new DeformableConvolution2D.Builder(3, 3)
                        .nIn(64)
                        .nOut(64)
                        .stride(1, 1)
                        .padding(1, 1)
                        .deformableGroups(2)
                        .activation(Activation.IDENTITY)
                        .build())
                .setInputType(InputType.convolutional(128, 128, 64))
                .build());
    network.init();
    network
        .paramTable()
        .forEach((name, array) -> print("parameter " + name.replaceFirst("^0_", ""), array));

    INDArray input = Nd4j.randn(2, 64, 128, 128);
    print("input", input);
    INDArray output = network.output(input, true);
    print("output", output);

    // Backward from a random gradient of the output, as a layer after this one would send it.
    network.setInput(input);
    network.feedForward(true, false);
    Pair<Gradient, INDArray> gradients = network.backpropGradient(Nd4j.randn(output.shape()), null);
    gradients
        .getFirst()
        .gradientForVariable()
        .forEach((name, array) -> print("gradient of " + name.replaceFirst("^0_", ""), array));
    print("gradient of input", gradients.getSecond());
  }

  /** Bins move by a trans that comes from elsewhere in a graph; here it is random. */
  private void pooling() {
    title("Deformable position-sensitive ROI pooling");
    DeformablePSROIPoolingConfig config =
        DeformablePSROIPoolingConfig.builder()
            .spatialScale(SCALE)
            .outputDim(CHANNELS)
            .pooledSize(POOLED)
            .transStd(TRANS_STD)
            .build();
    INDArray input = Nd4j.randn(IMAGES, CHANNELS, SIDE, SIDE);
    INDArray rois = randomRois();
    INDArray trans = Nd4j.randn(ROIS, 2, POOLED, POOLED);
    print("input", input);
    print("rois", rois);
    print("trans", trans);
    NDDeformable deformable = new NDDeformable();
    INDArray[] outputs = deformable.deformablePSROIPoolingWithCount(input, rois, trans, config);
    print("output", outputs[0]);

    INDArray gradient = Nd4j.randn(outputs[0].shape());
    INDArray[] gradients =
        deformable.deformablePSROIPoolingBp(input, rois, trans, outputs[1], gradient, config);
    print("gradient of input", gradients[0]);
    print("gradient of trans", gradients[1]);
  }

  /** The vertex predicts its own shifts and mask. */
  private void modulatedPooling() {
    title("Modulated deformable pooling (DCNPooling), in a graph");
    ComputationGraph graph =
        new ComputationGraph(
            new NeuralNetConfiguration.Builder()
                .seed(1)
                .graphBuilder()
                .addInputs("input", "rois")
                .addVertex(
                    "pooling",
                    new ModulatedDeformablePSROIPoolingVertex.Builder()
                        .spatialScale(SCALE)
                        .outputDim(CHANNELS)
                        .pooledSize(POOLED)
                        .transStd(TRANS_STD)
                        .build(),
                    "input",
                    "rois")
                .setOutputs("pooling")
                .setInputTypes(
                    InputType.convolutional(SIDE, SIDE, CHANNELS), InputType.feedForward(5))
                .build());
    graph.init();
    // In a fresh vertex the last layer is zero: nothing moves. Here it has learnt something.
    INDArray last = graph.getVertex("pooling").paramTable(false).get("fc2W");
    last.assign(Nd4j.randn(last.shape()).muli(0.01));
    INDArray input = Nd4j.randn(IMAGES, CHANNELS, SIDE, SIDE);
    INDArray rois = randomRois();
    print("input", input);
    print("rois", rois);
    INDArray output = graph.feedForward(new INDArray[] {input, rois}, true, false).get("pooling");
    print("output", output);
    graph
        .backpropGradient(Nd4j.randn(output.shape()))
        .gradientForVariable()
        .forEach(
            (name, array) -> print("gradient of " + name.replaceFirst("^pooling_", ""), array));
  }

  /** Regions of images that are as large as the features are at their scale: [R, 5]. */
  private static INDArray randomRois() {
    double side = SIDE / SCALE;
    double[][] rois = new double[ROIS][];
    for (int i = 0; i < ROIS; i++) {
      double[] u = Nd4j.rand(4).toDoubleVector();
      double x = u[0] * 0.8 * side;
      double y = u[1] * 0.8 * side;
      rois[i] =
          new double[] {
            i % IMAGES,
            x,
            y,
            x + (0.1 + 0.9 * u[2]) * (side - x),
            y + (0.1 + 0.9 * u[3]) * (side - y)
          };
    }
    return Nd4j.createFromArray(rois).castTo(Nd4j.defaultFloatingPointType());
  }

  private void title(String title) {
    spec.commandLine().getOut().printf("%n%s%n", title);
  }

  private void print(String name, INDArray array) {
    spec.commandLine()
        .getOut()
        .printf(
            "%-22s %-19s mean magnitude %.4g%n",
            name, Arrays.toString(array.shape()), array.ameanNumber().doubleValue());
  }
}
