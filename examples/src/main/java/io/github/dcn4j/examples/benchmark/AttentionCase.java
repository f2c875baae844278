package io.github.dcn4j.examples.benchmark;

import java.util.Map;
import lombok.experimental.UtilityClass;

/** Multi-scale deformable attention, forward and backward, beside ONNX's GridSample. */
@UtilityClass
class AttentionCase {
  static Map<Contender, Timing> run(ConvolutionShape shape, Task task) throws Exception {
    AttentionArrays arrays = new AttentionArrays(shape);
    Race race = new Race();
    race.add(Contender.FORWARD, arrays.forward());
    race.add(Contender.BACKWARD, arrays.backward());
    try (OnnxPeer composed = OnnxAttention.of(arrays)) {
      race.add(
          Contender.ONNX_GRID_SAMPLE,
          composed.open(arrays.getGradient().ulike(), task.getThreads()));
      return race.run(task);
    }
  }
}
