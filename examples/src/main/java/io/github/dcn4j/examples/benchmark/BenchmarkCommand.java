package io.github.dcn4j.examples.benchmark;

import ai.onnxruntime.OrtEnvironment;
import io.github.dcn4j.examples.UserInputException;
import io.github.dcn4j.examples.checkpoint.AtomicFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.nd4j.linalg.factory.Nd4j;
import oshi.SystemInfo;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Times deformable convolution beside its peers, all in one run. */
@Command(
    name = "benchmark",
    description =
        "Times deformable convolution, forward and backward, beside ONNX Runtime's DeformConv and"
            + " Conv, oneDNN's and ND4J's plain convolutions and the processor's peak of fused"
            + " multiply-adds; DCNv3's operator beside a plain depth-wise convolution, multi-scale"
            + " deformable attention beside ONNX Runtime's GridSample, and a training iteration beside one with plain layers: dense,"
            + " depth-wise and small, on all cores and one, on each instruction set of the"
            + " processor, in every type. Writes a table and a chart.",
    mixinStandardHelpOptions = true)
public final class BenchmarkCommand implements Callable<Integer> {
  private static final String NATIVE_PEERS = "libnd4j-ops/target/cmake/bench/native_peers";

  @Spec private CommandSpec spec;

  @Option(
      names = "--output",
      paramLabel = "DIR",
      defaultValue = "benchmark",
      description = "Folder to write to; made if missing (default: ${DEFAULT-VALUE}).")
  private Path output;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads for every contender (default: all cores, and then one).")
  private Integer threads;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "15",
      description =
          "Measured rounds, in each of which every contender runs once (default:"
              + " ${DEFAULT-VALUE}; fewer where they take long, but no less than five).")
  private int rounds;

  @Option(
      names = "--shapes",
      paramLabel = "N,C,H,O,G[,groups[,stride[,kernel]]]",
      arity = "1..*",
      description =
          "Shapes to measure in place of the usual ones: images, channels, height and width, output"
              + " channels, deformable groups; groups and stride (1), kernel height and width (3).")
  private List<String> shapes;

  @Option(
      names = "--native-peers",
      paramLabel = "FILE",
      description =
          "Program that measures the peak of fused multiply-adds and oneDNN (default: "
              + NATIVE_PEERS
              + ", which the build makes; without it these are left out).")
  private Path nativePeers;

  @Option(
      names = "--quick",
      description = "Two shapes, one thread count, one instruction set, few rounds.")
  private boolean quick;

  @Override
  public Integer call() throws IOException, InterruptedException {
    Plan plan = plan();
    prepareOutput();
    PrintWriter out = spec.commandLine().getOut();
    List<TaskResult> results = new ArrayList<>();
    for (String kernel : Plan.KERNELS) {
      for (Task task : results.isEmpty() ? plan.full(kernel) : plan.brief(kernel)) {
        Optional<TaskResult> result = WorkerProcess.run(task);
        if (result.isEmpty()) { // this processor lacks the instruction set
          break;
        }
        results.add(result.get());
        out.printf("measured: %s%n", Report.title(task));
        out.flush();
      }
    }
    String report = Report.markdown(conditions(plan), results);
    Files.writeString(output.resolve("benchmark.md"), report);
    RatioChart.write(results.get(0), output.resolve("forward.png"));
    out.printf("%n%s%nWritten to %s: benchmark.md, forward.png%n", report, output);
    out.flush();
    return 0;
  }

  private Plan plan() {
    if (rounds < 1 || (threads != null && threads < 1)) {
      throw new UserInputException("--rounds and --threads: expected at least 1");
    }
    int cores = Runtime.getRuntime().availableProcessors();
    return Plan.builder()
        .shapes(
            shapes == null
                ? null
                : shapes.stream().map(ConvolutionShape::parse).collect(Collectors.toList()))
        .threads(
            threads != null
                ? List.of(threads)
                : Stream.of(cores, 1).distinct().collect(Collectors.toList()))
        .rounds(rounds)
        .quick(quick)
        .nativePeers(nativePeers())
        .build();
  }

  private String nativePeers() {
    Path program = nativePeers == null ? Path.of(NATIVE_PEERS) : nativePeers;
    if (Files.isExecutable(program)) {
      return program.toString();
    }
    if (nativePeers != null) {
      throw new UserInputException("--native-peers: no program " + nativePeers);
    }
    PrintWriter err = spec.commandLine().getErr();
    err.printf("No %s here: neither the FMA peak nor oneDNN is measured.%n", NATIVE_PEERS);
    return null;
  }

  private void prepareOutput() {
    try {
      Files.createDirectories(output);
    } catch (IOException e) {
      throw new UserInputException(
          "--output: cannot make the folder " + output + ": " + AtomicFile.reason(e), e);
    }
    if (!Files.isWritable(output)) {
      throw new UserInputException("--output: cannot write to the folder " + output);
    }
  }

  private static List<String> conditions(Plan plan) throws IOException {
    return List.of(
        String.format(
            "%s, %d cores; ND4J and DL4J %s, ONNX Runtime %s, Java %s",
            new SystemInfo().getHardware().getProcessor().getName().trim(),
            Runtime.getRuntime().availableProcessors(),
            nd4jVersion(),
            OrtEnvironment.getEnvironment().getVersion(),
            Runtime.version()),
        "3×3 kernels, stride 1 where not said otherwise, half the kernel as padding, offsets ~"
            + " N(0, 1), mask and bias; in milliseconds, best (median) of the rounds; × is how many"
            + " times ours that is, by the best; % is the share of what the multiply-adds of the"
            + " product take at the processor's FMA peak, measured in the same rounds, the best of a"
            + " table; a double's take twice as long as a float's",
        "the contenders of a row run in turn, with the same number of threads, and write into"
            + " arrays that are there before",
        "Java's part of a call is compiled: the contenders of convolutions have run on the smallest"
            + " shape before",
        "where a cache line takes more than some 60 ns from one thread to another, the two threads"
            + " run on processors without a cache in common, and all that they share takes longer",
        "waiting threads sleep (OMP_WAIT_POLICY=passive, ONNX Runtime's allow_spinning=0);"
            + " OPENBLAS_CORETYPE is unset, so ND4J's OpenBLAS chooses its own kernels; the"
            + " instruction set named is ours, the default what our library chooses here"
            + chosenKernel(plan.getNativePeers())
            + "; the peers choose theirs");
  }

  private static String chosenKernel(String nativePeers) throws IOException {
    if (nativePeers == null) {
      return "";
    }
    try (NativePeers peers = new NativePeers(nativePeers)) {
      return " (" + peers.chosenKernel() + ")";
    }
  }

  /** From the name of ND4J's jar: nothing in it says its version. */
  private static String nd4jVersion() {
    String jar = Nd4j.class.getProtectionDomain().getCodeSource().getLocation().getPath();
    return jar.replaceAll(".*/nd4j-api-|\\.jar$", "");
  }
}
