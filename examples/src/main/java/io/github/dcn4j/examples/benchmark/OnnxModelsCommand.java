package io.github.dcn4j.examples.benchmark;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import io.github.dcn4j.examples.UserInputException;
import io.github.dcn4j.onnx.OnnxModel;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Times imported ONNX models beside ONNX Runtime, in turn, with as many threads. */
@Command(
    name = "benchmark-onnx",
    description =
        "Times the inference of ONNX models, imported into SameDiff, beside ONNX Runtime.",
    mixinStandardHelpOptions = true,
    showDefaultValues = true)
public final class OnnxModelsCommand implements Callable<Integer> {
  /**
   * Java compiles what runs often while it runs: until then, and as often as this, nothing counts.
   */
  private static final long WARM_UP_NANOSECONDS = 3_000_000_000L;

  private static final int WARM_UP = 15;

  @Spec private CommandSpec spec;

  @Parameters(
      arity = "1..*",
      paramLabel = "FILE",
      description = "Models whose inputs are of FLOAT; open sizes are taken as --size.")
  private List<Path> models;

  @Option(
      names = "--size",
      paramLabel = "N",
      defaultValue = "64",
      description = "Height and width where a model leaves them open; the batch is 1 then.")
  private long size;

  @Option(
      names = "--runs",
      paramLabel = "N",
      defaultValue = "40",
      description = "Timed runs of each; the median counts.")
  private int runs;

  @Override
  public Integer call() throws OrtException {
    int threads = Runtime.getRuntime().availableProcessors();
    PrintWriter out = spec.commandLine().getOut();
    out.printf(
        "%-28s %9s %9s %14s %7s%n", "model", "import ms", "ours ms", "ONNX Runtime ms", "times");
    for (Path file : models) {
      measure(file, threads, out);
    }
    return 0;
  }

  private void measure(Path file, int threads, PrintWriter out) throws OrtException {
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(threads);
      long begin = System.nanoTime();
      OnnxModel model = OnnxModel.read(file);
      SameDiff sd = model.toSameDiff();
      double imported = (System.nanoTime() - begin) / 1e6;
      try (OrtSession session = environment.createSession(file.toString(), options)) {
        Map<String, OnnxTensor> theirs = new LinkedHashMap<>();
        Map<String, INDArray> ours = new HashMap<>();
        int i = 0;
        for (String name : session.getInputNames()) {
          INDArray input = input((TensorInfo) session.getInputInfo().get(name).getInfo());
          ours.put(model.inputs().get(i++), input);
          theirs.put(name, tensor(environment, input));
        }
        Runnable run = () -> sd.output(ours, model.outputs());
        double[] own = new double[runs];
        double[] other = new double[runs];
        Runnable peer = () -> close(session, theirs);
        long start = System.nanoTime();
        for (int n = 0; n < WARM_UP || System.nanoTime() - start < WARM_UP_NANOSECONDS; n++) {
          run.run();
          peer.run();
        }
        for (int n = 0; n < runs; n++) {
          own[n] = second(run);
          other[n] = second(peer);
        }
        out.printf(
            "%-28s %9.0f %9.2f %14.2f %7.1f%n",
            file.getFileName(), imported, median(own), median(other), median(own) / median(other));
        out.flush();
        theirs.values().forEach(OnnxTensor::close);
      }
    } catch (IOException | IllegalArgumentException e) {
      throw new UserInputException(file + ": " + e.getMessage(), e);
    }
  }

  private INDArray input(TensorInfo info) {
    long[] shape = info.getShape();
    for (int i = 0; i < shape.length; i++) {
      shape[i] = shape[i] >= 0 ? shape[i] : i == 0 ? 1 : size;
    }
    return Nd4j.rand(DataType.FLOAT, shape);
  }

  private static OnnxTensor tensor(OrtEnvironment environment, INDArray array) throws OrtException {
    FloatBuffer numbers =
        ByteBuffer.allocateDirect(Math.toIntExact(4 * array.length()))
            .order(ByteOrder.nativeOrder())
            .asFloatBuffer();
    numbers.put(array.data().asFloat()).flip();
    return OnnxTensor.createTensor(environment, numbers, array.shape());
  }

  private static void close(OrtSession session, Map<String, OnnxTensor> inputs) {
    try {
      session.run(inputs).close();
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Of two runs: while the first goes on, threads of the other runtime may still wait actively. */
  private static double second(Runnable run) {
    run.run();
    return milliseconds(run);
  }

  private static double milliseconds(Runnable run) {
    long begin = System.nanoTime();
    run.run();
    return (System.nanoTime() - begin) / 1e6;
  }

  private static double median(double[] times) {
    double[] sorted = times.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
