package io.github.dcn4j.detection;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.detection.first.FirstDetector;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.factory.Nd4j;

/** The code of the README does what is said of it. */
class ReadmeSnippetsTest {
  private static final int IMAGES = 40;

  @TempDir Path folder;

  /** A VOC folder of red and blue squares on black. */
  @BeforeEach
  void write() throws IOException {
    Files.createDirectories(folder.resolve("JPEGImages"));
    Files.createDirectories(folder.resolve("Annotations"));
    for (int i = 0; i < IMAGES; i++) {
      int x = i * 17 % 40;
      int y = i * 29 % 40;
      BufferedImage image = new BufferedImage(64, 64, BufferedImage.TYPE_INT_RGB);
      Graphics2D graphics = image.createGraphics();
      graphics.setColor(i % 2 == 0 ? Color.RED : Color.BLUE);
      graphics.fillRect(x, y, 20, 20);
      graphics.dispose();
      ImageIO.write(image, "png", folder.resolve("JPEGImages/" + i + ".png").toFile());
      Files.writeString(
          folder.resolve("Annotations/" + i + ".xml"),
          String.format(
              "<annotation><object><name>%s</name><bndbox><xmin>%d</xmin><ymin>%d</ymin>"
                  + "<xmax>%d</xmax><ymax>%d</ymax></bndbox></object></annotation>",
              i % 2 == 0 ? "red" : "blue", x + 1, y + 1, x + 20, y + 20));
    }
  }

  @Test
  void theFirstDetectorLearns() {
    PrintStream console = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    try {
      System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
      FirstDetector.main(new String[] {folder.toString(), "40"});
    } finally {
      System.setOut(console);
    }
    String line = printed.toString(StandardCharsets.UTF_8).strip();
    Matcher precision = Pattern.compile("8 images held out: mAP@0.5 ([0-9.]+), .*").matcher(line);
    assertTrue(precision.matches(), line);
    assertTrue(Double.parseDouble(precision.group(1)) > 0.25, line);
  }

  @Test
  void theSnippetsRun() {
    assertEquals(IMAGES, ReadmeSnippets.folder(folder).size());
    double[][] anchors = {{2, 2}};
    assertEquals(
        List.of(), ReadmeSnippets.decode(Nd4j.valueArrayOf(new int[] {1, 7, 8, 8}, -9f), anchors));
    Box box = Box.of(0, 0, 320, 320, 0);
    List<Detection> sure = List.of(new Detection(box, 0.9), new Detection(box, 0.8));
    assertEquals(sure.subList(0, 1), ReadmeSnippets.suppress(sure));
    assertEquals(1, ReadmeSnippets.measure(List.of(box), sure), 1e-12);
    assertEquals(
        Box.of(0, 0, 64, 64, 0), ReadmeSnippets.inImage(folder.resolve("JPEGImages/0.png"), box));
  }
}
