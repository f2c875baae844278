package io.github.dcn4j.onnx;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import onnx.Onnx;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.shade.protobuf.InvalidProtocolBufferException;

/**
 * Compares gradients with differences, for one node in DOUBLE. Its inputs of floating point numbers
 * are variables; the loss is the sum of the outputs of such numbers, each times a random weight.
 */
final class NodeGradients {
  private static final double STEP = 1e-6;
  private static final double TOLERANCE = 1e-5;
  private static final int MOST_ELEMENTS = 8;
  private static final String LOSS = "loss of the test";

  private final Random random = new Random(7);
  private final Map<String, INDArray> variables = new LinkedHashMap<>();
  private final Map<String, INDArray> others = new LinkedHashMap<>();
  private final SameDiff sd;

  private NodeGradients(NodeCases.Case c, boolean openSizes) throws InvalidProtocolBufferException {
    Onnx.ModelProto.Builder model = Onnx.ModelProto.parseFrom(c.getModel()).toBuilder();
    Onnx.GraphProto.Builder graph = model.getGraphBuilder();
    Set<Onnx.ValueInfoProto> inputs = new LinkedHashSet<>(graph.getInputList());
    graph.clearInput();
    for (Onnx.ValueInfoProto input : inputs) {
      INDArray array = c.getInputs().get(input.getName());
      boolean parameter = isParameter(graph.getNode(0), input.getName());
      if (parameter && !openSizes) {
        graph.addInitializer(TestGraph.tensor(input.getName(), array));
      } else if (isFloat(array) && !parameter) {
        INDArray wide = array.castTo(DataType.DOUBLE);
        wide.addi(Nd4j.rand(DataType.DOUBLE, wide.shape()).mul(0.05).add(0.02));
        graph.addInitializer(TestGraph.tensor(input.getName(), wide));
        variables.put(input.getName(), wide);
      } else {
        graph.addInput(input);
        others.put(input.getName(), array);
      }
    }
    Graph checked = new Graph(model.build());
    sd = new GraphImport(checked, new ExternalData(null), variables.keySet()).run();
    addLoss(c);
  }

  /**
   * What decides on sizes is no variable. All else is moved off the kinks that whole numbers and
   * equal ones are.
   */
  private static boolean isParameter(Onnx.NodeProto node, String input) {
    boolean first = node.getInputList().indexOf(input) == 0;
    String op = node.getOpType();
    return !first && (op.equals("Resize") || op.equals("Upsample"));
  }

  private void addLoss(NodeCases.Case c) {
    Set<String> names =
        c.getOutputs().entrySet().stream()
            .filter(output -> isFloat(output.getValue()) && !output.getValue().isEmpty())
            .map(Map.Entry::getKey)
            .collect(Collectors.toCollection(LinkedHashSet::new));
    Nd4j.getRandom().setSeed(11);
    SDVariable loss = null;
    for (String name : names) {
      INDArray weights = Nd4j.rand(DataType.DOUBLE, c.getOutputs().get(name).shape()).add(0.5);
      SDVariable product = sd.getVariable(name).mul(sd.constant(weights));
      SDVariable sum = sd.reshape(product, 1, -1, 1).sum(false, 0, 1, 2);
      loss = loss == null ? sum : loss.add(sum);
    }
    loss.rename(LOSS);
    sd.setLossVariables(LOSS);
  }

  private static boolean isFloat(INDArray array) {
    return array.dataType().isFPType();
  }

  /** Whether there is something to compare: powers of negative numbers have no gradient. */
  static boolean isDifferentiable(NodeCases.Case c) {
    boolean defined = !c.getName().matches("test_pow|test_mod_float_edge_cases.*");
    return defined
        && c.getInputs().values().stream().anyMatch(a -> isFloat(a) && !a.isEmpty())
        && c.getOutputs().values().stream().anyMatch(a -> isFloat(a) && !a.isEmpty());
  }

  /**
   * Compares the gradients of all inputs.
   *
   * @param openSizes whether what decides on sizes is told only while the graph runs
   */
  static void check(NodeCases.Case c, boolean openSizes) throws InvalidProtocolBufferException {
    NodeGradients gradients = new NodeGradients(c, openSizes);
    String[] names =
        gradients.variables.entrySet().stream()
            .filter(variable -> !variable.getValue().isEmpty())
            .map(Map.Entry::getKey)
            .toArray(String[]::new);
    Map<String, INDArray> found = gradients.sd.calculateGradients(gradients.others, names);
    for (String name : names) {
      INDArray none = Nd4j.zeros(DataType.DOUBLE, gradients.variables.get(name).shape());
      gradients.check(name, found.get(name) == null ? none : found.get(name));
    }
  }

  private void check(String name, INDArray gradient) {
    INDArray array = sd.getVariable(name).getArr();
    assertArrayEquals(array.shape(), gradient.shape(), name);
    INDArray flat = array.reshape(array.length());
    INDArray g = gradient.dup('c').reshape(gradient.length());
    int count = (int) Math.min(flat.length(), MOST_ELEMENTS);
    for (int n = 0; n < count; n++) {
      int i = flat.length() <= MOST_ELEMENTS ? n : random.nextInt((int) flat.length());
      double before = flat.getDouble(i);
      flat.putScalar(i, before + STEP);
      double above = loss();
      flat.putScalar(i, before - STEP);
      double below = loss();
      flat.putScalar(i, before);
      double expected = (above - below) / (2 * STEP);
      boolean close =
          Math.abs(expected - g.getDouble(i)) <= TOLERANCE * Math.max(1, Math.abs(expected));
      assertTrue(
          close,
          "gradient of "
              + name
              + " at "
              + i
              + ": expected "
              + expected
              + ", got "
              + g.getDouble(i));
    }
  }

  private double loss() {
    return sd.output(others, LOSS).get(LOSS).getDouble(0);
  }
}
