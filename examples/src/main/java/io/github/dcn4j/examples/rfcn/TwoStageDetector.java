package io.github.dcn4j.examples.rfcn;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.Detection;
import io.github.dcn4j.detection.data.ImageBatches;
import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.detection.proposals.RegionDecoder;
import io.github.dcn4j.detection.proposals.Roi;
import io.github.dcn4j.examples.detect.ModelDescription;
import io.github.dcn4j.examples.detect.ObjectDetector;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import lombok.Getter;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A two-stage network, as {@link TwoStageNetwork} makes it, with what its output means. */
public final class TwoStageDetector implements ObjectDetector {
  /** Detections less sure than this are not worth ranking. */
  private static final double MIN_PROBABILITY = 0.02;

  /** Of two detections of one class that overlap more than this, the surer one stays. */
  private static final double MAX_IOU = 0.45;

  @Getter private final ModelDescription description;
  @Getter private final ComputationGraph network;
  @Getter private final Pooling pooling;

  /** Joins a network as {@link TwoStageNetwork} makes it with what its output means. */
  public TwoStageDetector(ModelDescription description, ComputationGraph network) {
    if (description.getKind() != ModelDescription.Kind.TWO_STAGE) {
      throw new IllegalArgumentException("kind: expected two-stage, got another");
    }
    this.description = description;
    this.network = network;
    pooling = Pooling.valueOf(String.valueOf(description.getPooling()).toUpperCase(Locale.ROOT));
  }

  /**
   * Joins a network with what its output means.
   *
   * @param network as {@link TwoStageNetwork} makes it, with this pooling
   * @param labels class names, in the order of the network's classes
   * @param side rows and columns of the input
   */
  TwoStageDetector(ComputationGraph network, Pooling pooling, List<String> labels, int side) {
    this(
        new ModelDescription(
            ModelDescription.Kind.TWO_STAGE,
            pooling.name().toLowerCase(Locale.ROOT),
            labels,
            side,
            TwoStageNetwork.anchors(network)),
        network);
  }

  /**
   * Reads a model file.
   *
   * @throws io.github.dcn4j.examples.UserInputException in one line that names the file, if it is
   *     none of a two-stage detector
   */
  public static TwoStageDetector load(Path file) {
    return ModelDescription.load(file, TwoStageDetector::new);
  }

  @Override
  public INDArray[] inputs(LabelledImage... images) {
    return inputs(List.of(), images);
  }

  @Override
  public List<List<Detection>> detect(List<LabelledImage> images) {
    INDArray[] outputs = network.output(inputs(images.toArray(new LabelledImage[0])));
    return RegionDecoder.decode(
        outputs[1], outputs[2], outputs[3], images.size(), getSide(), MIN_PROBABILITY, MAX_IOU);
  }

  private static INDArray[] inputs(List<Roi> wanted, LabelledImage... images) {
    return new INDArray[] {ImageBatches.features(images), Roi.toArray(wanted)};
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
    float[] binOffsets = pooling.binOffsets(network, seen);
    int plane = Pooling.BINS * Pooling.BINS;
    int first = binOffsets.length - boxes.size() * 3 * plane; // after those of the proposals
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
                binOffsets[at],
                binOffsets[at + plane],
                binOffsets[at + 2 * plane]));
      }
      all.add(bins);
    }
    return all;
  }
}
