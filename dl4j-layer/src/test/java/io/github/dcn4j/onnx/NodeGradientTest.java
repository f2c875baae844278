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
    NodeGradients.check(c);
  }
}
