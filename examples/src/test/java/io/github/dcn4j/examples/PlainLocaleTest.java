package io.github.dcn4j.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.examples.data.DigitScenes;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Names beyond ASCII under {@code LC_ALL=C}, in which Java cannot write them. */
@EnabledOnOs(OS.LINUX)
class PlainLocaleTest {
  @TempDir Path folder;

  private String run(String locale, String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    // The launcher of these tests may itself be in that locale: the shell takes bytes as they are.
    Path script = folder.resolve("run.sh");
    String line = "'" + String.join("' '", command) + "' '" + String.join("' '", arguments) + "'";
    Files.writeString(script, "export LC_ALL=" + locale + "\nexec " + line + "\n");
    Path output = folder.resolve("output.txt");
    Process process =
        new ProcessBuilder("sh", script.toString())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    assertEquals(2, process.waitFor(), () -> "see " + output);
    return new String(Files.readAllBytes(output), StandardCharsets.UTF_8);
  }

  /** The folder café, with images of such names, one of which is no image. */
  private Path data() throws IOException {
    // By way of the shell, as this JVM may be unable to name it.
    Path plain = folder.resolve("plain");
    List<LabelledImage> images = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      images.add(DigitScenes.training(4, 1).get(i));
    }
    VocFolders.write(plain, images);
    Path lists = Files.createDirectories(plain.resolve("ImageSets/Main"));
    Files.writeString(lists.resolve("train.txt"), "caf\u00e9 0\n\u65e5\u672c 1\n");
    Files.writeString(plain.resolve("JPEGImages/3.png"), "text");
    Path script = folder.resolve("rename.sh");
    Files.writeString(
        script,
        "cd '"
            + plain
            + "'\n"
            + "mv JPEGImages/0.png 'JPEGImages/caf\u00e9 0.png'\n"
            + "mv Annotations/0.xml 'Annotations/cafe\u0301 0.xml'\n"
            + "mv JPEGImages/1.png JPEGImages/\u65e5\u672c.png\n"
            + "mv Annotations/1.xml Annotations/\u65e5\u672c.xml\n"
            + "mv JPEGImages/3.png JPEGImages/\u00e9t\u00e9.png\n"
            + "mv Annotations/3.xml Annotations/\u00e9t\u00e9.xml\n"
            + "mv '"
            + plain
            + "' '"
            + folder
            + "/caf\u00e9'\n");
    assertEquals(0, waitFor(new ProcessBuilder("sh", "-e", script.toString())));
    return plain;
  }

  private static int waitFor(ProcessBuilder builder) throws IOException {
    try {
      return builder.inheritIO().start().waitFor();
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"C", "POSIX", "C.UTF-8"})
  void imagesAndListsAreFoundAndComplaintsNameThem(String locale)
      throws IOException, InterruptedException {
    data();
    String out = run(locale, "train", "--data", folder + "/caf\u00e9", "--output", folder + "/out");
    String bad = folder + "/caf\u00e9/JPEGImages/\u00e9t\u00e9.png: not an image in a known format";
    assertTrue(out.contains("train: " + bad + " (--on-bad-file"), out);
    assertFalse(out.contains("caf\u00e9 0"), out);
    assertFalse(out.contains("\u65e5"), out);
  }

  @Test
  void otherPathsAreNamedAsTheyWereGivenToo() throws IOException, InterruptedException {
    String model = folder + "/caf\u00e9.zip";
    String out = run("C", "detect", "--model", model, "--source", folder + "/image.png");
    assertTrue(out.contains(model + ": there is no such file"), out);
  }

  @Test
  void aMissingFolderIsNamedAsItWasGiven() throws IOException, InterruptedException {
    String out = run("C", "train", "--data", "\u65e5\u672c/\u00e9t\u00e9 1");
    assertTrue(out.contains("\u65e5\u672c/\u00e9t\u00e9 1: there is no such folder"), out);
  }
}
