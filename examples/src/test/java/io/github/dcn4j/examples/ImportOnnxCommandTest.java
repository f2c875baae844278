package io.github.dcn4j.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.examples.data.HandwrittenDigits;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.autodiff.samediff.SameDiff;

class ImportOnnxCommandTest {
  private static final Pattern RIGHT = Pattern.compile("([0-9.]+) % upright, ([0-9.]+) % turned");

  private final CommandRun program = new CommandRun();

  @TempDir Path folder;

  @Test
  void theBundledModelKnowsUprightDigitsAndLearnsTurnedOnes() {
    Path saved = folder.resolve("digits.fb");
    assertEquals(
        0,
        program.execute("import-onnx", "--digits", "1000", "--output", saved.toString()),
        program.err());
    Matcher right = RIGHT.matcher(program.out());
    assertTrue(right.find(), program.out());
    assertTrue(Double.parseDouble(right.group(1)) > 90, program.out());
    double before = Double.parseDouble(right.group(2));
    assertTrue(right.find(), program.out());
    assertTrue(Double.parseDouble(right.group(2)) > before, program.out());
    assertTrue(SameDiff.load(saved.toFile(), false).hasVariable("layer1.weight"));
  }

  @Test
  void aModelOfTheUsersSeesTheLabelInTheImageAfterwards() throws Exception {
    Path model = folder.resolve("own.onnx");
    try (InputStream in = Main.class.getResourceAsStream("onnx/digits.onnx")) {
      Files.copy(in, model);
    }
    Path image = folder.resolve("digit.png");
    ImageIO.write(HandwrittenDigits.heldOut().picture(0), "png", image.toFile());
    String[] arguments = {
      "import-onnx", "--model", model.toString(), "--image", image.toString(), "--label", "3"
    };
    assertEquals(0, program.execute(arguments), program.err());
    assertTrue(program.out().contains("[N, 1, 28, 28] to 10 classes"), program.out());
    assertTrue(program.out().contains("the image is class 7"), program.out());
    assertTrue(program.out().contains("fine-tuned, the image is class 3"), program.out());

    assertEquals(
        2,
        program.execute("import-onnx", "--model", image.toString(), "--image", image.toString()));
    assertEquals(1, program.err().lines().count(), program.err());
    assertTrue(program.err().contains("expected an ONNX model"), program.err());
  }
}
