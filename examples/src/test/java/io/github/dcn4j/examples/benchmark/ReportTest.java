package io.github.dcn4j.examples.benchmark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ReportTest {
  private static final Task TASK =
      Task.builder()
          .kind(Task.Kind.CONVOLUTION)
          .kernel("avx2")
          .threads(2)
          .shapes(List.of())
          .build();

  private static TaskResult.Case caseOf(int images, Map<Contender, Timing> timings) {
    return new TaskResult.Case(new ConvolutionShape(images, 64, 128, 64, 2), timings);
  }

  @Test
  void aRowHasMediansQuartilesAndRatiosToOurs() {
    TaskResult result =
        new TaskResult(
            TASK,
            List.of(
                caseOf(
                    2,
                    Map.of(
                        Contender.BACKWARD, new Timing(49, 50, 52.26),
                        Contender.FORWARD, new Timing(9.994, 20, 21),
                        Contender.ONNX_CONV, new Timing(29, 30, 31),
                        Contender.ND4J_CONV_BACKWARD, new Timing(400, 499.6, 600)))));
    List<String> lines =
        Arrays.asList(Report.markdown(List.of("a machine"), List.of(result)).split("\n"));
    assertEquals(
        List.of(
            "- a machine",
            "",
            "**Convolution, float, avx2, 2 threads**",
            "",
            "| N, C, H=W, O (G) | DCN4J forward | ONNX Runtime plain `Conv` forward | DCN4J backward"
                + " | ND4J plain `conv2d_bp` |",
            "| --- | --- | --- | --- | --- |",
            "| 2, 64, 128, 64 (2) | **20.0 (9.99–21.0)** | 30.0 (29.0–31.0) ×1.50"
                + " | **50.0 (49.0–52.3)** | 500 (400–600) ×9.99 |"),
        lines);
  }

  @Test
  void aContenderThatIsMissingInSomeRowsHasADashThere() {
    Timing timing = new Timing(1, 1, 1);
    TaskResult result =
        new TaskResult(
            TASK,
            List.of(
                caseOf(1, Map.of(Contender.FORWARD, timing)),
                caseOf(2, Map.of(Contender.FORWARD, timing, Contender.ONNX_CONV, timing))));
    String report = Report.markdown(List.of(), List.of(result));
    assertTrue(report.contains("| 1, 64, 128, 64 (2) | **1.00 (1.00–1.00)** | – |\n"), report);
  }

  @Test
  void titlesTellTasksApart() {
    Task training = TASK.toBuilder().kind(Task.Kind.TRAINING).threads(1).build();
    assertEquals(
        "One training iteration in DL4J, 3 layers, float, avx2, 1 thread", Report.title(training));
    Task inDouble = TASK.toBuilder().doublePrecision(true).build();
    assertEquals("Convolution, double, avx2, 2 threads", Report.title(inDouble));
  }

  @Test
  void quartilesAreThoseOfTheRounds() {
    assertEquals(new Timing(2, 4, 6), Timing.of(new double[] {7, 1, 6, 2, 5, 3, 4}));
  }
}
