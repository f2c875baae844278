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
    return new TaskResult.Case(
        new ConvolutionShape(images, 64, 128, 64, 2).toString(), images * 900, timings);
  }

  @Test
  void aRowHasBestAndMedianRatiosToOursAndSharesOfThePeak() {
    TaskResult result =
        new TaskResult(
            TASK,
            List.of(
                caseOf(
                    2,
                    Map.of(
                        Contender.FMA_PEAK, new Timing(9, 9.5),
                        Contender.FORWARD, new Timing(15, 20),
                        Contender.ONNX_CONV, new Timing(30, 31),
                        Contender.BACKWARD, new Timing(49, 52.26),
                        Contender.ND4J_CONV_BACKWARD, new Timing(490, 499.6)))));
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
            "| 2, 64, 128, 64 (2) | **15.0 (20.0)** 60 % | 30.0 (31.0) ×2.00"
                + " | **49.0 (52.3)** 37 % | 490 (500) ×10.00 |"),
        lines);
  }

  @Test
  void everyTypeHasItsShareOfThePeakOfFloat() {
    TaskResult result =
        new TaskResult(
            TASK.toBuilder().kind(Task.Kind.TYPES).build(),
            List.of(
                caseOf(
                    1,
                    Map.of(
                        Contender.FMA_PEAK, new Timing(1, 1),
                        Contender.FORWARD, new Timing(2, 2),
                        Contender.HALF_FORWARD, new Timing(2, 2),
                        Contender.DOUBLE_FORWARD, new Timing(4, 4),
                        Contender.BACKWARD, new Timing(4, 4),
                        Contender.BFLOAT16_BACKWARD, new Timing(8, 8),
                        Contender.DOUBLE_BACKWARD, new Timing(8, 8)))));
    String report = Report.markdown(List.of(), List.of(result));
    assertTrue(
        report.contains(
            "| **2.00 (2.00)** 50 % | 2.00 (2.00) ×1.00 50 % | 4.00 (4.00) ×2.00 50 %"
                + " | **4.00 (4.00)** 50 % | 8.00 (8.00) ×2.00 25 % | 8.00 (8.00) ×2.00 50 % |\n"),
        report);
  }

  @Test
  void smallMapsAreSummedUp() {
    Timing peak = new Timing(1, 1);
    TaskResult result =
        new TaskResult(
            TASK.toBuilder().kind(Task.Kind.SMALL_MAPS).build(),
            List.of(
                caseOf(1, Map.of(Contender.FMA_PEAK, peak, Contender.FORWARD, new Timing(2, 3))),
                caseOf(2, Map.of(Contender.FMA_PEAK, peak, Contender.FORWARD, new Timing(6, 7)))));
    String report = Report.markdown(List.of(), List.of(result));
    // 1800 operations a millisecond is the better of the two peaks
    assertTrue(report.contains("| 1, 64, 128, 64 (2) | **2.00 (3.00)** 25 % |\n"), report);
    assertTrue(report.contains("| together | **8.00 (10.0)** 19 % |\n"), report);
  }

  @Test
  void howFarThreadsAreApartStandsAboveATable() {
    Timing near = new Timing(25e-6, 28e-6);
    Timing far = new Timing(27e-6, 165e-6);
    Timing ours = new Timing(1, 1);
    TaskResult result =
        new TaskResult(
            TASK,
            List.of(
                caseOf(1, Map.of(Contender.FORWARD, ours, Contender.CACHE_LINE, near)),
                caseOf(2, Map.of(Contender.FORWARD, ours, Contender.CACHE_LINE, far))));
    String report = Report.markdown(List.of(), List.of(result));
    assertTrue(
        report.contains("**\n\nA cache line takes 28 to 165 ns from one thread to another.\n\n| N"),
        report);
    assertTrue(report.contains("| DCN4J forward |\n"), report);
  }

  @Test
  void aContenderThatIsMissingInSomeRowsHasADashThere() {
    Timing timing = new Timing(1, 1);
    TaskResult result =
        new TaskResult(
            TASK,
            List.of(
                caseOf(1, Map.of(Contender.FORWARD, timing)),
                caseOf(2, Map.of(Contender.FORWARD, timing, Contender.ONNX_CONV, timing))));
    String report = Report.markdown(List.of(), List.of(result));
    assertTrue(report.contains("| 1, 64, 128, 64 (2) | **1.00 (1.00)** | – |\n"), report);
  }

  @Test
  void titlesTellTasksApart() {
    Task training = TASK.toBuilder().kind(Task.Kind.TRAINING).threads(1).build();
    assertEquals(
        "One training iteration in DL4J, 3 layers, float, avx2, 1 thread", Report.title(training));
    Task types = TASK.toBuilder().kind(Task.Kind.TYPES).build();
    assertEquals("Convolution in other types beside float, avx2, 2 threads", Report.title(types));
  }

  @Test
  void bestAndMedianAreThoseOfTheRounds() {
    assertEquals(new Timing(1, 4), Timing.of(new double[] {7, 1, 6, 2, 5, 3, 4}));
  }
}
