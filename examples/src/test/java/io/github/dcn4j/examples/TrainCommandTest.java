package io.github.dcn4j.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.examples.data.DetectionDataset;
import io.github.dcn4j.examples.data.DigitScenes;
import io.github.dcn4j.examples.data.LabelledImage;
import io.github.dcn4j.examples.detect.Detector;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class TrainCommandTest {
  private static final Pattern LOSS = Pattern.compile("epoch .*loss +([0-9.]+) ");

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @TempDir Path folder;

  private void train(String... arguments) {
    CommandLine commandLine = Main.commandLine();
    commandLine.setOut(new PrintWriter(out, true));
    commandLine.setErr(new PrintWriter(err, true));
    assertEquals(0, commandLine.execute(arguments), err.toString());
  }

  private void assertTrained(Path output, int epochs) throws IOException {
    double previous = Double.POSITIVE_INFINITY;
    Matcher losses = LOSS.matcher(out.toString());
    for (int epoch = 0; epoch < epochs; epoch++) {
      assertTrue(losses.find(), out.toString());
      double loss = Double.parseDouble(losses.group(1));
      assertTrue(loss < previous, out.toString());
      previous = loss;
    }
    assertNotNull(ImageIO.read(output.resolve("detections.png").toFile()));
    assertNotNull(ImageIO.read(output.resolve("training-curve.png").toFile()));
  }

  @Test
  void aShortTrainingLowersTheLossAndWritesItsFiles() throws IOException {
    Path output = folder.resolve("new/folder");
    train(
        "train",
        "--epochs",
        "2",
        "--images",
        "48",
        "--held-out",
        "5",
        "--batch",
        "8",
        "--output",
        output.toString());
    assertTrained(output, 2);
    Detector detector = Detector.load(output.resolve("detector.zip").toFile());
    assertEquals(10, detector.getLabels().size());
    LabelledImage scene = DigitScenes.heldOut(1, 1).get(0);
    assertEquals(detector.detect(scene.getImage()), detector.detect(scene.getImage()));
  }

  @Test
  void plainLayersTrainToo() throws IOException {
    train(
        "train",
        "--layer",
        "plain",
        "--epochs",
        "1",
        "--images",
        "8",
        "--held-out",
        "1",
        "--batch",
        "4",
        "--output",
        folder.toString());
    assertTrained(folder, 1);
    assertTrue(out.toString().contains("plain"), out.toString());
  }

  @Test
  void aVocFolderIsTrainedOn() throws IOException {
    Path data = folder.resolve("voc");
    DetectionDataset scenes = DigitScenes.training(20, 1);
    List<LabelledImage> images =
        IntStream.range(0, scenes.size()).mapToObj(scenes::get).collect(Collectors.toList());
    images.set(3, withoutObjects(images.get(3)));
    VocFolders.write(data, images);
    train(
        "train",
        "--data",
        data.toString(),
        "--epochs",
        "2",
        "--batch",
        "4",
        "--output",
        folder.resolve("out").toString());
    assertTrained(folder.resolve("out"), 2);
    assertTrue(out.toString().contains("16 training images an epoch, 4 held out"), out.toString());
  }

  @Test
  void heldOutImagesWithoutObjectsAreNoObstacle() throws IOException {
    Path data = folder.resolve("voc");
    LabelledImage scene = DigitScenes.training(1, 1).get(0);
    VocFolders.write(data, List.of(scene, withoutObjects(scene)));
    Files.createDirectories(data.resolve("ImageSets/Main"));
    Files.writeString(data.resolve("ImageSets/Main/train.txt"), "0");
    train("train", "--data", data.toString(), "--epochs", "1", "--output", folder.toString());
    assertTrained(folder, 1);
    assertTrue(out.toString().contains("NaN"), out.toString());
  }

  private static LabelledImage withoutObjects(LabelledImage image) {
    return new LabelledImage(image.getName(), image.getImage(), List.of());
  }
}
