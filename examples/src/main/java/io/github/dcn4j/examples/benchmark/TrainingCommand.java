package io.github.dcn4j.examples.benchmark;

import io.github.dcn4j.examples.UserInputException;
import io.github.dcn4j.examples.detect.BackboneLayer;
import io.github.dcn4j.examples.detect.TrainingStep;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import lombok.RequiredArgsConstructor;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Times a training step of the detector, beside PyTorch's of the same network, in turn. */
@Command(
    name = "benchmark-training",
    description =
        "Times a training step of the detector of `train`, with deformable and plain convolutions;"
            + " beside PyTorch's, with torchvision's deformable convolution, where --pytorch is"
            + " given.",
    mixinStandardHelpOptions = true,
    showDefaultValues = true)
public final class TrainingCommand implements Callable<Integer> {
  /** The same network in PyTorch: a line with layers, side and minibatch asks for a step. */
  private static final String SCRIPT = "pytorch_detector.py";

  private static final List<BackboneLayer> LAYERS = List.of(BackboneLayer.V2, BackboneLayer.PLAIN);
  private static final int[][] SIDE_AND_MINIBATCH = {{128, 16}, {320, 8}};

  private static final int STEPS_A_ROUND = 3;

  @Spec private CommandSpec spec;

  @Option(
      names = "--pytorch",
      paramLabel = "PYTHON",
      description = "A Python that has torch and torchvision.")
  private String python;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "8",
      description = "Of three steps of ours and one of PyTorch's; the best and the median count.")
  private int rounds;

  @Option(
      names = "--warm-up",
      paramLabel = "N",
      defaultValue = "30",
      description = "Steps of ours before, while Java compiles what runs often.")
  private int warmUp;

  /** One detector, by both. */
  @RequiredArgsConstructor
  private static final class Contest {
    final BackboneLayer layers;
    final int side;
    final int minibatch;
    final TrainingStep ours;
    final List<Double> ourTimes = new ArrayList<>();
    final List<Double> theirTimes = new ArrayList<>();

    String question() {
      return layers.name().toLowerCase(Locale.ROOT) + " " + side + " " + minibatch;
    }
  }

  @Override
  public Integer call() {
    if (rounds < 1) {
      throw new UserInputException("--rounds: expected at least 1, got " + rounds);
    }
    try (AnsweringProcess peer = python == null ? null : peer()) {
      List<Contest> contests = new ArrayList<>();
      for (int[] size : SIDE_AND_MINIBATCH) {
        for (BackboneLayer layers : LAYERS) {
          contests.add(warm(layers, size[0], size[1], peer));
        }
      }
      for (int round = 0; round < rounds; round++) {
        for (Contest contest : contests) {
          measure(contest, peer);
        }
      }
      print(contests);
      return 0;
    } catch (IOException e) {
      throw new UserInputException("--pytorch " + python + ": " + e.getMessage(), e);
    }
  }

  private Contest warm(BackboneLayer layers, int side, int minibatch, AnsweringProcess peer)
      throws IOException {
    Contest contest =
        new Contest(layers, side, minibatch, new TrainingStep(layers, side, minibatch));
    if (peer != null) {
      peer.ask(contest.question());
    }
    for (int i = 0; i < warmUp; i++) {
      contest.ours.run();
    }
    return contest;
  }

  private AnsweringProcess peer() throws IOException {
    String threads = String.valueOf(Runtime.getRuntime().availableProcessors());
    return new AnsweringProcess(python, "-c", script(), threads);
  }

  private static String script() {
    try (InputStream in = TrainingCommand.class.getResourceAsStream(SCRIPT)) {
      return new String(in.readAllBytes(), StandardCharsets.US_ASCII);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void measure(Contest contest, AnsweringProcess peer) throws IOException {
    for (int i = 0; i < STEPS_A_ROUND; i++) {
      long begin = System.nanoTime();
      contest.ours.run();
      contest.ourTimes.add((System.nanoTime() - begin) / 1e6);
    }
    if (peer != null) {
      contest.theirTimes.add(Double.parseDouble(peer.ask(contest.question())));
    }
  }

  private void print(List<Contest> contests) {
    PrintWriter out = spec.commandLine().getOut();
    out.println("milliseconds of a step: the best, and (the median)");
    out.println("| layers | pixels, minibatch | DCN4J | PyTorch | DCN4J is faster |");
    out.println("| --- | --- | --- | --- | --- |");
    for (Contest c : contests) {
      Timing ours = timing(c.ourTimes);
      out.printf(
          "| %s | %d, %d | %.0f (%.0f) |",
          c.layers.name().toLowerCase(Locale.ROOT),
          c.side,
          c.minibatch,
          ours.getBest(),
          ours.getMedian());
      if (c.theirTimes.isEmpty()) {
        out.println(" | |");
      } else {
        Timing theirs = timing(c.theirTimes);
        out.printf(
            " %.0f (%.0f) | %.2f times |%n",
            theirs.getBest(), theirs.getMedian(), theirs.getBest() / ours.getBest());
      }
    }
    out.flush();
  }

  private static Timing timing(List<Double> times) {
    return Timing.of(times.stream().mapToDouble(Double::doubleValue).toArray());
  }
}
