package io.github.dcn4j.examples.benchmark;

import ai.onnxruntime.OrtException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Deformable convolution of one shape beside plain convolutions of the same one, forward and
 * backward, in float.
 */
final class ConvolutionCase implements AutoCloseable {
  private final Race race = new Race();
  private final List<OnnxPeer> open = new ArrayList<>();
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
    arrays.addPlain(race);
    if (shape.getGroups() == 1) { // ND4J's has no groups
      arrays.addPlain(
          race,
          Contender.ND4J_CONV,
          "conv2d",
          Contender.ND4J_CONV_BACKWARD,
          "conv2d_bp",
          nd4jPlain());
    }
    add(Contender.ONNX_DEFORM_CONV, OnnxConvolution.deformable(arrays), task);
    add(Contender.ONNX_CONV, OnnxConvolution.plain(arrays), task);
    if (peers != null) {
      peers.addTo(race, shape);
      if (task.getThreads() > 1) {
        race.addTimed(Contender.CACHE_LINE, peers.cacheLine());
      }
    }
  }

  Map<Contender, Timing> run(Task task) throws Exception {
    return race.run(task);
  }

  /** Kernel, stride, padding, dilation, explicit, NCHW, weights [O, C, kH, kW]. */
  private long[] nd4jPlain() {
    long k = shape.getKernel();
    long s = shape.getStride();
    long p = shape.getPadding();
    return new long[] {k, k, s, s, p, p, 1, 1, 0, 0, 1};
  }

  private void add(Contender contender, OnnxPeer peer, Task task) throws OrtException {
    open.add(peer);
    race.add(contender, peer.open(arrays.getGradient().ulike(), task.getThreads()));
  }

  @Override
  public void close() throws OrtException {
    for (OnnxPeer peer : open) {
      peer.close();
    }
  }
}
