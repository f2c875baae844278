package io.github.dcn4j.examples.benchmark;

import java.io.IOException;
import java.nio.file.Path;

/**
 * What can't be reached from Java: the processor's rate of fused multiply-adds, and oneDNN's plain
 * convolution. A program of {@code libnd4j-ops/bench}.
 */
final class NativePeers implements AutoCloseable {
  private static final String ABSENT = "absent";

  private final AnsweringProcess process;

  NativePeers(String program) throws IOException {
    process = new AnsweringProcess(Path.of(program).toAbsolutePath().toString());
  }

  /** The instruction set that our library chooses here. */
  String chosenKernel() throws IOException {
    return ask("kernel");
  }

  /** The milliseconds that the multiply-adds of a shape's forward pass take at the least. */
  Race.Run fmaPeak(ConvolutionShape shape) {
    return () -> shape.operations() / 1e6 / Double.parseDouble(ask("fma"));
  }

  /** The milliseconds that a cache line takes from one thread to another. */
  Race.Run cacheLine() {
    return () -> Double.parseDouble(ask("line")) / 1e6;
  }

  boolean haveOneDnn(ConvolutionShape shape) throws IOException {
    return !ask(question("forward", shape)).equals(ABSENT);
  }

  /**
   * oneDNN's convolution of a shape.
   *
   * @param pass "forward" or "backward"
   */
  Race.Run oneDnn(String pass, ConvolutionShape shape) {
    return () -> Double.parseDouble(ask(question(pass, shape)));
  }

  /** Adds the peak and, where it is, oneDNN's plain convolution in float. */
  void addTo(Race race, ConvolutionShape shape) throws IOException {
    race.addTimed(Contender.FMA_PEAK, fmaPeak(shape));
    if (haveOneDnn(shape)) {
      race.addTimed(Contender.ONEDNN_CONV, oneDnn("forward", shape));
      race.addTimed(Contender.ONEDNN_CONV_BACKWARD, oneDnn("backward", shape));
    }
  }

  private static String question(String pass, ConvolutionShape s) {
    return String.format(
        "%s %d %d %d %d %d %d %d",
        pass,
        s.getImages(),
        s.getChannels(),
        s.getSide(),
        s.getOutChannels(),
        s.getGroups(),
        s.getStride(),
        s.getKernel());
  }

  private String ask(String question) throws IOException {
    try {
      return process.ask(question);
    } catch (IOException e) {
      throw new IOException("the program of the native peers: " + e.getMessage(), e);
    }
  }

  @Override
  public void close() {
    process.close();
  }
}
