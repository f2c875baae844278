package io.github.dcn4j.examples.rfcn;

import io.github.dcn4j.examples.data.Box;
import io.github.dcn4j.examples.data.DetectionDataset;
import io.github.dcn4j.examples.data.LabelledImage;
import io.github.dcn4j.examples.detect.Anchors;
import io.github.dcn4j.examples.detect.DetectionBatches;
import io.github.dcn4j.examples.detect.EpochResult;
import io.github.dcn4j.examples.detect.MeanAveragePrecision;
import io.github.dcn4j.examples.detect.Trainer;
import io.github.dcn4j.examples.detect.TrainingObserver;
import io.github.dcn4j.examples.detect.TrainingOptions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
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
  private static final int ANCHORS = 3;

  private final TrainingOptions options;
  private final DetectionDataset training;
  private final DetectionDataset heldOut;

  /**
   * Trains one detector.
   *
   * @param observer is told of the progress
   * @return the detector after the last pass
   * @throws ArithmeticException if the loss stops being a number
   */
  public TwoStageDetector train(Pooling pooling, TrainingObserver observer) {
    int side = training.get(0).getImage().getWidth();
    double[][] sizes = Anchors.of(training, ANCHORS, options.getSeed());
    int batches = (training.size() + options.getBatchSize() - 1) / options.getBatchSize();
    ComputationGraph network =
        TwoStageNetwork.create(
            pooling, sizes, training.labels().size(), side, batches * options.getEpochs(), options);
    log.debug("{}", network.summary());
    TwoStageDetector detector = new TwoStageDetector(network, pooling, training.labels());
    AnchorGrid grid = new AnchorGrid(sizes, side / TwoStageNetwork.STRIDE, TwoStageNetwork.STRIDE);
    Random random = new Random(options.getSeed());
    for (int epoch = 0; epoch < options.getEpochs(); epoch++) {
      observer.epochStarted(epoch + 1, training.size());
      long start = System.nanoTime();
      int[] order = Trainer.shuffled(training.size(), random);
      double loss = pass(network, grid, training.forEpoch(epoch), order, observer);
      long trained = System.nanoTime();
      observer.evaluationStarted();
      MeanAveragePrecision precision = Trainer.evaluate(detector, heldOut);
      observer.epochEnded(
          new EpochResult(
              epoch + 1,
              loss,
              precision.mean(0.5),
              precision.meanOverThresholds(),
              (trained - start) / 1e9,
              (System.nanoTime() - trained) / 1e9));
    }
    return detector;
  }

  /** One pass over the images; the mean loss of its minibatches. */
  private double pass(
      ComputationGraph network,
      AnchorGrid grid,
      DetectionDataset images,
      int[] order,
      TrainingObserver observer) {
    double sum = 0;
    int batches = 0;
    for (int start = 0; start < order.length; start += options.getBatchSize()) {
      int end = Math.min(start + options.getBatchSize(), order.length);
      LabelledImage[] batch =
          Arrays.stream(order, start, end)
              .parallel()
              .mapToObj(images::get)
              .toArray(LabelledImage[]::new);
      double loss = learn(network, grid, batch);
      if (!Double.isFinite(loss)) {
        throw new ArithmeticException(
            "the loss became " + loss + " in this epoch: try a lower learning rate");
      }
      sum += loss;
      batches++;
      observer.imagesSeen(end, loss);
    }
    return sum / batches;
  }

  /**
   * One step of the network's updater.
   *
   * @param grid the anchors of the first stage
   * @return the loss before it
   */
  static double learn(ComputationGraph network, AnchorGrid grid, LabelledImage... images) {
    INDArray[] inputs = {DetectionBatches.features(images), Roi.toArray(truth(images))};
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
}
