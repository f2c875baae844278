package io.github.dcn4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The code in README.md, here, at the top and in the module beside, compiles and runs: it is that
 * of {@link ReadmeSnippets} and {@link FirstSteps}, and of the classes of these names there.
 */
class ReadmeTest {
  private static final List<String> SOURCES =
      List.of(
          "src/test/java/io/github/dcn4j/FirstSteps.java",
          "src/test/java/io/github/dcn4j/ReadmeSnippets.java",
          "detection/src/test/java/io/github/dcn4j/detection/first/FirstDetector.java",
          "detection/src/test/java/io/github/dcn4j/detection/ReadmeSnippets.java",
          "spark-test/src/main/java/io/github/dcn4j/spark/TrainOnCluster.java");
  private static final Pattern JAVA = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);

  @ParameterizedTest
  @ValueSource(strings = {"README.md", "../README.md", "detection/README.md"})
  void everySnippetIsOneThatIsCompiled(String readme) throws Exception {
    String compiled = "";
    for (String source : SOURCES) {
      compiled += withoutSpaces(Files.readString(Path.of(source)));
    }
    Matcher snippets = JAVA.matcher(Files.readString(Path.of(readme)));
    List<String> unknown = new ArrayList<>();
    int found = 0;
    while (snippets.find()) {
      found++;
      if (!compiled.contains(withoutSpaces(snippets.group(1)))) {
        unknown.add(snippets.group(1));
      }
    }
    assertTrue(found > 3, "found " + found);
    assertEquals(List.of(), unknown);
  }

  private static String withoutSpaces(String code) {
    return code.replaceAll("\\s+", "");
  }

  @Test
  void theFirstStepsLearn() {
    PrintStream console = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    try {
      System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
      FirstSteps.main(new String[0]);
    } finally {
      System.setOut(console);
    }
    assertEquals("64 of 64 are right", printed.toString(StandardCharsets.UTF_8).strip());
  }

  @Test
  void theSnippetsRun() {
    ReadmeSnippets.conversion(ReadmeSnippets.layers());
    ReadmeSnippets.ops();
    assertGraphAndOpAgree(
        ReadmeSnippets.dcnv3(),
        new long[][] {{2, 8, 8, 32}, {2, 8, 8, 32}, {2, 8, 8, 72}, {2, 8, 8, 36}});
    assertGraphAndOpAgree(
        ReadmeSnippets.multiScaleDeformableAttention(),
        new long[][] {{3, 5, 16}, {3, 80, 2, 8}, {3, 5, 2, 2, 4, 2}, {3, 5, 2, 2, 4}});
    assertArrayEquals(
        new long[] {2, 64, 8, 8},
        ReadmeSnippets.projected().output(Nd4j.rand(2, 32, 8, 8)).shape());
    INDArray classes =
        ReadmeSnippets.attention()
            .outputSingle(Nd4j.rand(2, 64, 100), Nd4j.rand(2, 2, 100), Nd4j.rand(2, 3, 32, 32));
    assertArrayEquals(new long[] {2, 4, 100}, classes.shape());
    ComputationGraph graph = ReadmeSnippets.vertices();
    ReadmeSnippets.transfer(graph);
    assertEquals(
        4,
        graph
            .outputSingle(
                Nd4j.rand(1, 3, 32, 32),
                Nd4j.createFromArray(new float[][] {{0, 2, 3, 20, 25}, {0, 5, 5, 9, 9}}))
            .size(1));
  }

  /** Of the graph's output, the op's and the gradients; their shapes but for the first. */
  private static void assertGraphAndOpAgree(INDArray[] arrays, long[][] shapes) {
    assertEquals(arrays[0], arrays[1]);
    for (int i = 0; i < shapes.length; i++) {
      assertArrayEquals(shapes[i], arrays[i + 1].shape());
    }
  }
}
