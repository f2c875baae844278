package io.github.dcn4j.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.examples.data.HandwrittenDigits;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.autodiff.samediff.SameDiff;
import picocli.CommandLine;

class ImportOnnxCommandTest {
  private static final Pattern RIGHT = Pattern.compile("([0-9.]+) % upright, ([0-9.]+) % turned");

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @TempDir Path folder;

  private int run(String... arguments) {
    CommandLine commandLine = Main.commandLine();
    commandLine.setOut(new PrintWriter(out, true));
    commandLine.setErr(new PrintWriter(err, true));
    return commandLine.execute(arguments);
  }

  @Test
  void theBundledModelKnowsUprightDigitsAndLearnsTurnedOnes() {
    Path saved = folder.resolve("digits.fb");
    assertEquals(
        0, run("import-onnx", "--digits", "1000", "--output", saved.toString()), err.toString());
    Matcher right = RIGHT.matcher(out.toString());
    assertTrue(right.find(), out.toString());
    assertTrue(Double.parseDouble(right.group(1)) > 90, out.toString());
    double before = Double.parseDouble(right.group(2));
    assertTrue(right.find(), out.toString());
    assertTrue(Double.parseDouble(right.group(2)) > before, out.toString());
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
    assertEquals(0, run(arguments), err.toString());
    assertTrue(out.toString().contains("[N, 1, 28, 28] to 10 classes"), out.toString());
    assertTrue(out.toString().contains("the image is class 7"), out.toString());
    assertTrue(out.toString().contains("fine-tuned, the image is class 3"), out.toString());

    assertEquals(2, run("import-onnx", "--model", image.toString(), "--image", image.toString()));
    assertEquals(1, err.toString().lines().count(), err.toString());
    assertTrue(err.toString().contains("expected an ONNX model"), err.toString());
  }
}
