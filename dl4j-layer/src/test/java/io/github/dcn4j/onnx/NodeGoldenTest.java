package io.github.dcn4j.onnx;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** ONNX's own node tests: values, shapes and types of every output. */
class NodeGoldenTest {
  /** As the standard's own runner compares: relative and absolute. */
  private static final double TOLERANCE = 1e-4;

  static Stream<NodeCases.Case> cases() {
    String only = System.getProperty("dcn4j.nodes", "");
    return NodeCases.all().filter(c -> c.getName().contains(only));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void valuesShapesAndTypes(NodeCases.Case c) {
    SameDiff sd = OnnxModel.parse(c.getModel()).toSameDiff();
    List<String> names = new ArrayList<>(c.getOutputs().keySet());
    for (int run = 0; run < 2; run++) { // the second reuses the first one's arrays
      Map<String, INDArray> outputs = sd.output(c.getInputs(), names);
      c.getOutputs().forEach((name, expected) -> assertSame(name, expected, outputs.get(name)));
    }
  }

  static void assertSame(String name, INDArray expected, INDArray actual) {
    assertEquals(expected.dataType(), actual.dataType(), name);
    assertArrayEquals(expected.shape(), actual.shape(), name);
    if (expected.isEmpty()) {
      return;
    }
    double[] e = expected.castTo(DataType.DOUBLE).dup('c').data().asDouble();
    double[] a = actual.castTo(DataType.DOUBLE).dup('c').data().asDouble();
    for (int i = 0; i < e.length; i++) {
      boolean close =
          Double.compare(e[i], a[i]) == 0
              || Math.abs(e[i] - a[i]) <= TOLERANCE * Math.max(1, Math.abs(e[i]));
      assertTrue(close, name + " at " + i + ": expected " + e[i] + ", got " + a[i]);
    }
  }
}
