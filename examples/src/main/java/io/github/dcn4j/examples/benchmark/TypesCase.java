package io.github.dcn4j.examples.benchmark;

import java.util.Map;
import lombok.experimental.UtilityClass;
import org.nd4j.linalg.api.buffer.DataType;

/** Deformable convolution of one shape in every type, beside oneDNN's plain one in float. */
@UtilityClass
class TypesCase {
  /**
   * Times them.
   *
   * @param peers null without
   */
  static Map<Contender, Timing> run(ConvolutionShape shape, Task task, NativePeers peers)
      throws Exception {
    Race race = new Race();
    add(race, shape, DataType.FLOAT, Contender.FORWARD, Contender.BACKWARD);
    add(race, shape, DataType.FLOAT16, Contender.HALF_FORWARD, Contender.HALF_BACKWARD);
    add(race, shape, DataType.BFLOAT16, Contender.BFLOAT16_FORWARD, Contender.BFLOAT16_BACKWARD);
    add(race, shape, DataType.DOUBLE, Contender.DOUBLE_FORWARD, Contender.DOUBLE_BACKWARD);
    if (peers != null) {
      peers.addTo(race, shape);
    }
    return race.run(task);
  }

  private static void add(
      Race race, ConvolutionShape shape, DataType type, Contender forward, Contender backward) {
    ConvolutionArrays arrays = new ConvolutionArrays(shape, type);
    race.add(forward, arrays.forward());
    race.add(backward, arrays.backward());
  }
}
