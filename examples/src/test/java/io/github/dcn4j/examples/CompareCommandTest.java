package io.github.dcn4j.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CompareCommandTest {
  private final CommandRun program = new CommandRun();

  @TempDir Path folder;

  private int execute(String line) {
    return program.execute((line + " --output " + folder).split(" "));
  }

  private List<String> lines(String file) throws IOException {
    return Files.readAllLines(folder.resolve(file));
  }

  /** The first columns of the lines of a training. */
  private List<String> trainings(int columns) throws IOException {
    return lines("compare.csv").stream()
        .skip(1)
        .map(line -> line.split(","))
        .map(line -> String.join(",", List.of(line).subList(0, columns)))
        .collect(Collectors.toList());
  }

  @Test
  void everyKindIsTrainedWithEverySeed() throws IOException {
    String line = "compare --epochs 1 --images 4 --held-out 2 --batch 2 --seeds 2 --seed 5";
    assertEquals(0, execute(line + " --layers plain,v1"), program.err());
    assertEquals(
        List.of("plain,5", "v1,5", "plain,6", "v1,6"), trainings(2), lines("compare.csv").get(0));
    List<String> table = lines("compare.md");
    assertEquals(4, table.size());
    assertTrue(table.get(2).startsWith("| plain | "), table.get(2));
    assertTrue(table.get(3).startsWith("| v1 | "), table.get(3));
    assertEquals(5, table.get(3).split(" ± ").length); // a deviation in each column
    assertTrue(program.out().contains(table.get(3)), program.out());
    assertNotNull(ImageIO.read(folder.resolve("compare.png").toFile()));

    List<String> before = trainings(5);
    assertEquals(0, execute(line + " --layers plain,v1 --resume"), program.err());
    assertEquals(before, trainings(5)); // of trainings that were done already
  }

  @Test
  void poolingsOfTwoStagesAreComparedToo() throws IOException {
    String line = "compare --two-stage --epochs 1 --images 2 --held-out 1 --batch 2 --seeds 1";
    assertEquals(0, execute(line + " --poolings none,modulated"), program.err());
    assertEquals(List.of("none,1", "modulated,1"), trainings(2));
    assertTrue(lines("compare.md").get(2).startsWith("| none | "));
  }

  @Test
  void aKindMayBeAddedToAComparisonThatIsDone() throws IOException {
    String line = "compare --epochs 1 --images 2 --held-out 1 --batch 2 --seeds 1 --layers plain";
    assertEquals(0, execute(line), program.err());
    String first = trainings(5).get(0); // with both precisions; times differ
    assertEquals(0, execute(line + ",v1 --resume"), program.err());
    assertEquals(List.of("plain,1", "v1,1"), trainings(2));
    assertEquals(first, trainings(5).get(0));
  }

  @Test
  void badOptionsAreNamed() {
    assertEquals(2, execute("compare --seeds 0"));
    assertTrue(program.err().contains("--seeds"), program.err());
    assertEquals(2, execute("compare --layers plain,v9"));
    assertTrue(program.err().contains("v9"), program.err());
    assertEquals(2, execute("compare --poolings none"));
    assertTrue(program.err().contains("--poolings is for --two-stage only"), program.err());
    assertEquals(2, execute("compare --two-stage --layers plain"));
    assertTrue(program.err().contains("--layers is not for --two-stage"), program.err());
  }
}
