package io.github.dcn4j.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.detection.data.DetectionDataset;
import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.examples.data.DigitScenes;
import io.github.dcn4j.examples.detect.Detector;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainCommandTest {
  private static final Pattern LOSS = Pattern.compile("epoch .*loss +([0-9.]+) ");

  private final CommandRun program = new CommandRun();

  @TempDir Path folder;

  private void train(String... arguments) {
    assertEquals(0, program.execute(arguments), program.err());
  }

  private void assertTrained(Path output, int epochs) throws IOException {
    double previous = Double.POSITIVE_INFINITY;
    Matcher losses = LOSS.matcher(program.out());
    for (int epoch = 0; epoch < epochs; epoch++) {
      assertTrue(losses.find(), program.out());
      double loss = Double.parseDouble(losses.group(1));
      assertTrue(loss < previous, program.out());
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
    Detector detector = Detector.load(output.resolve("best.zip"));
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
    assertTrue(program.out().contains("plain"), program.out());
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
        "--size",
        "64",
        "--no-augment",
        "--epochs",
        "2",
        "--batch",
        "4",
        "--output",
        folder.resolve("out").toString());
    assertTrained(folder.resolve("out"), 2);
    assertTrue(program.out().contains("16 training images an epoch, 4 held out"), program.out());
  }

  @Test
  void badFilesAreNamedAndLeftOutOnDemandOnly() throws IOException {
    Path data = folder.resolve("voc");
    DetectionDataset scenes = DigitScenes.training(10, 1);
    VocFolders.write(
        data, IntStream.range(0, scenes.size()).mapToObj(scenes::get).collect(Collectors.toList()));
    Path image = data.resolve("JPEGImages/3.png");
    Files.write(image, Arrays.copyOf(Files.readAllBytes(image), 500));
    Path annotation = Files.writeString(data.resolve("Annotations/5.xml"), "text");
    Map<Path, Object> before = contents(data);
    String[] arguments = {
      "train",
      "--data",
      data.toString(),
      "--size",
      "64",
      "--epochs",
      "1",
      "--batch",
      "4",
      "--output",
      folder.resolve("out").toString()
    };
    assertEquals(2, program.execute(arguments));
    for (Path bad : List.of(image, annotation)) {
      assertTrue(program.err().contains(bad.toString()), program.err());
    }
    assertTrue(program.err().contains("--on-bad-file skip"), program.err());
    assertFalse(program.out().contains("epoch"), program.out());
    assertFalse(Files.exists(folder.resolve("out")));

    String[] skipping = Arrays.copyOf(arguments, arguments.length + 2);
    skipping[arguments.length] = "--on-bad-file";
    skipping[arguments.length + 1] = "skip";
    train(skipping);
    assertTrained(folder.resolve("out"), 1);
    String end = program.out().substring(program.out().indexOf("Left out"));
    assertTrue(end.startsWith("Left out for what is wrong with them: 2"), end);
    assertTrue(end.contains(image.toString()) && end.contains(annotation.toString()), end);
    assertEquals(before, contents(data));
  }

  private static Map<Path, Object> contents(Path folder) throws IOException {
    Map<Path, Object> contents = new TreeMap<>();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(Files::isRegularFile).collect(Collectors.toList())) {
        contents.put(file, ByteBuffer.wrap(Files.readAllBytes(file)));
      }
    }
    return contents;
  }

  @Test
  void aTrainingIsResumedOnlyOnDemandAndWithItsOptionsOnly() throws IOException {
    String line = "train --images 8 --held-out 1 --batch 4 --checkpoint-every 1 --layer plain";
    String[] arguments = (line + " --epochs 2 --output " + folder).split(" ");
    train(arguments);
    train(arguments); // over the results of a finished one
    Path checkpoints = folder.resolve("checkpoints/detector");
    Files.delete(checkpoints.resolve("0000000004.checkpoint")); // as if it had been interrupted
    assertEquals(2, program.execute(arguments));
    assertTrue(program.err().contains("--resume"), program.err());
    assertTrue(program.err().contains(folder.toString()), program.err());
    assertEquals(2, program.execute((line + " --epochs 3 --resume --output " + folder).split(" ")));
    assertTrue(program.err().contains("--epochs was 2, now it is 3"), program.err());
    train((line + " --epochs 2 --resume --output " + folder).split(" "));
    assertTrue(program.out().contains("1 of 2 epochs and 1 minibatches done"), program.out());
    assertTrue(Files.exists(checkpoints.resolve("0000000004.checkpoint")));
  }

  @Test
  void oneTrainingAtATimeWritesToAFolder() throws IOException {
    try (OutputFolder first = OutputFolder.open(folder)) {
      assertEquals(2, program.execute("train", "--output", folder.toString()));
      assertTrue(program.err().contains(first.toString()), program.err());
    }
    OutputFolder.open(folder).close();
  }

  @Test
  void heldOutImagesWithoutObjectsAreNoObstacle() throws IOException {
    Path data = folder.resolve("voc");
    LabelledImage scene = DigitScenes.training(1, 1).get(0);
    VocFolders.write(data, List.of(scene, withoutObjects(scene)));
    Files.createDirectories(data.resolve("ImageSets/Main"));
    Files.writeString(data.resolve("ImageSets/Main/train.txt"), "0");
    String line = "train --size 64 --epochs 1 --data " + data + " --output " + folder;
    train(line.split(" "));
    assertTrained(folder, 1);
    assertTrue(program.out().contains("NaN"), program.out());
  }

  private static LabelledImage withoutObjects(LabelledImage image) {
    return new LabelledImage(image.getName(), image.getImage(), List.of());
  }
}
