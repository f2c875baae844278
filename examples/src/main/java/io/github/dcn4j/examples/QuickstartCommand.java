package io.github.dcn4j.examples;

import io.github.dcn4j.layers.DeformableConvolution2D;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.concurrent.Callable;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** One deformable layer, forward and backward. */
@Command(
    name = "quickstart",
    description =
        "Runs one deformable layer, 64 to 64 channels, 3×3, with two deformable groups, on a random"
            + " [2, 64, 128, 128] input, forward and backward.",
    mixinStandardHelpOptions = true)
final class QuickstartCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    Nd4j.getRandom().setSeed(1);
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
        .forEach((name, array) -> print(out, "parameter " + name.replaceFirst("^0_", ""), array));

    INDArray input = Nd4j.randn(2, 64, 128, 128);
    print(out, "input", input);
    INDArray output = network.output(input, true);
    print(out, "output", output);

    // Backward from a random gradient of the output, as a layer after this one would send it.
    network.setInput(input);
    network.feedForward(true, false);
    Pair<Gradient, INDArray> gradients = network.backpropGradient(Nd4j.randn(output.shape()), null);
    gradients
        .getFirst()
        .gradientForVariable()
        .forEach((name, array) -> print(out, "gradient of " + name.replaceFirst("^0_", ""), array));
    print(out, "gradient of input", gradients.getSecond());
    out.flush();
    return 0;
  }

  private static void print(PrintWriter out, String name, INDArray array) {
    out.printf(
        "%-22s %-19s mean magnitude %.4g%n",
        name, Arrays.toString(array.shape()), array.ameanNumber().doubleValue());
  }
}
