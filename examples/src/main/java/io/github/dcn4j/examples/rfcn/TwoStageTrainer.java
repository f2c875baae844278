package io.github.dcn4j.examples.rfcn;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.anchors.AnchorGrid;
import io.github.dcn4j.detection.anchors.Anchors;
import io.github.dcn4j.detection.data.DetectionDataset;
import io.github.dcn4j.detection.data.ImageBatches;
import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.detection.proposals.LossAndGradient;
import io.github.dcn4j.detection.proposals.ProposalLoss;
import io.github.dcn4j.detection.proposals.RegionLoss;
import io.github.dcn4j.detection.proposals.Roi;
import io.github.dcn4j.examples.checkpoint.Checkpoint;
import io.github.dcn4j.examples.checkpoint.CheckpointFolder;
import io.github.dcn4j.examples.detect.TrainingLoop;
import io.github.dcn4j.examples.detect.TrainingObserver;
import io.github.dcn4j.examples.detect.TrainingOptions;
import io.github.dcn4j.examples.detect.TrainingState;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import lombok.RequiredArgsConstructor;
import lombok.extern.slf4j.Slf4j;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Trains two-stage detectors on one data set and measures them on another after each pass.
 *
 * <p>Detectors of different poolings see the same images in the same order.
 */
@Slf4j
@RequiredArgsConstructor
public final class TwoStageTrainer {
  /** Highest learning rate that suits all kinds of pooling. */
  public static final double LEARNING_RATE = 4e-3;

  /** The side of a training image is a multiple of this, in pixels. */
  public static final int STRIDE = TwoStageNetwork.STRIDE;

  private static final int ANCHORS = 3;

  private final TrainingOptions options;
  private final DetectionDataset training;
  private final DetectionDataset heldOut;

  /**
   * Trains one detector, from the newest checkpoint if there is one.
   *
   * @param checkpoints of this pooling
   * @param observer is told of the progress
   * @return the detector after the last pass
   * @throws ArithmeticException if the loss stops being a number
   */
  public TwoStageDetector train(
      Pooling pooling, CheckpointFolder checkpoints, TrainingObserver observer) {
    TrainingLoop loop = new TrainingLoop(options, training, heldOut, checkpoints);
    Optional<Checkpoint<TrainingState>> checkpoint = checkpoints.resume(TrainingState.class);
    int side = training.get(0).getImage().getWidth();
    ComputationGraph network =
        checkpoint
            .map(Checkpoint::computationGraph)
            .orElseGet(() -> fresh(pooling, side, loop.steps()));
    log.debug("{}", network.summary());
    TwoStageDetector detector = new TwoStageDetector(network, pooling, training.labels(), side);
    AnchorGrid grid = TwoStageNetwork.anchorGrid(network, side);
    loop.run(new TwoStageLearner(detector, grid), checkpoint, observer);
    return detector;
  }

  private ComputationGraph fresh(Pooling pooling, int side, int steps) {
    double[][] sizes = Anchors.of(training, ANCHORS, options.getSeed());
    return TwoStageNetwork.create(pooling, sizes, training.labels().size(), side, steps, options);
  }

  /**
   * One step of the network's updater.
   *
   * @param grid the anchors of the first stage
   * @return the loss before it
   */
  static double learn(ComputationGraph network, AnchorGrid grid, LabelledImage... images) {
    INDArray[] inputs = {ImageBatches.features(images), Roi.toArray(truth(images))};
    Map<String, INDArray> seen = network.feedForward(inputs, true, false);
    INDArray rois = seen.get(TwoStageNetwork.ROIS);

    LossAndGradient loss = new LossAndGradient();
    INDArray ofProposals =
        ProposalLoss.add(loss, seen.get(TwoStageNetwork.PROPOSALS), grid, images);
    INDArray[] ofRegions =
        RegionLoss.add(
            loss,
            seen.get(TwoStageNetwork.CLASSES),
            seen.get(TwoStageNetwork.BOXES),
            Roi.fromArray(rois),
            images);

    Gradient gradient =
        network.backpropGradient(ofProposals, rois.like(), ofRegions[0], ofRegions[1]);
    int iteration = network.getIterationCount();
    network
        .getUpdater()
        .update(gradient, iteration, 0, images.length, LayerWorkspaceMgr.noWorkspaces());
    INDArray parameters = network.params();
    parameters.subi(network.getFlattenedGradients().reshape(parameters.shape()));
    network.getConfiguration().setIterationCount(iteration + 1);
    network.clearLayersStates();
    return loss.sum();
  }

  private static List<Roi> truth(LabelledImage... images) {
    List<Roi> rois = new ArrayList<>();
    for (int i = 0; i < images.length; i++) {
      for (Box box : images[i].getBoxes()) {
        rois.add(new Roi(i, box));
      }
    }
    return rois;
  }

  /** The losses of both stages. */
  @RequiredArgsConstructor
  private static final class TwoStageLearner implements TrainingLoop.Learner {
    private final TwoStageDetector detector;
    private final AnchorGrid grid;

    @Override
    public TwoStageDetector detector() {
      return detector;
    }

    @Override
    public double learn(LabelledImage... images) {
      return TwoStageTrainer.learn(detector.getNetwork(), grid, images);
    }
  }
}
