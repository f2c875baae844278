package io.github.dcn4j.detection.first;

import io.github.dcn4j.detection.Detection;
import io.github.dcn4j.detection.MeanAveragePrecision;
import io.github.dcn4j.detection.anchors.Anchors;
import io.github.dcn4j.detection.data.AnnotatedImages;
import io.github.dcn4j.detection.data.DetectionDataset;
import io.github.dcn4j.detection.data.ImageBatches;
import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.detection.yolo.Yolo2Decoder;
import io.github.dcn4j.detection.yolo.Yolo2Labels;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.objdetect.Yolo2OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/** Trains a small YOLO on the images of a folder, and measures it on those held out. */
public class FirstDetector {
  private static final int SIDE = 64; // rows and columns of the images, in pixels
  private static final int CELL = 8; // pixels to a cell of the network's output
  private static final int BATCH = 8;

  public static void main(String[] arguments) {
    AnnotatedImages images = AnnotatedImages.open(Path.of(arguments[0]), 1); // VOC or COCO
    DetectionDataset training = images.training(SIDE);
    DetectionDataset heldOut = images.heldOut(SIDE);
    int classes = images.getLabels().size();
    double[][] anchors = Anchors.of(training, 2, 1); // width and height, in pixels

    MultiLayerNetwork network = network(anchors, classes);
    for (int epoch = 0; epoch < Integer.parseInt(arguments[1]); epoch++) {
      for (int start = 0; start < training.size(); start += BATCH) {
        LabelledImage[] batch =
            IntStream.range(start, Math.min(training.size(), start + BATCH))
                .mapToObj(training::get)
                .toArray(LabelledImage[]::new);
        network.fit(Yolo2Labels.minibatch(classes, SIDE / CELL, batch));
      }
    }

    MeanAveragePrecision precision = new MeanAveragePrecision(classes);
    for (int i = 0; i < heldOut.size(); i++) {
      LabelledImage image = heldOut.get(i);
      INDArray output = network.output(ImageBatches.features(image));
      List<Detection> found = Yolo2Decoder.decode(output, anchors.length, CELL, 0.05, 0.45).get(0);
      precision.add(image.getBoxes(), found);
    }
    System.out.printf(
        "%d images held out: mAP@0.5 %.3f, mAP@[.5:.95] %.3f%n",
        heldOut.size(), precision.mean(0.5), precision.meanOverThresholds());
  }

  private static MultiLayerNetwork network(double[][] anchors, int classes) {
    INDArray priors = Nd4j.create(anchors).div(CELL).castTo(Nd4j.defaultFloatingPointType());
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            new NeuralNetConfiguration.Builder()
                .seed(1)
                .updater(new Adam(0.002))
                .activation(Activation.RELU)
                .list()
                .layer(new ConvolutionLayer.Builder(CELL, CELL).stride(CELL, CELL).nOut(32).build())
                .layer(new ConvolutionLayer.Builder(3, 3).padding(1, 1).nOut(32).build())
                .layer(
                    new ConvolutionLayer.Builder(1, 1)
                        .nOut(anchors.length * (5 + classes))
                        .activation(Activation.IDENTITY)
                        .build())
                .layer(new Yolo2OutputLayer.Builder().boundingBoxPriors(priors).build())
                .setInputType(InputType.convolutional(SIDE, SIDE, 3))
                .build());
    network.init();
    return network;
  }
}
