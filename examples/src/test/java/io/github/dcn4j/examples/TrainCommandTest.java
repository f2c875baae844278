package io.github.dcn4j.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.examples.data.Box;
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
    Files.createDirectories(data.resolve("JPEGImages"));
    Files.createDirectories(data.resolve("Annotations"));
    DetectionDataset scenes = DigitScenes.training(20, 1);
    for (int i = 0; i < scenes.size(); i++) {
      LabelledImage scene = scenes.get(i);
      ImageIO.write(scene.getImage(), "png", data.resolve("JPEGImages/" + i + ".png").toFile());
      // One image has no objects.
      String xml = xml(i == 3 ? List.of() : scene.getBoxes());
      Files.writeString(data.resolve("Annotations/" + i + ".xml"), xml);
    }
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

  private static String xml(List<Box> boxes) {
    StringBuilder xml = new StringBuilder("<annotation>");
    for (Box box : boxes) {
      xml.append("<object><name>digit ").append(box.getLabel()).append("</name><bndbox><xmin>");
      xml.append(box.getX1() + 1).append("</xmin><ymin>").append(box.getY1() + 1);
      xml.append("</ymin><xmax>").append(box.getX2()).append("</xmax><ymax>").append(box.getY2());
      xml.append("</ymax></bndbox></object>");
    }
    return xml.append("</annotation>").toString();
  }
}
