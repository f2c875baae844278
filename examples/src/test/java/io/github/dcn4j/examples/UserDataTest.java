package io.github.dcn4j.examples;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.data.DetectionDataset;
import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.examples.data.DigitScenes;
import io.github.dcn4j.examples.detect.Detector;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Both commands that train, on data as users have them. */
class UserDataTest {
  private static final String ONE_STAGE = "train --layer plain";
  private static final String TWO_STAGE = "train-two-stage --pooling none --layer plain";

  private static final Pattern LOSS = Pattern.compile("epoch .*loss +(\\S+) ");

  @TempDir Path folder;

  private String train(String command) {
    CommandRun program = new CommandRun();
    assertEquals(0, program.execute(command.split(" ")), program.err());
    return program.out();
  }

  private String trainOn(Path data, String command) {
    return train(command + " --data " + data + " --output " + folder.resolve("out"));
  }

  private static void assertFinite(String out, int epochs) {
    Matcher losses = LOSS.matcher(out);
    for (int epoch = 0; epoch < epochs; epoch++) {
      assertTrue(losses.find(), out);
      assertTrue(Double.isFinite(Double.parseDouble(losses.group(1))), out);
    }
  }

  private static List<LabelledImage> scenes(int count) {
    DetectionDataset scenes = DigitScenes.training(count, 1);
    return IntStream.range(0, count).mapToObj(scenes::get).collect(Collectors.toList());
  }

  private static LabelledImage with(LabelledImage image, List<Box> boxes) {
    return new LabelledImage(image.getName(), image.getImage(), boxes);
  }

  @ParameterizedTest
  @ValueSource(strings = {ONE_STAGE, TWO_STAGE})
  void oneClassIsEnough(String command) throws IOException {
    Path data = folder.resolve("voc");
    List<LabelledImage> images = new ArrayList<>();
    for (LabelledImage scene : scenes(10)) {
      images.add(
          with(
              scene,
              scene.getBoxes().stream()
                  .map(b -> Box.of(b.getX1(), b.getY1(), b.getX2(), b.getY2(), 0))
                  .collect(Collectors.toList())));
    }
    VocFolders.write(data, images);
    String out = trainOn(data, command + " --size 64 --epochs 2 --batch 4");
    assertTrue(out.contains("1 classes: digit 0"), out);
    assertFinite(out, 2);
  }

  @ParameterizedTest
  @ValueSource(strings = {ONE_STAGE, TWO_STAGE})
  void aMinibatchMayHoldImagesWithoutObjectsOnly(String command) throws IOException {
    Path data = folder.resolve("voc");
    List<LabelledImage> images = scenes(6);
    for (int i = 1; i < 6; i++) {
      images.set(i, with(images.get(i), List.of()));
    }
    VocFolders.write(data, images);
    Path lists = Files.createDirectories(data.resolve("ImageSets/Main"));
    Files.writeString(lists.resolve("val.txt"), "5");
    String out = trainOn(data, command + " --size 64 --epochs 2 --batch 1");
    assertFinite(out, 2);
  }

  @ParameterizedTest
  @ValueSource(strings = {ONE_STAGE, TWO_STAGE})
  void aCocoFolderIsTrainedOn(String command) throws IOException {
    Path data = folder.resolve("coco");
    CocoFolders.write(data, scenes(10));
    String out = trainOn(data, command + " --size 96 --epochs 1 --batch 4");
    assertTrue(out.contains("8 training images an epoch, 2 held out; 10 classes"), out);
    assertFinite(out, 1);
  }

  @Test
  void variedImagesAreTheSameAfterAnInterruption() throws IOException {
    Path data = folder.resolve("coco");
    CocoFolders.write(data, scenes(10));
    String line =
        ONE_STAGE
            + " --size 64 --epochs 3 --batch 4 --checkpoint-every 1 --data "
            + data
            + " --output ";
    Path whole = folder.resolve("whole");
    Path interrupted = folder.resolve("interrupted");
    train(line + whole);
    train(line + interrupted);
    Path checkpoints = interrupted.resolve("checkpoints/detector");
    Path last = newest(checkpoints);
    Files.delete(last); // as if it had been interrupted
    String out = train(line + interrupted + " --resume");
    assertTrue(out.contains("Goes on from"), out);
    assertArrayEquals(parameters(whole), parameters(interrupted));
  }

  private static Path newest(Path checkpoints) throws IOException {
    try (Stream<Path> files = Files.list(checkpoints)) {
      return files
          .filter(f -> f.toString().endsWith(".checkpoint"))
          .sorted()
          .reduce((a, b) -> b)
          .orElseThrow();
    }
  }

  private static float[] parameters(Path output) throws IOException {
    return Detector.load(output.resolve("best.zip")).getNetwork().params().dup().data().asFloat();
  }

  @ParameterizedTest
  @ValueSource(strings = {ONE_STAGE, TWO_STAGE})
  void composedImagesMayHaveAnotherSize(String command) {
    String out =
        train(
            command
                + " --size 64 --images 4 --held-out 1 --epochs 1 --batch 4 --output "
                + folder.resolve("out"));
    assertFinite(out, 1);
  }
}
