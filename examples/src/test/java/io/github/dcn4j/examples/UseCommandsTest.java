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

/** Models of both kinds are trained for a moment, and used. */
class UseCommandsTest {
  private final CommandRun program = new CommandRun();

  @TempDir Path folder;

  private int run(String line) {
    return program.execute(line.replace("DIR", folder.toString()).split(" "));
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
    assertEquals(0, run(training), program.err());
    String model = training.startsWith("train ") ? "best.zip" : "modulated-best.zip";
    assertTrue(program.out().contains("detect --model " + folder.resolve("o").resolve(model)));
    image("wide.png", 300, 50);
    image("small.png", 20, 31);
    Files.writeString(folder.resolve("source/.hidden.png"), "no image");
    String detect =
        "detect --source DIR/source --output DIR/found --min-score 0 --model DIR/o/" + model;
    assertEquals(0, run(detect + " --show-sampling 1 --point 10,20"), program.err());
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
    assertEquals(0, run(String.format(evaluate, "all") + model), program.err());
    assertTrue(program.out().contains("6 images"), program.out());
    assertEquals(0, run(String.format(evaluate, "training") + model), program.err());
    assertTrue(program.out().contains("5 images"), program.out());
    assertTrue(program.out().contains("| mean | | | 0."), program.out());
    assertNotNull(ImageIO.read(folder.resolve("e/precision-recall.png").toFile()));

    byte[] bytes = Files.readAllBytes(folder.resolve("o").resolve(model));
    Files.write(folder.resolve("o").resolve(model), Arrays.copyOf(bytes, bytes.length / 2));
    program.forget();
    assertEquals(2, run(detect));
    assertEquals(1, program.err().lines().count(), program.err());
    assertTrue(program.err().contains(model), program.err());
  }

  private void refusals(String detect) {
    assertRefused(detect + " --point 30,9 --source DIR/source/small.png", 1, "small.png: --point:");
    assertRefused(detect + " --point 400,10 --source DIR/source", 3, "none of the images");
    assertRefused(detect + " --source DIR/source/.hidden.png", 1, "not an image");
    assertRefused(detect + " --source DIR/source --output DIR/o/../source", 1, "another folder");
    assertTrue(Files.notExists(folder.resolve("source/small.png-detections.png")));
  }

  private void assertRefused(String detect, int lines, String reason) {
    program.forget();
    String line = detect.contains("--output") ? detect : detect + " --output DIR/none";
    assertEquals(2, run(line));
    assertEquals(lines, program.err().lines().count(), program.err());
    assertTrue(program.err().contains(reason), program.err());
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
    assertEquals(3, run(training), program.err());
    assertTrue(Files.notExists(output.resolve("last.zip")));
    assertTrue(Files.notExists(output.resolve("results.csv")));
    Files.deleteIfExists(output.resolve("last.zip.part"));
    assertEquals(0, run(training), program.err());
    Files.delete(output.resolve("best.zip"));
    program.forget();
    assertEquals(0, run(training + " --resume"), program.err());
    assertTrue(program.out().contains("detect --model " + output.resolve("last.zip")));
    assertTrue(program.out().contains("Written to " + output + ": last.zip, results.csv, det"));
  }

  @Test
  void aFullDiskIsNamed() throws IOException {
    Path full = Path.of("/dev/full");
    assumeTrue(Files.exists(full), "needs Linux's device that is always full, " + full);
    Path output = Files.createDirectories(folder.resolve("o"));
    Files.createSymbolicLink(output.resolve("last.zip.part"), full);
    assertEquals(3, run("train --output DIR/o --epochs 1 --images 2 --held-out 1 --batch 2"));
    String line = program.err();
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
    assertTrue(program.err().contains(complaint), program.err());
    assertEquals(1, program.err().lines().count(), program.err());
    assertEquals(0, run(line.substring(0, line.indexOf(' ')) + " --help"));
    String help = program.out().replaceAll("\\s+", " ");
    String choices = complaint.replaceAll(".*one of |, got.*", "");
    assertTrue(help.contains(choices), help);
  }

  @Test
  void helpListsExitCodesChoicesAndTheVersionOption() {
    assertEquals(0, run("train --help"));
    assertTrue(program.out().contains("Exit codes:"), program.out());
    assertTrue(program.out().contains("plain, v1, v2, v3,"), program.out());
    assertEquals(0, run("--version"));
    assertTrue(program.out().contains("dcn4j-examples "), program.out());
  }
}
