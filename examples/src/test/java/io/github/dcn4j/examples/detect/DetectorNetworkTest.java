package io.github.dcn4j.examples.detect;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.detection.data.DetectionDataset;
import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.detection.yolo.AnchorBox;
import io.github.dcn4j.detection.yolo.YoloLabels;
import io.github.dcn4j.examples.Linearity;
import io.github.dcn4j.examples.data.DigitScenes;
import io.github.dcn4j.layers.DeformableConvolutionV3;
import java.util.Map;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;

/** What the network's configuration says is what the network does. */
class DetectorNetworkTest {
  private static final double[][] ANCHORS = {{3, 4}, {5, 5}};
  private static final int CLASSES = 10;
  private static final int STEPS = 20;
  private static final double LEARNING_RATE = 1e-3;

  private static ComputationGraph network(BackboneLayer layer, int side) {
    TrainingOptions options =
        TrainingOptions.builder().epochs(1).learningRate(LEARNING_RATE).backbone(layer).build();
    return DetectorNetwork.create(ANCHORS, CLASSES, side, STEPS, options);
  }

  private static DataSet batch() {
    DetectionDataset scenes = DigitScenes.training(4, 1);
    LabelledImage[] images =
        IntStream.range(0, 4).mapToObj(scenes::get).toArray(LabelledImage[]::new);
    return YoloLabels.minibatch(
        ANCHORS, CLASSES, DigitScenes.SIDE / DetectorNetwork.STRIDE, images);
  }

  @ParameterizedTest
  @EnumSource(BackboneLayer.class)
  void itIsNotLinear(BackboneLayer layer) {
    ComputationGraph network = network(layer, 32);
    Linearity.assertNotLinear(network::outputSingle, 1, 3, 32, 32);
  }

  /** Of every block: each has a part in the detector's being more than linear. */
  @Test
  void allBlocksEndInRelu() {
    ComputationGraph network = network(BackboneLayer.PLAIN, DigitScenes.SIDE);
    Map<String, INDArray> seen = network.feedForward(batch().getFeatures(), true);
    int blocks = 0;
    for (String convolution : seen.keySet()) {
      if (convolution.startsWith("convolution")) {
        INDArray activated = seen.get(convolution.replace("convolution", "activated"));
        assertEquals(0, activated.minNumber().doubleValue());
        assertTrue(seen.get(convolution).minNumber().doubleValue() < 0);
        blocks++;
      }
    }
    assertTrue(blocks > 1);
  }

  /** The modules of DCNv4 give nothing at first: what stands around them has to make them learn. */
  @ParameterizedTest
  @EnumSource(
      value = BackboneLayer.class,
      names = {"V3", "V4"})
  void theModulesLearnWhereToLookFromTheFirstStep(BackboneLayer layer) {
    ComputationGraph network = network(layer, DigitScenes.SIDE);
    for (String block : new String[] {"2", "4"}) {
      assertEquals(
          DeformableConvolutionV3.class,
          network.getLayer("convolution" + block).conf().getLayer().getClass());
    }
    network.fit(batch());
    network.fit(batch());
    for (String name : new String[] {"convolution2_offsetW", "convolution4_offsetW"}) {
      assertTrue(network.getParam(name).amaxNumber().doubleValue() > 0, name);
    }
  }

  @Test
  void freshConfidencesAreLowAndBoxesNearlyTheAnchors() {
    ComputationGraph network = network(BackboneLayer.V2, DigitScenes.SIDE);
    INDArray output = network.outputSingle(batch().getFeatures()).dup('c');
    int numbers = AnchorBox.FIRST_CLASS + CLASSES;
    for (int anchor = 0; anchor < ANCHORS.length; anchor++) {
      for (int i = 0; i < numbers; i++) {
        double expected = i == AnchorBox.CONFIDENCE ? -4 : 0;
        assertEquals(expected, output.getDouble(0, anchor * numbers + i, 5, 5), 0.5);
      }
    }
  }

  /** Adam's first step has the learning rate's size, but for the offsets a tenth of it. */
  @Test
  void theLearningRatesAreThoseAskedFor() {
    ComputationGraph network = network(BackboneLayer.V2, DigitScenes.SIDE);
    assertFalse(network.paramTable().containsKey("convolution0_b"));
    Map<String, INDArray> before = network.paramTable();
    before.replaceAll((name, values) -> values.dup());
    network.fit(batch());
    double first = LEARNING_RATE / (STEPS * 0.1); // the first of two steps of the rise
    for (String name : new String[] {"convolution1_W", "convolution1_offsetW", "head_W"}) {
      INDArray moved = network.getParam(name).sub(before.get(name));
      double factor = name.contains("offset") ? 0.1 : 1;
      assertEquals(first * factor, moved.amaxNumber().doubleValue(), first * factor * 0.01, name);
    }
  }

  /** Clipped gradients would hold back the running mean, which Deeplearning4j counts as one. */
  @Test
  void runningMeansFollowTheMinibatchHoweverFarItIs() {
    ComputationGraph network = network(BackboneLayer.PLAIN, DigitScenes.SIDE);
    DataSet batch = batch();
    batch.getFeatures().addi(1000);
    INDArray mean =
        network.feedForward(batch.getFeatures(), true).get("convolution0").mean(0, 2, 3);
    network.clearLayersStates();
    network.fit(batch);
    assertArrayEquals(
        mean.mul(0.1).toDoubleVector(),
        network.getParam("normalised0_mean").reshape(mean.shape()).toDoubleVector(),
        1e-3 * mean.amaxNumber().doubleValue());
  }

  @Test
  void theAnchorsAreKeptInItsConfiguration() {
    ComputationGraph network = network(BackboneLayer.V1, 32);
    ComputationGraphConfiguration read =
        ComputationGraphConfiguration.fromJson(network.getConfiguration().toJson());
    ComputationGraph restored = new ComputationGraph(read);
    restored.init();
    assertArrayEquals(ANCHORS, DetectorNetwork.anchors(restored));
  }
}
