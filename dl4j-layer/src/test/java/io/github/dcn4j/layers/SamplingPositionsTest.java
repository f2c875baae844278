package io.github.dcn4j.layers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration.ListBuilder;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.BatchNormalization;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.SpaceToDepthLayer;
import org.deeplearning4j.nn.conf.layers.SubsamplingLayer;
import org.deeplearning4j.nn.conf.layers.Upsampling2D;
import org.deeplearning4j.nn.conf.layers.ZeroPaddingLayer;
import org.deeplearning4j.nn.conf.layers.convolutional.Cropping2D;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The oracle is the definition, in plain Java: the sum over taps of weight × filter × bilinear
 * sample at the position is what the layer gives.
 */
class SamplingPositionsTest {
  private static final int CHANNELS = 4;
  private static final int OUTPUTS = 3;

  private final Random random = new Random(5);

  private static NeuralNetConfiguration.Builder settings() {
    return new NeuralNetConfiguration.Builder()
        .seed(3)
        .dataType(DataType.DOUBLE)
        .activation(Activation.IDENTITY);
  }

  private static MultiLayerNetwork network(InputType input, Layer... layers) {
    ListBuilder list = settings().list();
    for (Layer layer : layers) {
      list.layer(layer);
    }
    MultiLayerNetwork network = new MultiLayerNetwork(list.setInputType(input).build());
    network.init();
    return network;
  }

  private INDArray images(CNN2DFormat format) {
    return format == CNN2DFormat.NHWC ? noise(1, 2, 7, 6, CHANNELS) : noise(1, 2, CHANNELS, 7, 6);
  }

  private INDArray noise(double scale, long... shape) {
    double[] values = random.doubles(Arrays.stream(shape).reduce(1, (a, b) -> a * b)).toArray();
    return Nd4j.createFromArray(values).subi(0.5).muli(2 * scale).reshape('c', shape);
  }

  /** Offsets of some pixels, different for every tap and output pixel. */
  private void deform(org.deeplearning4j.nn.api.Layer layer) {
    for (String key : List.of("offsetW", "offsetB")) {
      layer.setParam(key, noise(0.4, layer.getParam(key).shape()));
    }
  }

  /** One bilinear sample of a channel, zero outside. */
  private static double sample(INDArray input, long n, long c, double y, double x) {
    double sum = 0;
    for (int dy = 0; dy < 2; dy++) {
      for (int dx = 0; dx < 2; dx++) {
        long row = (long) Math.floor(y) + dy;
        long column = (long) Math.floor(x) + dx;
        if (row >= 0 && row < input.size(2) && column >= 0 && column < input.size(3)) {
          double weight = (1 - Math.abs(y - row)) * (1 - Math.abs(x - column));
          sum += weight * input.getDouble(n, c, row, column);
        }
      }
    }
    return sum;
  }

  /** The layer's output from what the class under test says, all in NCHW. */
  private static void assertGives(
      INDArray expected, SamplingPositions sampling, INDArray input, INDArray filter) {
    INDArray positions = sampling.getPositions();
    INDArray weights = sampling.getWeights();
    long groups = positions.size(1);
    long taps = positions.size(2);
    assertArrayEquals(
        new long[] {input.size(0), groups, taps, expected.size(2), expected.size(3), 2},
        positions.shape());
    assertArrayEquals(Arrays.copyOf(positions.shape(), 5), weights.shape());
    long kW = filter.size(3);
    for (long n = 0; n < expected.size(0); n++) {
      for (long o = 0; o < expected.size(1); o++) {
        for (long y = 0; y < expected.size(2); y++) {
          for (long x = 0; x < expected.size(3); x++) {
            double sum = 0;
            for (long c = 0; c < input.size(1); c++) {
              long g = c / (input.size(1) / groups);
              for (long t = 0; t < taps; t++) {
                double value =
                    sample(
                        input,
                        n,
                        c,
                        positions.getDouble(n, g, t, y, x, 0),
                        positions.getDouble(n, g, t, y, x, 1));
                sum +=
                    weights.getDouble(n, g, t, y, x)
                        * filter.getDouble(o, c, t / kW, t % kW)
                        * value;
              }
            }
            assertEquals(expected.getDouble(n, o, y, x), sum, 1e-10);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "true, 1, 1, 1, 3, Truncate, NCHW",
    "false, 1, 1, 1, 3, Truncate, NCHW",
    "true, 2, 2, 1, 3, Truncate, NHWC",
    "true, 2, 1, 2, 3, Truncate, NCHW",
    "true, 1, 2, 1, 3, Same, NCHW",
    "false, 4, 2, 2, 2, Same, NHWC",
    "true, 1, 3, 1, 1, Same, NCHW"
  })
  void positionsWeightsAndFilterGiveTheLayersOutput(
      boolean modulated,
      int groups,
      int stride,
      int dilation,
      int kernel,
      ConvolutionMode mode,
      CNN2DFormat format) {
    int padding = mode == ConvolutionMode.Same ? 0 : 1;
    MultiLayerNetwork network =
        network(
            InputType.convolutional(7, 6, CHANNELS, format),
            new ConvolutionLayer.Builder(1, 1).nOut(CHANNELS).build(),
            new DeformableConvolution2D.Builder(kernel, kernel)
                .stride(stride, stride)
                .padding(padding, padding)
                .dilation(dilation, dilation)
                .convolutionMode(mode)
                .modulated(modulated)
                .deformableGroups(groups)
                .hasBias(false)
                .nOut(OUTPUTS)
                .build());
    deform(network.getLayer(1));
    INDArray input = images(format);
    INDArray before = input.dup();
    List<INDArray> activations = network.feedForward(input);
    SamplingPositions sampling = SamplingPositions.of(network, 1, input);
    assertGives(
        nchw(activations.get(2), format),
        sampling,
        nchw(activations.get(1), format),
        network.getLayer(1).getParam("W"));
    assertEquals(before, input);
    assertEquals(modulated, sampling.getWeights().maxNumber().doubleValue() < 1);
    assertEquals(activations.get(2), network.output(input)); // works on as before
  }

  @ParameterizedTest
  @CsvSource({
    "3, 1, 1, 1, 1, false, NCHW",
    "3, 2, 2, 1, 1.5, true, NHWC",
    "3, 4, 1, 2, 0.5, false, NCHW",
    "4, 1, 1, 1, 1, true, NHWC",
    "4, 2, 2, 1, 2, false, NCHW"
  })
  void positionsAndWeightsGiveTheOutputOfVersions3And4(
      int version,
      int groups,
      int stride,
      int dilation,
      double scale,
      boolean removeCenter,
      CNN2DFormat format) {
    MultiLayerNetwork network =
        network(
            InputType.convolutional(7, 6, CHANNELS, format),
            new ConvolutionLayer.Builder(1, 1).nOut(CHANNELS).build(),
            new DeformableConvolutionV3.Builder(3)
                .version(version)
                .groups(groups)
                .stride(stride)
                .padding(dilation)
                .dilation(dilation)
                .offsetScale(scale)
                .removeCenter(removeCenter)
                .inputProjection(false)
                .outputProjection(false)
                .nOut(CHANNELS)
                .build());
    deform(network.getLayer(1));
    INDArray input = images(format);
    List<INDArray> activations = network.feedForward(input);
    SamplingPositions sampling = SamplingPositions.of(network, 1, input);
    // Each channel is the sum of its own samples.
    INDArray filter = Nd4j.zeros(DataType.DOUBLE, CHANNELS, CHANNELS, 1, removeCenter ? 8 : 9);
    for (int c = 0; c < CHANNELS; c++) {
      filter.slice(c).slice(c).assign(1);
    }
    assertGives(
        nchw(activations.get(2), format), sampling, nchw(activations.get(1), format), filter);
    // Without offsets, taps look as far from the middle of the window as the scale says.
    INDArray grid = sampling.getGrid();
    assertEquals(dilation * (1 - scale) - dilation, grid.getDouble(0, 0, 0, 0), 1e-12);
    assertEquals(dilation * scale + stride, grid.getDouble(grid.size(0) - 1, 1, 1, 1), 1e-12);
  }

  private static INDArray nchw(INDArray array, CNN2DFormat format) {
    return format == CNN2DFormat.NHWC ? array.permute(0, 3, 1, 2) : array;
  }

  @Test
  void withoutOffsetsItIsTheGridOfAPlainConvolution() {
    MultiLayerNetwork network =
        network(
            InputType.convolutional(8, 9, 1),
            new DeformableConvolution2D.Builder(
                    new int[] {3, 2}, new int[] {2, 3}, new int[] {1, 0})
                .dilation(1, 2)
                .nOut(1)
                .build());
    SamplingPositions sampling = SamplingPositions.of(network, 0, noise(1, 1, 1, 8, 9));
    INDArray positions = sampling.getPositions();
    assertArrayEquals(new long[] {1, 1, 6, 4, 3, 2}, positions.shape());
    for (int tap = 0; tap < 6; tap++) {
      for (int y = 0; y < 4; y++) {
        for (int x = 0; x < 3; x++) {
          assertEquals(y * 2 - 1 + tap / 2, positions.getDouble(0, 0, tap, y, x, 0));
          assertEquals(x * 3 + tap % 2 * 2, positions.getDouble(0, 0, tap, y, x, 1));
        }
      }
    }
    assertEquals(
        Nd4j.valueArrayOf(new long[] {1, 1, 6, 4, 3}, 0.5, DataType.DOUBLE), sampling.getWeights());
    assertEquals(positions, sampling.getImagePositions());
    assertEquals(positions.reshape(6, 4, 3, 2), sampling.getGrid());
    // The kernel's middle is at (2y, 3x + 1).
    assertArrayEquals(new int[] {1, 2}, sampling.outputPixelAt(2.9, 5.6));
    assertArrayEquals(new int[] {0, 0}, sampling.outputPixelAt(-9, 2.4));
    assertArrayEquals(new int[] {3, 2}, sampling.outputPixelAt(99, 99));
  }

  @Test
  void aVertexAndAFrozenLayerOfAGraph() {
    ComputationGraph graph =
        new ComputationGraph(
            settings()
                .graphBuilder()
                .addInputs("in")
                .addLayer(
                    "frozen",
                    new FrozenLayer(
                        new DeformableConvolution2D.Builder(3, 3)
                            .padding(1, 1)
                            .hasBias(false)
                            .nOut(2)
                            .build()),
                    "in")
                .addLayer("offset", new ConvolutionLayer.Builder(1, 1).nOut(18).build(), "in")
                .addLayer("mask", new ConvolutionLayer.Builder(1, 1).nOut(9).build(), "in")
                .addVertex(
                    "vertex",
                    new DeformableConvolution2DVertex.Builder(3, 3)
                        .padding(1, 1)
                        .hasBias(false)
                        .nOut(2)
                        .build(),
                    "in",
                    "offset",
                    "mask")
                .setOutputs("vertex", "frozen")
                .setInputTypes(InputType.convolutional(5, 6, 2))
                .build());
    graph.init();
    deform(SamplingPositions.unwrapped(graph.getLayer("frozen")));
    assertEquals(List.of("frozen", "vertex"), sorted(SamplingPositions.names(graph)));
    INDArray input = noise(1, 1, 2, 5, 6);
    INDArray[] outputs = graph.output(input);
    assertGives(
        outputs[0],
        SamplingPositions.of(graph, "vertex", input),
        input,
        graph.getVertex("vertex").paramTable(false).get("W"));
    assertGives(
        outputs[1],
        SamplingPositions.of(graph, "frozen", input),
        input,
        graph.getLayer("frozen").getParam("W"));
  }

  private static List<String> sorted(List<String> names) {
    return names.stream().sorted().collect(Collectors.toList());
  }

  /**
   * A pixel of a layer's input lies in the middle of all pixels of the network's input that it
   * depends on, which is found by changing these one after the other.
   */
  @ParameterizedTest
  @CsvSource({"Truncate, 1", "Same, 0"})
  void imagePositionsAreTheMiddleOfWhatIsSeen(ConvolutionMode mode, int padding) {
    int last = 8;
    MultiLayerNetwork network =
        network(
            InputType.convolutional(46, 50, 1),
            new SpaceToDepthLayer.Builder<>(2).build(),
            new ConvolutionLayer.Builder(new int[] {3, 3}, new int[] {2, 1})
                .padding(padding, padding)
                .convolutionMode(mode)
                .nOut(1)
                .build(),
            new BatchNormalization(),
            new ZeroPaddingLayer.Builder(1, 2, 3, 0).build(),
            new SubsamplingLayer.Builder(
                    SubsamplingLayer.PoolingType.AVG, new int[] {2, 2}, new int[] {1, 2})
                .build(),
            new Cropping2D.Builder(1, 0, 0, 1).build(),
            new DeformableConvolution2D.Builder(3, 3)
                .padding(padding, padding)
                .convolutionMode(mode)
                .nOut(1)
                .build(),
            new DeformableConvolution2D.Builder(3, 3).nOut(1).build(), // padding 0
            new DeformableConvolution2D.Builder(1, 1).nOut(1).build());
    network.params().assign(1); // no dependence cancels out
    for (int layer : new int[] {6, 7}) { // no offsets
      network.getLayer(layer).getParam("offsetW").assign(0);
      network.getLayer(layer).getParam("offsetB").assign(0);
    }
    network.getLayer(last).getParam("offsetW").assign(0);
    network.getLayer(last).getParam("offsetB").assign(0);
    INDArray input = noise(1, 1, 1, 46, 50);
    INDArray plain = network.feedForwardToLayer(last - 1, input).get(last).dup();
    long y = plain.size(2) / 2;
    long x = plain.size(3) / 2;
    INDArray seen =
        SamplingPositions.of(network, last, input).getImagePositions(); // one tap: pixel itself
    for (int axis = 0; axis < 2; axis++) {
      int first = -1;
      int end = -1;
      for (int i = 0; i < input.size(2 + axis); i++) {
        INDArray changed = input.dup();
        changed.slice(0).slice(0).tensorAlongDimension(i, 1 - axis).addi(1);
        INDArray output = network.feedForwardToLayer(last - 1, changed).get(last);
        if (Math.abs(output.getDouble(0, 0, y, x) - plain.getDouble(0, 0, y, x)) > 1e-9) {
          first = first < 0 ? i : first;
          end = i;
        }
      }
      assertTrue(first > 0 && end < input.size(2 + axis) - 1, "cut off at the border");
      assertEquals((first + end) / 2.0, seen.getDouble(0, 0, 0, y, x, axis), 1e-9);
    }
  }

  @Test
  void upsamplingHalvesPixels() {
    MultiLayerNetwork network =
        network(
            InputType.convolutional(4, 4, 1),
            new Upsampling2D.Builder(2).build(),
            new DeformableConvolution2D.Builder(1, 1).nOut(1).build());
    INDArray seen = SamplingPositions.of(network, 1, noise(1, 1, 1, 4, 4)).getImagePositions();
    assertEquals(-0.25, seen.getDouble(0, 0, 0, 0, 0, 0)); // both halves of the first pixel
    assertEquals(0.25, seen.getDouble(0, 0, 0, 0, 1, 1));
  }

  @Test
  void otherLayersAreRefusedByName() {
    MultiLayerNetwork network =
        network(
            InputType.convolutional(4, 4, 1), new ConvolutionLayer.Builder(1, 1).nOut(1).build());
    for (int layer : new int[] {-1, 0, 1}) {
      String message =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> SamplingPositions.of(network, layer, noise(1, 1, 1, 4, 4)))
              .getMessage();
      assertTrue(message.startsWith("layer: expected"), message);
      assertTrue(message.endsWith("got " + layer), message);
    }
  }
}
