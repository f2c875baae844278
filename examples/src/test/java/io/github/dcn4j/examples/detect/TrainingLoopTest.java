package io.github.dcn4j.examples.detect;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.dcn4j.detection.Detection;
import io.github.dcn4j.detection.data.DetectionDataset;
import io.github.dcn4j.detection.data.ImageBatches;
import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.examples.checkpoint.Checkpoint;
import io.github.dcn4j.examples.checkpoint.CheckpointFolder;
import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import lombok.RequiredArgsConstructor;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

class TrainingLoopTest {
  private static final int IMAGES = 7;
  private static final int EPOCHS = 3;

  private static final TrainingOptions OPTIONS =
      TrainingOptions.builder().epochs(EPOCHS).batchSize(3).checkpointEvery(2).build();

  @TempDir Path folder;

  private final List<List<String>> batches = new ArrayList<>();

  /** A network with dropout, so that ND4J's random numbers decide too. */
  @RequiredArgsConstructor
  private final class Learner implements TrainingLoop.Learner {
    private final MultiLayerNetwork network;

    @Override
    public MultiLayerNetwork network() {
      return network;
    }

    @Override
    public ObjectDetector detector() {
      return new ObjectDetector() {
        @Override
        public ModelDescription getDescription() {
          return new ModelDescription(
              ModelDescription.Kind.ONE_STAGE, null, images().labels(), 2, new double[][] {{1, 1}});
        }

        @Override
        public INDArray[] inputs(LabelledImage... images) {
          throw new UnsupportedOperationException();
        }

        @Override
        public ComputationGraph getNetwork() {
          throw new UnsupportedOperationException();
        }

        @Override
        public List<List<Detection>> detect(List<LabelledImage> images) {
          return images.stream().map(i -> List.<Detection>of()).collect(Collectors.toList());
        }
      };
    }

    @Override
    public double learn(LabelledImage... images) {
      batches.add(Arrays.stream(images).map(LabelledImage::getName).collect(Collectors.toList()));
      INDArray pixels = ImageBatches.features(images);
      network.fit(pixels.reshape(images.length, 12), Nd4j.ones(images.length, 1));
      return network.score();
    }

    @Override
    public void endEpoch() {
      network.incrementEpochCount();
    }
  }

  private static MultiLayerNetwork fresh() {
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            new NeuralNetConfiguration.Builder()
                .seed(3)
                .updater(new Adam(0.01))
                .list()
                .layer(new DenseLayer.Builder().nIn(12).nOut(9).dropOut(0.5).build())
                .layer(
                    new OutputLayer.Builder(LossFunction.MSE)
                        .activation(Activation.IDENTITY)
                        .nIn(9)
                        .nOut(1)
                        .build())
                .build());
    network.init();
    return network;
  }

  /** Images with names 0/0 to 2/6: pass and index. */
  private static DetectionDataset images() {
    return images(0);
  }

  private static DetectionDataset images(int epoch) {
    return new DetectionDataset() {
      @Override
      public List<String> labels() {
        return List.of("a");
      }

      @Override
      public int size() {
        return IMAGES;
      }

      @Override
      public LabelledImage get(int index) {
        BufferedImage image = new BufferedImage(2, 2, BufferedImage.TYPE_INT_RGB);
        image.setRGB(1, 1, 0x102030 * index + epoch);
        return new LabelledImage(epoch + "/" + index, image, List.of());
      }

      @Override
      public DetectionDataset forEpoch(int next) {
        return images(next);
      }
    };
  }

  private MultiLayerNetwork train(Path output, TrainingObserver observer) {
    CheckpointFolder checkpoints = new CheckpointFolder(output, Map.of());
    Optional<Checkpoint<TrainingState>> checkpoint = checkpoints.resume(TrainingState.class);
    MultiLayerNetwork network =
        checkpoint.map(Checkpoint::multiLayerNetwork).orElseGet(TrainingLoopTest::fresh);
    new TrainingLoop(OPTIONS, images(), images(), checkpoints)
        .run(new Learner(network), checkpoint, observer);
    return network;
  }

  @Test
  void everyPassSeesEachOfItsImagesOnceInAnOrderOfItsOwn() {
    train(folder, new TrainingObserver() {});
    assertEquals(3 * EPOCHS, batches.size());
    Set<List<String>> orders = new TreeSet<>((a, b) -> a.toString().compareTo(b.toString()));
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
      List<String> order = new ArrayList<>();
      batches.subList(3 * epoch, 3 * epoch + 3).forEach(order::addAll);
      assertEquals(1, batches.get(3 * epoch + 2).size()); // the last minibatch may be smaller
      assertEquals(IMAGES, new TreeSet<>(order).size());
      assertEquals(epoch + "/", order.get(0).substring(0, 2));
      orders.add(order.stream().map(name -> name.substring(2)).collect(Collectors.toList()));
    }
    assertEquals(EPOCHS, orders.size());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 9})
  void interruptedAfterAnyMinibatchItEndsTheSame(int last) {
    MultiLayerNetwork expected = train(folder.resolve("whole"), new TrainingObserver() {});
    IllegalStateException interruption = new IllegalStateException();
    TrainingObserver interrupting =
        new TrainingObserver() {
          private int seen;

          @Override
          public void imagesSeen(int images, double loss) {
            if (++seen == last) {
              throw interruption;
            }
          }
        };
    Path output = folder.resolve("interrupted");
    assertThrows(IllegalStateException.class, () -> train(output, interrupting));
    Nd4j.getRandom().setSeed(5); // as if in a new process
    MultiLayerNetwork network = train(output, new TrainingObserver() {});
    assertArrayEquals(
        expected.params().dup().data().asFloat(), network.params().dup().data().asFloat());
    assertEquals(expected.getIterationCount(), network.getIterationCount());
    assertEquals(EPOCHS, network.getEpochCount());
    assertEquals(results(folder.resolve("whole")), results(output));
  }

  @Test
  void theBestPassIsTheFirstOfThoseWithTheHighestPrecision() {
    TrainingState state = new TrainingState(OPTIONS);
    List<Boolean> best = new ArrayList<>();
    for (double map : new double[] {0, 0.2, 0.1, 0.2, 0.3}) {
      EpochResult result = new EpochResult(best.size() + 1, 1, 1 - map, map, 1, 1);
      best.add(state.isBest(result));
      state.epochEnded(result);
    }
    assertEquals(List.of(true, true, false, false, true), best);
  }

  @Test
  void withoutAnyPrecisionTheLastPassIsTheBest() {
    List<Boolean> best = new ArrayList<>();
    train(
        folder,
        new TrainingObserver() {
          @Override
          public void measured(ObjectDetector detector, List<EpochResult> all, boolean isBest) {
            assertEquals(best.size() + 1, all.size());
            best.add(isBest);
          }
        });
    assertEquals(Collections.nCopies(EPOCHS, true), best);
  }

  private static List<Double> results(Path output) {
    Optional<Checkpoint<TrainingState>> newest =
        new CheckpointFolder(output, Map.of()).newest(TrainingState.class);
    return newest.orElseThrow().getState().getResults().stream()
        .map(EpochResult::getLoss)
        .collect(Collectors.toList());
  }
}
