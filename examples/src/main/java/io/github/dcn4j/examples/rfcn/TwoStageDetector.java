package io.github.dcn4j.examples.rfcn;

import io.github.dcn4j.examples.checkpoint.AtomicFile;
import io.github.dcn4j.examples.data.Box;
import io.github.dcn4j.examples.data.LabelledImage;
import io.github.dcn4j.examples.detect.Detection;
import io.github.dcn4j.examples.detect.DetectionBatches;
import io.github.dcn4j.examples.detect.NonMaximumSuppression;
import io.github.dcn4j.examples.detect.ObjectDetector;
import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import lombok.Getter;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.util.ModelSerializer;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A two-stage network together with what its output means.
 *
 * <p>A saved detector is an ordinary Deeplearning4j model file, which {@code
 * ModelSerializer.restoreComputationGraph} reads too; its pooling and the class names are in two
 * further entries.
 */
public final class TwoStageDetector implements ObjectDetector {
  /** Detections less sure than this are not worth ranking. */
  private static final double MIN_PROBABILITY = 0.02;

  /** Of two detections of one class that overlap more than this, the surer one stays. */
  private static final double MAX_IOU = 0.45;

  private static final String LABELS_ENTRY = "dcn4j-labels";

  private static final String POOLING_ENTRY = "dcn4j-pooling";

  @Getter private final ComputationGraph network;
  @Getter private final Pooling pooling;
  @Getter private final List<String> labels;

  /** Joins a network as {@link TwoStageNetwork} makes it with the names of its classes. */
  TwoStageDetector(ComputationGraph network, Pooling pooling, List<String> labels) {
    this.network = network;
    this.pooling = pooling;
    this.labels = List.copyOf(labels);
  }

  @Override
  public List<List<Detection>> detect(List<LabelledImage> images) {
    List<List<Detection>> found = new ArrayList<>();
    images.forEach(image -> found.add(new ArrayList<>()));
    int side = images.get(0).getImage().getWidth();
    INDArray[] outputs = network.output(inputs(List.of(), images.toArray(new LabelledImage[0])));
    List<Roi> rois = Roi.fromArray(outputs[1]);
    float[][] scores = Rows.of(outputs[2]);
    float[][] deltas = Rows.of(outputs[3]);
    for (int i = 0; i < scores.length; i++) {
      LossAndGradient.softmax(scores[i]);
      for (int label = 0; label < labels.size(); label++) {
        if (scores[i][1 + label] >= MIN_PROBABILITY) {
          Box box = BoxDeltas.decode(deltas[i], rois.get(i).getBox(), label);
          found
              .get(rois.get(i).getImage())
              .add(new Detection(ProposalVertex.clip(box, side), scores[i][1 + label]));
        }
      }
    }
    found.replaceAll(detections -> NonMaximumSuppression.strongestOfEachLabel(detections, MAX_IOU));
    return found;
  }

  private static INDArray[] inputs(List<Roi> wanted, LabelledImage... images) {
    return new INDArray[] {DetectionBatches.features(images), Roi.toArray(wanted)};
  }

  /**
   * The bins of some boxes, and where they moved.
   *
   * @param boxes in the image's pixels
   * @return for each box its k² bins, row by row
   * @throws UnsupportedOperationException if the pooling is {@link Pooling#NONE}
   */
  List<List<Bin>> bins(LabelledImage image, List<Box> boxes) {
    List<Roi> wanted =
        boxes.stream().map(box -> new Roi(0, box)).collect(Collectors.toUnmodifiableList());
    Map<String, INDArray> seen = network.feedForward(inputs(wanted, image), false);
    float[] moves = pooling.moves(network, seen);
    int plane = Pooling.BINS * Pooling.BINS;
    int first = moves.length - boxes.size() * 3 * plane; // after those of the proposals
    List<List<Bin>> all = new ArrayList<>();
    for (int b = 0; b < boxes.size(); b++) {
      List<Bin> bins = new ArrayList<>();
      for (int i = 0; i < plane; i++) {
        int at = first + b * 3 * plane + i;
        bins.add(
            Bin.of(
                boxes.get(b),
                i / Pooling.BINS,
                i % Pooling.BINS,
                moves[at],
                moves[at + plane],
                moves[at + 2 * plane]));
      }
      all.add(bins);
    }
    return all;
  }

  /** Writes the network, its updater's state, its pooling and the labels to one file. */
  public void save(File file) throws IOException {
    AtomicFile.write(
        file.toPath(),
        part -> {
          network.save(part.toFile(), true);
          ModelSerializer.addObjectToFile(part.toFile(), LABELS_ENTRY, new ArrayList<>(labels));
          ModelSerializer.addObjectToFile(part.toFile(), POOLING_ENTRY, pooling);
        });
  }

  /** Reads what {@link #save} wrote. */
  public static TwoStageDetector load(File file) throws IOException {
    ComputationGraph network = ModelSerializer.restoreComputationGraph(file);
    List<String> labels = ModelSerializer.getObjectFromFile(file, LABELS_ENTRY);
    Pooling pooling = ModelSerializer.getObjectFromFile(file, POOLING_ENTRY);
    return new TwoStageDetector(network, pooling, labels);
  }
}
