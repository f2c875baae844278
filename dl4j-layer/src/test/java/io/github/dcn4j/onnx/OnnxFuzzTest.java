package io.github.dcn4j.onnx;

import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import onnx.Onnx;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Damaged and hostile models: parsing and importing end in an IllegalArgumentException or in a
 * graph, soon, whatever bytes, names, sizes and attributes there are.
 */
class OnnxFuzzTest {
  private static final int MODELS = Integer.getInteger("dcn4j.onnx.fuzz", 1500);
  private static final long[] NUMBERS = {
    0,
    1,
    -1,
    2,
    3,
    7,
    -2,
    255,
    1 << 16,
    Integer.MAX_VALUE,
    Integer.MIN_VALUE,
    1L << 40,
    Long.MAX_VALUE,
    Long.MIN_VALUE
  };

  private final Random random = new Random(5);

  private static void importOrRefuse(String what, byte[] model) {
    assertTimeoutPreemptively(
        Duration.ofSeconds(60),
        () -> {
          try {
            OnnxModel parsed = OnnxModel.parse(model);
            parsed.toSameDiff();
          } catch (IllegalArgumentException e) {
            assertTrue(e.getMessage() != null && !e.getMessage().isEmpty(), what);
          } catch (Throwable t) {
            fail(what + ": " + t, t);
          }
        });
  }

  private static List<NodeCases.Case> cases() {
    return NodeCases.all().collect(Collectors.toList());
  }

  @Test
  void damagedBytes() {
    List<NodeCases.Case> cases = cases();
    for (int n = 0; n < MODELS; n++) {
      NodeCases.Case c = cases.get(random.nextInt(cases.size()));
      byte[] bytes = c.getModel().clone();
      if (random.nextInt(4) == 0) {
        bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
      }
      for (int flips = random.nextInt(4); flips > 0 && bytes.length > 0; flips--) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
      }
      importOrRefuse(c.getName() + " of damage " + n, bytes);
    }
  }

  @Test
  void wrongAttributesInputsAndSizes() throws Exception {
    List<NodeCases.Case> cases = cases();
    for (int n = 0; n < MODELS; n++) {
      NodeCases.Case c = cases.get(random.nextInt(cases.size()));
      Onnx.ModelProto.Builder model = Onnx.ModelProto.parseFrom(c.getModel()).toBuilder();
      for (int changes = 1 + random.nextInt(3); changes > 0; changes--) {
        change(model.getGraphBuilder());
      }
      importOrRefuse(c.getName() + " of change " + n, model.build().toByteArray());
    }
  }

  private long number() {
    return NUMBERS[random.nextInt(NUMBERS.length)];
  }

  private Onnx.TypeProto.Tensor.Builder typeOfAnInput(Onnx.GraphProto.Builder graph) {
    return graph
        .getInputBuilder(random.nextInt(graph.getInputCount()))
        .getTypeBuilder()
        .getTensorTypeBuilder();
  }

  private void change(Onnx.GraphProto.Builder graph) {
    Onnx.NodeProto.Builder node = graph.getNodeBuilder(0);
    switch (random.nextInt(6)) {
      case 0:
        if (node.getAttributeCount() > 0) {
          change(node.getAttributeBuilder(random.nextInt(node.getAttributeCount())));
        }
        break;
      case 1:
        if (node.getInputCount() > 0) {
          int input = random.nextInt(node.getInputCount());
          node.setInput(input, random.nextBoolean() ? "" : node.getInput(0));
        }
        break;
      case 2:
        if (graph.getInputCount() > 0) {
          Onnx.TypeProto.Tensor.Builder type = typeOfAnInput(graph);
          if (type.getShape().getDimCount() > 0) {
            int axis = random.nextInt(type.getShape().getDimCount());
            type.getShapeBuilder().getDimBuilder(axis).setDimValue(number());
          }
          type.getShapeBuilder().addDimBuilder().setDimValue(random.nextInt(3));
        }
        break;
      case 3:
        if (graph.getInputCount() > 0) {
          Onnx.TypeProto.Tensor.Builder type = typeOfAnInput(graph);
          if (random.nextBoolean()) {
            type.setElemType(random.nextInt(17));
          } else {
            type.clearShape();
          }
        }
        break;
      case 4:
        storeInput(graph);
        break;
      default:
        node.addOutput("more" + random.nextInt());
    }
  }

  private void change(Onnx.AttributeProto.Builder attribute) {
    if (attribute.getIntsCount() > 0) {
      attribute.setInts(random.nextInt(attribute.getIntsCount()), number());
    } else if (attribute.getType() == Onnx.AttributeProto.AttributeType.INT) {
      attribute.setI(number());
    } else if (attribute.getType() == Onnx.AttributeProto.AttributeType.FLOAT) {
      attribute.setF(random.nextBoolean() ? Float.NaN : number());
    } else {
      attribute.setName("unknown" + random.nextInt());
    }
  }

  /** Makes an input of whole numbers a stored tensor of any. */
  private void storeInput(Onnx.GraphProto.Builder graph) {
    for (int i = 1; i < graph.getInputCount(); i++) {
      Onnx.ValueInfoProto input = graph.getInput(i);
      Onnx.TypeProto.Tensor type = input.getType().getTensorType();
      if (type.getElemType() == Onnx.TensorProto.DataType.INT64_VALUE
          && type.getShape().getDimCount() == 1) {
        List<Long> values = new ArrayList<>();
        long length = Math.max(0, Math.min(8, type.getShape().getDim(0).getDimValue()));
        for (int k = 0; k < length; k++) {
          values.add(number());
        }
        graph.removeInput(i);
        graph.addInitializer(
            Onnx.TensorProto.newBuilder()
                .setName(input.getName())
                .setDataType(Onnx.TensorProto.DataType.INT64_VALUE)
                .addDims(values.size())
                .addAllInt64Data(values));
        return;
      }
    }
  }

  @Test
  void longChainsOfNames() {
    TestGraph graph = new TestGraph().input("v0", DataType.FLOAT, 2);
    for (int i = 0; i < 20_000; i++) {
      graph.node("Identity", List.of("v" + i), "v" + (i + 1));
    }
    importOrRefuse("chain", graph.model(DataType.FLOAT, "v20000"));
  }

  @Test
  void cyclesAndMissingInputsAreTold() {
    TestGraph cycle =
        new TestGraph()
            .input("x", DataType.FLOAT, 2)
            .node("Add", List.of("x", "b"), "a")
            .node("Relu", List.of("a"), "b");
    assertMessage(cycle, "b", "cycle");
    TestGraph missing =
        new TestGraph().input("x", DataType.FLOAT, 2).node("Add", List.of("x", "nowhere"), "a");
    assertMessage(missing, "a", "nowhere");
  }

  private static void assertMessage(TestGraph graph, String output, String what) {
    byte[] model = graph.model(DataType.FLOAT, output);
    try {
      OnnxModel.parse(model).toSameDiff();
      fail("expected an exception");
    } catch (IllegalArgumentException e) {
      assertTrue(e.getMessage().contains(what), e.getMessage());
    }
  }
}
