package io.github.dcn4j.examples.benchmark;

import ai.onnxruntime.OrtException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;

/**
 * Deformable convolution of one shape beside plain convolutions of the same one, forward and
 * backward, in float.
 */
final class ConvolutionCase implements AutoCloseable {
  private final Race race = new Race();
  private final List<OnnxConvolution> open = new ArrayList<>();
  private final ConvolutionShape shape;
  private final ConvolutionArrays arrays;

  /**
   * Prepares the contenders.
   *
   * @param peers null without
   */
  ConvolutionCase(ConvolutionShape shape, Task task, NativePeers peers)
      throws OrtException, IOException {
    this.shape = shape;
    arrays = new ConvolutionArrays(shape, DataType.FLOAT);
    race.add(Contender.FORWARD, arrays.forward());
    race.add(Contender.BACKWARD, arrays.backward());
    addPlain(
        Contender.PLAIN, "dcn4j_conv2d", Contender.PLAIN_BACKWARD, "dcn4j_conv2d_bp", ownPlain());
    if (shape.getGroups() == 1) { // ND4J's has no groups
      addPlain(
          Contender.ND4J_CONV, "conv2d", Contender.ND4J_CONV_BACKWARD, "conv2d_bp", nd4jPlain());
    }
    addOnnx(task.getThreads());
    if (peers != null) {
      addNative(peers);
    }
  }

  Map<Contender, Timing> run(Task task) throws Exception {
    return race.run(task);
  }

  /** The ops' arguments: kernel, stride, padding, dilation, explicit, NCHW, groups. */
  private long[] ownPlain() {
    long k = shape.getKernel();
    long s = shape.getStride();
    long p = shape.getPadding();
    return new long[] {k, k, s, s, p, p, 1, 1, 0, 0, 1, shape.getGroups()};
  }

  /** Kernel, stride, padding, dilation, explicit, NCHW, weights [O, C, kH, kW]. */
  private long[] nd4jPlain() {
    long k = shape.getKernel();
    long s = shape.getStride();
    long p = shape.getPadding();
    return new long[] {k, k, s, s, p, p, 1, 1, 0, 0, 1};
  }

  private void addPlain(
      Contender forward, String op, Contender backward, String derivative, long[] arguments) {
    INDArray input = arrays.getInput();
    INDArray weights = arrays.getWeights();
    INDArray bias = arrays.getBias();
    INDArray gradient = arrays.getGradient();
    race.add(
        forward,
        ConvolutionArrays.work(plain(op, arguments, input, weights, bias), gradient.ulike()));
    race.add(
        backward,
        ConvolutionArrays.work(
            plain(derivative, arguments, input, weights, bias, gradient),
            input.ulike(),
            weights.ulike(),
            bias.ulike()));
  }

  private static DynamicCustomOp plain(String name, long[] arguments, INDArray... inputs) {
    DynamicCustomOp op = DynamicCustomOp.builder(name).addInputs(inputs).build();
    op.addIArgument(arguments);
    return op;
  }

  private void addOnnx(int threads) throws OrtException {
    add(
        Contender.ONNX_DEFORM_CONV,
        threads,
        new OnnxConvolution("DeformConv", shape)
            .input("x", arrays.getInput())
            .constant("w", arrays.getWeights())
            .input("offset", arrays.getOffset())
            .constant("b", arrays.getBias())
            .input("mask", arrays.getMask()));
    add(
        Contender.ONNX_CONV,
        threads,
        new OnnxConvolution("Conv", shape)
            .input("x", arrays.getInput())
            .constant("w", arrays.getWeights())
            .constant("b", arrays.getBias()));
  }

  private void add(Contender contender, int threads, OnnxConvolution convolution)
      throws OrtException {
    open.add(convolution);
    race.add(contender, convolution.open(arrays.getGradient().ulike(), threads));
  }

  private void addNative(NativePeers peers) throws IOException {
    race.addTimed(Contender.FMA_PEAK, peers.fmaPeak(shape));
    if (peers.haveOneDnn(shape)) {
      race.addTimed(Contender.ONEDNN_CONV, peers.oneDnn("forward", shape));
      race.addTimed(Contender.ONEDNN_CONV_BACKWARD, peers.oneDnn("backward", shape));
    }
  }

  @Override
  public void close() throws OrtException {
    for (OnnxConvolution convolution : open) {
      convolution.close();
    }
  }
}
