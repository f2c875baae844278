package io.github.dcn4j.detection;

import io.github.dcn4j.detection.data.AnnotatedImages;
import io.github.dcn4j.detection.data.BadFiles;
import io.github.dcn4j.detection.data.DetectionDataset;
import io.github.dcn4j.detection.data.ImageFiles;
import io.github.dcn4j.detection.data.Letterbox;
import io.github.dcn4j.detection.proposals.ProposalVertex;
import io.github.dcn4j.detection.yolo.YoloDecoder;
import io.github.dcn4j.detection.yolo.YoloLoss;
import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.util.List;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.layers.CnnLossLayer;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The code of README.md, which {@code ReadmeTest} of dl4j-layer finds here but for spaces. */
final class ReadmeSnippets {
  private ReadmeSnippets() {}

  static AnnotatedImages folder(Path folder) {
    BadFiles badFiles = new BadFiles(BadFiles.Policy.SKIP);
    AnnotatedImages images =
        AnnotatedImages.open(folder, 1, badFiles).readable(320, true, badFiles, () -> {});
    badFiles.complaints().forEach(System.out::println); // what was left out, and why
    DetectionDataset training = images.augmented(320); // training.forEpoch(n) varies them anew
    DetectionDataset heldOut = images.heldOut(320);
    return training.size() + heldOut.size() == images.size() ? images : null;
  }

  static List<Detection> decode(INDArray output, double[][] anchorsInCells) {
    List<List<Detection>> found = YoloDecoder.decode(output, anchorsInCells, 8, 0.05, 0.45);
    return found.get(0);
  }

  static List<Detection> suppress(List<Detection> detections) {
    List<Detection> best = NonMaximumSuppression.apply(detections, 0.5, 100);
    List<Detection> bestOfEachClass = NonMaximumSuppression.applyPerClass(detections, 0.5);
    return bestOfEachClass.containsAll(best) ? best : bestOfEachClass;
  }

  static double measure(List<Box> truths, List<Detection> detections) {
    MeanAveragePrecision precision = new MeanAveragePrecision(2); // classes
    precision.add(truths, detections); // for each image
    double map50 = precision.mean(0.5);
    double map = precision.meanOverThresholds(); // 0.5, 0.55, … 0.95
    double[][] curve = precision.precisionAndRecall(0, 0.5); // of class 0
    return curve[0].length > 0 ? map50 : map;
  }

  static Box inImage(Path file, Box found) {
    BufferedImage image = ImageFiles.read(file); // upright, RGB
    Letterbox letterbox = new Letterbox(image.getWidth(), image.getHeight(), 320);
    BufferedImage square = letterbox.draw(image); // what the network takes
    Box box = letterbox.toImage(found); // what it found, in the image's own pixels
    return square.getWidth() == 320 ? box : null;
  }

  static void graph(GraphBuilder graph, double[][] anchors, double[][] anchorsInCells) {
    graph.addVertex("rois", new ProposalVertex(anchors, 8, 24), "proposals", "wanted");
    graph.addLayer("boxes", new CnnLossLayer.Builder(new YoloLoss(anchorsInCells)).build(), "head");
  }
}
