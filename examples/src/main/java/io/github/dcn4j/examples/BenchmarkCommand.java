package io.github.dcn4j.examples;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.github.dcn4j.ops.DeformableConv2DConfig;
import io.github.dcn4j.ops.NDDeformable;
import java.io.PrintWriter;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import lombok.RequiredArgsConstructor;
import onnx.Onnx;
import org.nd4j.enums.WeightsFormat;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Conv2DConfig;
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
            + " Conv and ND4J's own plain convolution: 3×3 kernels, float, the same threads for"
            + " all, medians over rounds in which each runs once.",
    mixinStandardHelpOptions = true)
final class BenchmarkCommand implements Callable<Integer> {
  /** N, C, H = W, O and deformable groups. */
  private static final int[][] SHAPES = {
    {2, 64, 128, 64, 2}, {1, 256, 64, 256, 1}, {1, 512, 32, 512, 1}, {8, 64, 56, 64, 1}
  };

  private static final int WARM_UP_ROUNDS = 3;

  @Spec private CommandSpec spec;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads for every contender; by default as many as ND4J uses.")
  private Integer threads;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "15",
      description = "Measured rounds (default: ${DEFAULT-VALUE}).")
  private int rounds;

  @Override
  public Integer call() throws OrtException {
    if (rounds < 1 || (threads != null && threads < 1)) {
      throw new UserInputException("--rounds and --threads: expected at least 1");
    }
    if (threads != null) {
      Nd4j.getEnvironment().setMaxThreads(threads);
    }
    int count = Nd4j.getEnvironment().maxThreads();
    PrintWriter out = spec.commandLine().getOut();
    out.printf(
        "%s, %d threads, ND4J %s, ONNX Runtime %s%n%n",
        new SystemInfo().getHardware().getProcessor().getName(),
        count,
        nd4jVersion(),
        OrtEnvironment.getEnvironment().getVersion());
    out.println("Milliseconds, median (fastest to slowest); × is how many times ours that is.");
    out.println();
    boolean head = true;
    for (int[] shape : SHAPES) {
      Map<String, double[]> times = measure(new Case(shape, count));
      if (head) {
        out.println("| N, C, H=W, O (G) | " + String.join(" | ", times.keySet()) + " |");
        out.println("| --- |" + " --- |".repeat(times.size()));
        head = false;
      }
      out.printf(
          "| %d, %d, %d, %d (%d) | %s |%n",
          shape[0],
          shape[1],
          shape[2],
          shape[3],
          shape[4],
          times.entrySet().stream()
              .map(entry -> cell(entry.getKey(), times))
              .collect(Collectors.joining(" | ")));
      out.flush();
    }
    return 0;
  }

  /** From the name of ND4J's jar: nothing in it says its version. */
  private static String nd4jVersion() {
    String jar = Nd4j.class.getProtectionDomain().getCodeSource().getLocation().getPath();
    return jar.replaceAll(".*/nd4j-api-|\\.jar$", "");
  }

  /** Runs all contenders in turn, round after round; milliseconds of each, sorted. */
  private Map<String, double[]> measure(Case c) throws OrtException {
    try (c) {
      Map<String, double[]> times = new LinkedHashMap<>();
      c.contenders.keySet().forEach(name -> times.put(name, new double[rounds]));
      for (int round = -WARM_UP_ROUNDS; round < rounds; round++) {
        for (Map.Entry<String, Contender> contender : c.contenders.entrySet()) {
          long start = System.nanoTime();
          contender.getValue().run();
          double time = (System.nanoTime() - start) / 1e6;
          if (round >= 0) {
            times.get(contender.getKey())[round] = time;
          }
        }
      }
      times.values().forEach(Arrays::sort);
      return times;
    }
  }

  private static String cell(String name, Map<String, double[]> times) {
    double[] all = times.get(name);
    double median = all[all.length / 2];
    String text = String.format("%.1f (%.1f–%.1f)", median, all[0], all[all.length - 1]);
    String ours = name.endsWith("forward") ? Case.FORWARD : Case.BACKWARD;
    if (name.equals(ours)) {
      return "**" + text + "**";
    }
    double[] reference = times.get(ours);
    return String.format("%s ×%.2f", text, median / reference[reference.length / 2]);
  }

  /** Something to time. */
  @FunctionalInterface
  private interface Contender {
    void run() throws OrtException;
  }

  /** One shape: its arrays and everything that is timed on it. */
  private static final class Case implements AutoCloseable {
    static final String FORWARD = "DCN4J forward";
    static final String BACKWARD = "DCN4J backward";

    final Map<String, Contender> contenders = new LinkedHashMap<>();
    private final List<AutoCloseable> open = new ArrayList<>();

    Case(int[] s, int threads) throws OrtException {
      Nd4j.getRandom().setSeed(1);
      INDArray input = Nd4j.randn(DataType.FLOAT, s[0], s[1], s[2], s[2]);
      INDArray weights = Nd4j.randn(DataType.FLOAT, s[3], s[1], 3, 3);
      INDArray offset = Nd4j.randn(DataType.FLOAT, s[0], 18L * s[4], s[2], s[2]);
      INDArray mask = Nd4j.rand(DataType.FLOAT, s[0], 9L * s[4], s[2], s[2]);
      INDArray bias = Nd4j.randn(DataType.FLOAT, s[3]);
      INDArray grad = Nd4j.randn(DataType.FLOAT, s[0], s[3], s[2], s[2]);
      DeformableConv2DConfig config =
          DeformableConv2DConfig.builder().kH(3).kW(3).pH(1).pW(1).deformableGroups(s[4]).build();
      Conv2DConfig plain =
          Conv2DConfig.builder().kH(3).kW(3).pH(1).pW(1).weightsFormat(WeightsFormat.OIYX).build();
      NDDeformable ours = new NDDeformable();

      contenders.put(
          FORWARD, () -> ours.deformableConv2d(input, weights, offset, mask, bias, config));
      contenders.put(
          "ONNX Runtime DeformConv forward",
          session(
              threads,
              new Node("DeformConv", s[4])
                  .input("x", input)
                  .input("w", weights)
                  .input("o", offset)
                  .input("b", bias)
                  .input("m", mask)));
      contenders.put(
          "ONNX Runtime plain Conv forward",
          session(
              threads, new Node("Conv", 0).input("x", input).input("w", weights).input("b", bias)));
      contenders.put(
          "ND4J plain conv2d forward", () -> Nd4j.cnn().conv2d(input, weights, bias, plain));
      contenders.put(
          BACKWARD,
          () -> ours.deformableConv2dBp(input, weights, offset, mask, bias, grad, config));
      contenders.put(
          "ND4J plain conv2d backward",
          () ->
              Nd4j.exec(
                  DynamicCustomOp.builder("conv2d_bp")
                      .addInputs(input, weights, bias, grad)
                      .addOutputs(input.like(), weights.like(), bias.like())
                      // kernel, stride, padding, dilation, VALID, NCHW, weights [O, C, kH, kW]
                      .addIntegerArguments(3, 3, 1, 1, 1, 1, 1, 1, 0, 0, 1)
                      .build()));
    }

    private Contender session(int threads, Node node) throws OrtException {
      OrtEnvironment environment = OrtEnvironment.getEnvironment();
      OrtSession.SessionOptions options = new OrtSession.SessionOptions();
      options.setIntraOpNumThreads(threads);
      OrtSession session = environment.createSession(node.model(), options);
      Map<String, OnnxTensor> feed = new LinkedHashMap<>();
      for (Map.Entry<String, INDArray> entry : node.inputs.entrySet()) {
        OnnxTensor tensor =
            OnnxTensor.createTensor(
                environment,
                FloatBuffer.wrap(entry.getValue().data().asFloat()),
                entry.getValue().shape());
        feed.put(entry.getKey(), tensor);
        open.add(tensor);
      }
      open.add(session);
      open.add(options);
      return () -> session.run(feed).close();
    }

    @Override
    public void close() throws OrtException {
      for (AutoCloseable resource : open) {
        try {
          resource.close();
        } catch (OrtException e) {
          throw e;
        } catch (Exception e) {
          throw new IllegalStateException(e);
        }
      }
    }
  }

  /** A graph of one ONNX convolution, with every array as an input. */
  @RequiredArgsConstructor
  private static final class Node {
    private final String type;
    private final int offsetGroups; // 0: a plain convolution
    private final Map<String, INDArray> inputs = new LinkedHashMap<>();

    Node input(String name, INDArray array) {
      inputs.put(name, array);
      return this;
    }

    byte[] model() {
      Onnx.NodeProto.Builder node =
          Onnx.NodeProto.newBuilder()
              .setOpType(type)
              .addAllInput(inputs.keySet())
              .addOutput("y")
              .addAttribute(integers("kernel_shape", 3, 3))
              .addAttribute(integers("pads", 1, 1, 1, 1));
      if (offsetGroups > 0) {
        node.addAttribute(
            Onnx.AttributeProto.newBuilder()
                .setName("offset_group")
                .setType(Onnx.AttributeProto.AttributeType.INT)
                .setI(offsetGroups));
      }
      Onnx.GraphProto.Builder graph =
          Onnx.GraphProto.newBuilder().setName("convolution").addNode(node);
      inputs.forEach((name, array) -> graph.addInput(value(name, array.shape())));
      graph.addOutput(value("y", null));
      return Onnx.ModelProto.newBuilder()
          .setIrVersion(8)
          .addOpsetImport(Onnx.OperatorSetIdProto.newBuilder().setVersion(19))
          .setGraph(graph)
          .build()
          .toByteArray();
    }

    private static Onnx.AttributeProto integers(String name, long... values) {
      Onnx.AttributeProto.Builder attribute =
          Onnx.AttributeProto.newBuilder()
              .setName(name)
              .setType(Onnx.AttributeProto.AttributeType.INTS);
      Arrays.stream(values).forEach(attribute::addInts);
      return attribute.build();
    }

    private static Onnx.ValueInfoProto value(String name, long[] shape) {
      Onnx.TypeProto.Tensor.Builder tensor =
          Onnx.TypeProto.Tensor.newBuilder().setElemType(Onnx.TensorProto.DataType.FLOAT_VALUE);
      if (shape != null) {
        Onnx.TensorShapeProto.Builder dimensions = Onnx.TensorShapeProto.newBuilder();
        for (long size : shape) {
          dimensions.addDim(Onnx.TensorShapeProto.Dimension.newBuilder().setDimValue(size));
        }
        tensor.setShape(dimensions);
      }
      return Onnx.ValueInfoProto.newBuilder()
          .setName(name)
          .setType(Onnx.TypeProto.newBuilder().setTensorType(tensor))
          .build();
    }
  }
}
