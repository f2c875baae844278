package io.github.dcn4j.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.examples.checkpoint.Json;
import io.github.dcn4j.examples.data.DigitScenes;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.shade.jackson.databind.JsonNode;
import picocli.CommandLine;

/** Models of both kinds are trained for a moment, and used. */
class UseCommandsTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @TempDir Path folder;

  private int run(String line) {
    CommandLine commandLine = Main.commandLine();
    commandLine.setOut(new PrintWriter(out, true));
    commandLine.setErr(new PrintWriter(err, true));
    return commandLine.execute(line.replace("DIR", folder.toString()).split(" "));
  }

  private void image(String name, int width, int height) throws IOException {
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < 500; i++) {
      image.setRGB(i * 37 % width, i * 91 % height, i * 0x50607);
    }
    Path source = Files.createDirectories(folder.resolve("source"));
    ImageIO.write(image, "png", source.resolve(name).toFile());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "train --data DIR/voc --size 128 --output DIR/o --epochs 1 --batch 4",
        "train-two-stage --pooling modulated --data DIR/voc --size 128 --output DIR/o --epochs 1"
            + " --batch 2"
      })
  void aTrainedModelIsUsed(String training) throws IOException {
    List<LabelledImage> scenes = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      scenes.add(DigitScenes.training(6, 1).get(i));
    }
    VocFolders.write(folder.resolve("voc"), scenes);
    assertEquals(0, run(training), err.toString());
    String model = training.startsWith("train ") ? "best.zip" : "modulated-best.zip";
    assertTrue(out.toString().contains("detect --model " + folder.resolve("o").resolve(model)));
    image("wide.png", 300, 50);
    image("small.png", 20, 31);
    Files.writeString(folder.resolve("source/.hidden.png"), "no image");
    String detect =
        "detect --source DIR/source --output DIR/found --min-score 0 --model DIR/o/" + model;
    assertEquals(0, run(detect + " --show-sampling 1 --point 10,20"), err.toString());
    assertNotNull(ImageIO.read(folder.resolve("found/wide.png-detections.png").toFile()));
    assertNotNull(ImageIO.read(folder.resolve("found/small.png-sampling.png").toFile()));
    JsonNode images =
        Json.read(Files.readAllBytes(folder.resolve("found/detections.json"))).get("images");
    assertEquals(2, images.size());
    for (JsonNode image : images) {
      double last = 1;
      for (JsonNode detection : image.get("detections")) {
        JsonNode box = detection.get("box");
        assertTrue(0 <= box.get("x1").asDouble() && 0 <= box.get("y1").asDouble());
        assertTrue(box.get("x1").asDouble() < box.get("x2").asDouble());
        assertTrue(box.get("x2").asDouble() <= image.get("width").asDouble());
        assertTrue(box.get("y2").asDouble() <= image.get("height").asDouble());
        assertTrue(detection.get("score").asDouble() <= last);
        last = detection.get("score").asDouble();
      }
    }

    refusals("detect --show-sampling --model DIR/o/" + model);

    String evaluate = "evaluate --data DIR/voc --output DIR/e --part %s --model DIR/o/";
    assertEquals(0, run(String.format(evaluate, "all") + model), err.toString());
    assertTrue(out.toString().contains("6 images"), out.toString());
    assertEquals(0, run(String.format(evaluate, "training") + model), err.toString());
    assertTrue(out.toString().contains("5 images"), out.toString());
    assertTrue(out.toString().contains("| mean | | | 0."), out.toString());
    assertNotNull(ImageIO.read(folder.resolve("e/precision-recall.png").toFile()));

    byte[] bytes = Files.readAllBytes(folder.resolve("o").resolve(model));
    Files.write(folder.resolve("o").resolve(model), Arrays.copyOf(bytes, bytes.length / 2));
    err.getBuffer().setLength(0);
    assertEquals(2, run(detect));
    assertEquals(1, err.toString().lines().count(), err.toString());
    assertTrue(err.toString().contains(model), err.toString());
  }

  private void refusals(String detect) {
    assertRefused(detect + " --point 30,9 --source DIR/source/small.png", 1, "small.png: --point:");
    assertRefused(detect + " --point 400,10 --source DIR/source", 3, "none of the images");
    assertRefused(detect + " --source DIR/source/.hidden.png", 1, "not an image");
    assertRefused(detect + " --source DIR/source --output DIR/o/../source", 1, "another folder");
    assertTrue(Files.notExists(folder.resolve("source/small.png-detections.png")));
  }

  private void assertRefused(String detect, int lines, String reason) {
    err.getBuffer().setLength(0);
    String line = detect.contains("--output") ? detect : detect + " --output DIR/none";
    assertEquals(2, run(line));
    assertEquals(lines, err.toString().lines().count(), err.toString());
    assertTrue(err.toString().contains(reason), err.toString());
    assertTrue(Files.notExists(folder.resolve("none")));
  }

  @Test
  void aTrainingFromTheStartKeepsNothingOfAnEarlierOne() throws IOException {
    Path output = Files.createDirectories(folder.resolve("o"));
    String training = "train --output DIR/o --epochs 1 --images 2 --held-out 1 --batch 2";
    for (String name : List.of("best.zip", "last.zip", "results.csv")) {
      Files.writeString(output.resolve(name), "of an earlier training");
    }
    Files.createDirectories(output.resolve("last.zip.part")); // so that none is written
    assertEquals(3, run(training), err.toString());
    assertTrue(Files.notExists(output.resolve("last.zip")));
    assertTrue(Files.notExists(output.resolve("results.csv")));
    Files.deleteIfExists(output.resolve("last.zip.part"));
    assertEquals(0, run(training), err.toString());
    Files.delete(output.resolve("best.zip"));
    out.getBuffer().setLength(0);
    assertEquals(0, run(training + " --resume"), err.toString());
    assertTrue(out.toString().contains("detect --model " + output.resolve("last.zip")));
    assertTrue(out.toString().contains("Written to " + output + ": last.zip, results.csv, det"));
  }

  @Test
  void aFullDiskIsNamed() throws IOException {
    Path full = Path.of("/dev/full");
    assumeTrue(Files.exists(full), "needs Linux's device that is always full, " + full);
    Path output = Files.createDirectories(folder.resolve("o"));
    Files.createSymbolicLink(output.resolve("last.zip.part"), full);
    assertEquals(3, run("train --output DIR/o --epochs 1 --images 2 --held-out 1 --batch 2"));
    String line = err.toString();
    assertTrue(line.contains(output.resolve("last.zip") + ": No space left on device"), line);
    assertEquals(1, line.lines().count(), line);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "evaluate --part some     | '--part': expected one of held_out, training, all, got 'some'",
        "train --on-bad-file keep | '--on-bad-file': expected one of refuse, skip, got 'keep'",
        "compare --layers v1,v9   | expected one of plain, v1, v2, v3, v4",
      })
  void choicesAreListedAsTheyAreGiven(String line, String complaint) {
    assertEquals(2, run(line));
    assertTrue(err.toString().contains(complaint), err.toString());
    assertEquals(1, err.toString().lines().count(), err.toString());
    assertEquals(0, run(line.substring(0, line.indexOf(' ')) + " --help"));
    String help = out.toString().replaceAll("\\s+", " ");
    String choices = complaint.replaceAll(".*one of |, got.*", "");
    assertTrue(help.contains(choices), help);
  }

  @Test
  void helpListsExitCodesChoicesAndTheVersionOption() {
    assertEquals(0, run("train --help"));
    assertTrue(out.toString().contains("Exit codes:"), out.toString());
    assertTrue(out.toString().contains("plain, v1, v2, v3,"), out.toString());
    assertEquals(0, run("--version"));
    assertTrue(out.toString().contains("dcn4j-examples "), out.toString());
  }
}
