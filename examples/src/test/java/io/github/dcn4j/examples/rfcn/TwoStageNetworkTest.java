package io.github.dcn4j.examples.rfcn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.anchors.AnchorGrid;
import io.github.dcn4j.detection.data.DetectionDataset;
import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.detection.proposals.ProposalVertex;
import io.github.dcn4j.detection.proposals.Roi;
import io.github.dcn4j.examples.Linearity;
import io.github.dcn4j.examples.data.DigitScenes;
import io.github.dcn4j.examples.detect.BackboneLayer;
import io.github.dcn4j.examples.detect.TrainingOptions;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class TwoStageNetworkTest {
  private static final double[][] ANCHORS = {{35, 40}};
  private static final int STEPS = 12;

  private static ComputationGraph network(Pooling pooling, int side) {
    TrainingOptions options = TrainingOptions.builder().epochs(1).learningRate(0.005).build();
    return TwoStageNetwork.create(pooling, ANCHORS, 10, side, STEPS, options);
  }

  /** Through both stages, for a linear function of the outputs and fixed regions. */
  @ParameterizedTest
  @EnumSource(Pooling.class)
  void theGradientIsThatOfDifferences(Pooling pooling) {
    int side = 32;
    ComputationGraph network = network(pooling, side).convertDataType(DataType.DOUBLE);
    // Where a region lies is taken as given; so that it does not change, only the given ones stay.
    ProposalVertex proposals =
        (ProposalVertex) network.getConfiguration().getVertices().get(TwoStageNetwork.ROIS);
    proposals.setCount(0);
    Nd4j.getRandom().setSeed(1);
    network
        .paramTable()
        .forEach(
            (name, array) -> {
              if (isLearnt(name)) { // off zero, where sampling has kinks
                array.addi(Nd4j.randn(DataType.DOUBLE, array.shape()).muli(0.05));
              }
            });
    INDArray[] inputs = {
      Nd4j.randn(DataType.DOUBLE, 2, 3, side, side),
      Roi.toArray(
              List.of(
                  new Roi(0, Box.of(3, 4, 25, 30, 0)),
                  new Roi(1, Box.of(0, 0, 17, 12, 0)),
                  new Roi(1, Box.of(9, 2, 31, 32, 0))))
          .castTo(DataType.DOUBLE)
    };
    INDArray[] weights = outputs(network, inputs);
    for (int i = 0; i < weights.length; i++) {
      boolean given = i == 1; // the regions themselves
      weights[i] = Nd4j.randn(DataType.DOUBLE, weights[i].shape()).muli(given ? 0 : 1);
    }
    outputs(network, inputs);
    network.backpropGradient(weights);
    Map<String, INDArray> gradients = Map.copyOf(network.gradient().gradientForVariable());
    network
        .paramTable()
        .forEach(
            (name, array) -> {
              if (isLearnt(name)) {
                for (long at : new long[] {0, array.length() / 2}) {
                  double value = array.getDouble(at);
                  double step = 1e-5;
                  array.putScalar(at, value + step);
                  double up = sum(outputs(network, inputs), weights);
                  array.putScalar(at, value - step);
                  double down = sum(outputs(network, inputs), weights);
                  array.putScalar(at, value);
                  double expected = (up - down) / (2 * step);
                  double given = gradients.get(name).getDouble(at);
                  double size = Math.max(1e-2, Math.abs(expected));
                  assertEquals(expected, given, 1e-5 * size, name + " " + at);
                }
              }
            });
  }

  /** The running means and variances of batch normalisation have no gradient. */
  private static boolean isLearnt(String name) {
    return !name.matches(".*_(mean|var|log10stdev)");
  }

  private static INDArray[] outputs(ComputationGraph network, INDArray... inputs) {
    Map<String, INDArray> seen = network.feedForward(inputs, true, false);
    return network.getConfiguration().getNetworkOutputs().stream()
        .map(seen::get)
        .toArray(INDArray[]::new);
  }

  private static double sum(INDArray[] outputs, INDArray[] weights) {
    return IntStream.range(0, outputs.length)
        .mapToDouble(i -> outputs[i].mul(weights[i]).sumNumber().doubleValue())
        .sum();
  }

  @ParameterizedTest
  @EnumSource(Pooling.class)
  void theLossOfOneMinibatchFalls(Pooling pooling) {
    DetectionDataset scenes = DigitScenes.training(2, 1);
    LabelledImage[] images =
        IntStream.range(0, 2).mapToObj(scenes::get).toArray(LabelledImage[]::new);
    ComputationGraph network = network(pooling, DigitScenes.SIDE);
    AnchorGrid grid = new AnchorGrid(ANCHORS, 16, TwoStageNetwork.STRIDE);
    double before = TwoStageTrainer.learn(network, grid, images);
    double after = before;
    for (int i = 1; i < STEPS; i++) {
      after = TwoStageTrainer.learn(network, grid, images);
    }
    assertTrue(after < 0.8 * before, before + " to " + after);
  }

  @ParameterizedTest
  @EnumSource(BackboneLayer.class)
  void theFeaturesAreNotLinear(BackboneLayer layer) {
    TrainingOptions options = TrainingOptions.builder().epochs(1).backbone(layer).build();
    ComputationGraph network =
        TwoStageNetwork.create(Pooling.NONE, ANCHORS, 10, 32, STEPS, options);
    INDArray wanted = Roi.toArray(List.of(new Roi(0, Box.of(4, 4, 28, 28, 0))));
    for (String head : new String[] {TwoStageNetwork.PROPOSALS, TwoStageNetwork.MAPS}) {
      Linearity.assertNotLinear(
          images -> network.feedForward(new INDArray[] {images, wanted}, false).get(head),
          1,
          3,
          32,
          32);
    }
  }

  @Test
  void freshBinsDoNotMoveAndFreshMasksHalve() {
    LabelledImage scene = DigitScenes.training(1, 1).get(0);
    List<Box> boxes = List.of(Box.of(5, 9, 61, 71, 0), Box.of(30, 2, 91, 45, 0));
    for (Pooling pooling : new Pooling[] {Pooling.DEFORMABLE, Pooling.MODULATED}) {
      List<List<Bin>> bins =
          detector(network(pooling, DigitScenes.SIDE), pooling).bins(scene, boxes);
      assertEquals(2, bins.size());
      for (Bin bin : bins.get(1)) {
        assertEquals(bin.getRegular(), bin.getMoved());
        assertEquals(pooling == Pooling.MODULATED ? 0.5 : 1, bin.getWeight(), 1e-6);
      }
      Box last = bins.get(0).get(8).getRegular();
      assertEquals(61, last.getX2(), 1e-9);
      assertEquals(71 - 62 / 3.0, last.getY1(), 1e-9);
    }
    TwoStageDetector plain = detector(network(Pooling.NONE, DigitScenes.SIDE), Pooling.NONE);
    assertThrows(UnsupportedOperationException.class, () -> plain.bins(scene, boxes));
  }

  /** A shift of one tenth and a weight, put into the parameters by hand, are what is shown. */
  @Test
  void movedBinsAreShownWhereTheyAre() {
    LabelledImage scene = DigitScenes.training(1, 1).get(0);
    List<Box> boxes = List.of(Box.of(20, 30, 50, 90, 0));
    ComputationGraph deformable = network(Pooling.DEFORMABLE, DigitScenes.SIDE);
    deformable.getLayer("shiftMaps").getParam("b").assign(1); // pooling keeps what is even
    Bin bin = detector(deformable, Pooling.DEFORMABLE).bins(scene, boxes).get(0).get(4);
    assertEquals(30 + 3, bin.getMoved().getX1(), 1e-4);
    assertEquals(50 + 6, bin.getMoved().getY1(), 1e-4);

    ComputationGraph modulated = network(Pooling.MODULATED, DigitScenes.SIDE);
    INDArray bias = modulated.getVertex(Pooling.NAME).paramTable(false).get("fc2b");
    bias.putScalar(4, 1); // x of the middle bin
    bias.putScalar(9 + 4, -1); // y
    bias.putScalar(18 + 4, Math.log(3)); // weight 3/4
    bin = detector(modulated, Pooling.MODULATED).bins(scene, boxes).get(0).get(4);
    assertEquals(30 + 3, bin.getMoved().getX1(), 1e-4);
    assertEquals(50 - 6, bin.getMoved().getY1(), 1e-4);
    assertEquals(0.75, bin.getWeight(), 1e-6);
  }

  private static TwoStageDetector detector(ComputationGraph network, Pooling pooling) {
    return new TwoStageDetector(
        network, pooling, DigitScenes.training(1, 1).labels(), DigitScenes.SIDE);
  }
}
