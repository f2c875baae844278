package io.github.dcn4j.examples.benchmark;

import io.github.dcn4j.examples.Linearity;
import java.util.List;
import java.util.function.Supplier;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;

class TrainingCaseTest {
  @Test
  void itsNetworksAreNotLinearBeforeTheirPooling() {
    ConvolutionShape shape = new ConvolutionShape(1, 4, 8, 4, 1);
    List<Supplier<Layer>> kinds =
        List.of(() -> TrainingCase.deformable(shape), () -> TrainingCase.plain(shape));
    for (Supplier<Layer> kind : kinds) {
      MultiLayerNetwork network = TrainingCase.network(shape, kind);
      Linearity.assertNotLinear(
          images -> network.feedForward(images).get(TrainingCase.LAYERS), 1, 4, 8, 8);
    }
  }
}
