package io.github.dcn4j.examples.onnx;

import io.github.dcn4j.examples.Linearity;
import io.github.dcn4j.onnx.OnnxModel;
import java.io.IOException;
import java.io.InputStream;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SameDiff;

class DigitsModelTest {
  @Test
  void theBundledClassifierIsNotLinear() throws IOException {
    try (InputStream in = ImageClassifier.class.getResourceAsStream("digits.onnx")) {
      SameDiff graph = OnnxModel.parse(in.readAllBytes()).toSameDiff();
      Linearity.assertNotLinear(
          images -> graph.output(Map.of("image", images), "scores").get("scores"), 1, 1, 28, 28);
    }
  }
}
