package io.github.dcn4j.onnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import onnx.Onnx;
import org.junit.jupiter.api.Test;

/** The README's table of ops is that of the registry. */
class SupportedOpsTest {
  private static final String BEGIN = "<!-- ops: SupportedOpsTest -->\n";
  private static final String END = "<!-- end of ops -->";

  @Test
  void theReadmeHasTheRegistrysTable() throws IOException {
    String readme = Files.readString(Path.of("README.md"));
    int begin = readme.indexOf(BEGIN);
    assertTrue(begin >= 0, "README.md lacks " + BEGIN);
    int end = readme.indexOf(END, begin);
    assertEquals(table(), readme.substring(begin + BEGIN.length(), end));
  }

  /** Ops by the opsets of models, and the node tests that each passes ({@link NodeGoldenTest}). */
  private static String table() throws IOException {
    Map<String, Integer> tests = new TreeMap<>();
    int all = 0;
    for (NodeCases.Case c : (Iterable<NodeCases.Case>) NodeCases.all()::iterator) {
      Onnx.GraphProto graph = Onnx.ModelProto.parseFrom(c.getModel()).getGraph();
      tests.merge(graph.getNode(0).getOpType(), 1, Integer::sum);
      all++;
    }
    StringBuilder text = new StringBuilder();
    text.append(all).append(" of ").append(all).append(" of the node tests pass.\n\n");
    text.append("| op | opsets | node tests |\n| --- | --- | --- |\n");
    for (Map.Entry<String, NavigableMap<Integer, Converters.Entry>> op :
        Converters.all().byName().entrySet()) {
      text.append("| ").append(op.getKey()).append(" | ");
      text.append(op.getValue().firstEntry().getValue().from()).append(" to ");
      text.append(op.getValue().lastEntry().getValue().to()).append(" | ");
      text.append(tests.getOrDefault(op.getKey(), 0)).append(" |\n");
    }
    return text.toString();
  }
}
