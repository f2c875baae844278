package io.github.dcn4j.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.detection.data.DetectionDataset;
import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.examples.data.DigitScenes;
import io.github.dcn4j.examples.rfcn.TwoStageDetector;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TwoStageCommandTest {
  private final CommandRun program = new CommandRun();

  @TempDir Path folder;

  private void run(String... arguments) {
    assertEquals(0, program.execute(arguments), program.err());
  }

  @Test
  void oneOfAnInterruptedTrainingsNetworksIsNotTrainedAnew() throws IOException {
    String line = "train-two-stage --layer plain --epochs 1 --images 2 --held-out 1 --batch 2";
    String[] all = (line + " --output " + folder).split(" ");
    String[] one = (line + " --pooling none --output " + folder).split(" ");
    Path picture = Files.createDirectory(folder.resolve("none-detections.png"));
    Path obstacle = Files.createFile(picture.resolve("obstacle"));
    assertEquals(
        3, program.execute(all)); // ends when the first network is trained, before the others
    Path checkpoints = folder.resolve("checkpoints");
    Path checkpoint = checkpoints.resolve("none/0000000001.checkpoint");
    FileTime written = Files.getLastModifiedTime(checkpoint);
    assertEquals(2, program.execute(one));
    assertTrue(program.err().contains("--resume"), program.err());
    assertEquals(written, Files.getLastModifiedTime(checkpoint));

    Files.delete(obstacle);
    Files.delete(picture);
    Files.delete(checkpoints.resolve("deformable"));
    Files.delete(checkpoints.resolve("modulated"));
    run(one); // over the results of a finished one
    assertTrue(Files.isRegularFile(picture));
  }

  @Test
  void allPoolingsAreTrainedComparedShownAndSaved() throws IOException {
    Path output = folder.resolve("new/folder");
    run(
        "train-two-stage",
        "--epochs",
        "1",
        "--images",
        "8",
        "--held-out",
        "2",
        "--batch",
        "4",
        "--output",
        output.toString());
    assertEquals(3, program.out().lines().filter(l -> l.startsWith("epoch")).count());
    String row =
        "\\| (Plain|Deformable|Modulated deformable) position-sensitive pooling"
            + " \\| 0\\.\\d{3} \\| 0\\.\\d{3} \\| \\d+ \\|";
    assertEquals(3, program.out().lines().filter(l -> l.matches(row)).count(), program.out());
    for (String picture :
        List.of(
            "none-detections.png",
            "deformable-detections.png",
            "deformable-bins.png",
            "modulated-detections.png",
            "modulated-bins.png")) {
      assertNotNull(ImageIO.read(output.resolve(picture).toFile()), picture);
    }
    LabelledImage scene = DigitScenes.heldOut(1, 1).get(0);
    for (String model : List.of("none", "deformable", "modulated")) {
      TwoStageDetector detector = TwoStageDetector.load(output.resolve(model + "-best.zip"));
      assertEquals(10, detector.getLabels().size());
      assertEquals(model, detector.getPooling().name().toLowerCase());
      assertEquals(1, detector.detect(List.of(scene)).size());
    }
  }

  @Test
  void aVocFolderIsTrainedOnWithPlainLayers() throws IOException {
    Path data = folder.resolve("voc");
    DetectionDataset scenes = DigitScenes.training(10, 1);
    List<LabelledImage> images =
        IntStream.range(0, scenes.size()).mapToObj(scenes::get).collect(Collectors.toList());
    VocFolders.write(data, images);
    Path output = folder.resolve("out");
    run(
        "train-two-stage",
        "--data",
        data.toString(),
        "--size",
        "64",
        "--pooling",
        "none",
        "--layer",
        "plain",
        "--epochs",
        "1",
        "--batch",
        "4",
        "--output",
        output.toString());
    assertTrue(program.out().contains("8 training images an epoch, 2 held out"), program.out());
    assertNotNull(ImageIO.read(output.resolve("none-detections.png").toFile()));
  }
}
