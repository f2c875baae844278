package io.github.dcn4j.onnx;

import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The gradients of every converted op, by ONNX's own node tests. */
class NodeGradientTest {
  static Stream<NodeCases.Case> cases() {
    return NodeGoldenTest.cases().filter(NodeGradients::isDifferentiable);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void areThoseOfDifferences(NodeCases.Case c) throws Exception {
    NodeGradients.check(c, false);
  }

  static Stream<NodeCases.Case> resizing() {
    return cases().filter(c -> c.getName().matches("test_(resize|upsample).*"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("resizing")
  void areThoseOfDifferencesWhereSizesAreOpen(NodeCases.Case c) throws Exception {
    NodeGradients.check(c, true);
  }
}
