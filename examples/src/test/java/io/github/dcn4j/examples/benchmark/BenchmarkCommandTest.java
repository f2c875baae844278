package io.github.dcn4j.examples.benchmark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class BenchmarkCommandTest {
  @TempDir Path folder;

  @Test
  void aQuickRunWritesTableAndChartWithAllContenders() throws IOException {
    StringWriter out = new StringWriter();
    CommandLine command = new CommandLine(new BenchmarkCommand());
    command.setOut(new PrintWriter(out, true));
    String line = "--quick --threads 1 --rounds 1 --shapes 1,3,6,4,1 1,4,5,2,2,2,2,1 --output ";
    assertEquals(0, command.execute((line + folder.resolve("new")).split(" ")));

    String report = Files.readString(folder.resolve("new/benchmark.md"));
    assertTrue(out.toString().contains(report), out.toString());
    for (Contender contender : Contender.values()) {
      boolean isNative = contender.getTitle().matches("FMA.*|cache.*|oneDNN.*");
      assertTrue(isNative || report.contains("| " + contender.getTitle() + " |"), report);
    }
    assertTrue(report.contains("| 1, 3, 6, 4 (1) | **"), report);
    assertTrue(report.contains("| 1, 4, 5, 2 (2), 2 groups, stride 2, 1×1 | **"), report);
    assertTrue(report.contains("ONNX Runtime 1."), report);
    assertTrue(report.contains("DL4J 1.0.0-M2.1"), report);
    assertEquals(900, ImageIO.read(folder.resolve("new/forward.png").toFile()).getWidth());
  }

  @Test
  void aPlanHasAllThreadCountsTypesAndASampleForSlowerInstructionSets() {
    Plan plan = Plan.builder().threads(List.of(2, 1)).rounds(3).build();
    assertEquals(
        List.of(
            "Convolution, float, avx2, 2 threads",
            "Convolution, float, avx2, 1 thread",
            "Depth-wise convolution beside a dense one, float, avx2, 1 thread",
            "The convolutions of the example's detector, 16 images of 128×128, float, avx2,"
                + " 2 threads",
            "DCNv3's operator beside a plain depth-wise convolution, G groups, float, avx2,"
                + " 2 threads",
            "Multi-scale deformable attention, G heads, 4 levels, the first H=W, each other half"
                + " of that before, 4 points a level, anywhere, a query a pixel, float, avx2,"
                + " 2 threads",
            "Convolution in other types beside float, avx2, 2 threads",
            "One training iteration in DL4J, 3 layers, float, avx2, 2 threads"),
        plan.full("avx2").stream().map(Report::title).collect(Collectors.toList()));
    assertEquals(2, plan.brief("baseline").get(0).getShapes().size());
  }
}
