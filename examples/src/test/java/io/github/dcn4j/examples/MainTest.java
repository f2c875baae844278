package io.github.dcn4j.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MainTest {
  private final CommandRun program = new CommandRun();

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "fly",
        "train --epochs 0",
        "train --epochs many",
        "train --epochs 99999999999",
        "train --batch -1",
        "train --learning-rate NaN",
        "train --learning-rate 0",
        "train --images 0",
        "train --held-out 0",
        "train --layer round",
        "train --checkpoint-every 0",
        "train --on-bad-file ask",
        "train --data",
        "train --colour red",
        "train --size 100",
        "train --size 8",
        "train --size 8192",
        "train --size large",
        "train --no-augment",
        "train --data somewhere --images 5",
        "train surplus",
        "train-two-stage --pooling square",
        "train-two-stage --layer round",
        "train-two-stage --epochs 0",
        "train-two-stage --size 100",
        "train-two-stage --data somewhere --held-out 5",
        "train-two-stage surplus",
        "quickstart surplus",
        "benchmark --threads 0",
        "benchmark --rounds 0",
        "benchmark --shapes 1,2,3,4",
        "benchmark --shapes 1,3,8,8,2",
        "benchmark --shapes 1,4,8,8,x",
        "import-onnx --digits 0",
        "import-onnx --batch 0",
        "import-onnx --label 3",
        "import-onnx --model somewhere.onnx",
        "import-onnx --model somewhere.onnx --image pom.xml"
      })
  void aBadArgumentGivesOneLineAndExitCodeTwo(String line) {
    assertEquals(2, program.execute(line.isEmpty() ? new String[0] : line.split(" ")));
    assertOneLineOfComplaint();
  }

  private void assertOneLineOfComplaint() {
    assertEquals(1, program.err().lines().count(), program.err());
    assertTrue(program.err().length() > 10, program.err());
    assertEquals("", program.out());
  }

  @ParameterizedTest
  @ValueSource(strings = {"train", "train-two-stage"})
  void aMissingDataFolderGivesOneLineThatNamesIt(String command) {
    Path missing = folder.resolve("nowhere");
    String output = folder.resolve("out").toString();
    assertEquals(2, program.execute(command, "--data", missing.toString(), "--output", output));
    assertOneLineOfComplaint();
    assertTrue(program.err().contains(missing.toString()), program.err());
    assertFalse(Files.exists(folder.resolve("out")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"train", "train-two-stage"})
  void aFailureLeavesTheOutputFolderAsItWas(String command) throws IOException {
    Path missing = folder.resolve("nowhere");
    Path output = Files.createDirectories(folder.resolve("there/already"));
    String inner = output.resolve("new/new").toString();
    assertEquals(2, program.execute(command, "--data", missing.toString(), "--output", inner));
    try (Stream<Path> files = Files.list(output)) {
      assertEquals(0, files.count());
    }
    Files.createFile(output.resolve("file"));
    assertEquals(
        2, program.execute(command, "--data", missing.toString(), "--output", output.toString()));
    try (Stream<Path> files = Files.list(output)) {
      assertEquals(List.of(output.resolve("file")), files.collect(Collectors.toList()));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"train", "train-two-stage"})
  void anOutputThatIsAFileGivesOneLineThatNamesIt(String command) throws IOException {
    Path file = Files.createFile(folder.resolve("file"));
    assertEquals(2, program.execute(command, "--output", file.toString()));
    assertOneLineOfComplaint();
    assertTrue(program.err().contains(file.toString()), program.err());
  }

  @ParameterizedTest
  @ValueSource(strings = {"train", "train-two-stage"})
  void helpNamesTheOptions(String command) {
    assertEquals(0, program.execute(command, "--help"));
    assertTrue(program.out().contains("--data"));
    assertTrue(program.out().contains("--seed"));
  }

  @Test
  void quickstartRunsForwardAndBackward() {
    assertEquals(0, program.execute("quickstart"), program.err());
    assertTrue(program.out().contains("[2, 64, 128, 128]"), program.out());
    assertTrue(program.out().contains("gradient of offsetW"), program.out());
    assertTrue(program.out().contains("[20, 32, 7, 7]"), program.out());
    assertTrue(program.out().contains("gradient of trans"), program.out());
    assertTrue(program.out().contains("gradient of fc0W"), program.out());
  }
}
