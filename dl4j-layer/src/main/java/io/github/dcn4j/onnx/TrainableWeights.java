package io.github.dcn4j.onnx;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import onnx.Onnx;

/** Finds the stored tensors that training may change. */
final class TrainableWeights {
  /** Ops, and which of their inputs are weights; the statistics of normalisations are not. */
  private static final Map<String, List<Integer>> INPUTS = new TreeMap<>();

  static {
    INPUTS.put("BatchNormalization", Arrays.asList(1, 2));
    INPUTS.put("Conv", Arrays.asList(1, 2));
    INPUTS.put("ConvTranspose", Arrays.asList(1, 2));
    INPUTS.put("DeformConv", Arrays.asList(1, 3));
    INPUTS.put("Gemm", Arrays.asList(1, 2));
    INPUTS.put("GroupNormalization", Arrays.asList(1, 2));
    INPUTS.put("InstanceNormalization", Arrays.asList(1, 2));
    INPUTS.put("LayerNormalization", Arrays.asList(1, 2));
    INPUTS.put("MatMul", Arrays.asList(0, 1));
    INPUTS.put("PRelu", Arrays.asList(1));
  }

  private TrainableWeights() {}

  /** Names of initializers, of {@code Constant} nodes, and of identities of such. */
  static Set<String> of(Graph graph) {
    Set<String> weights = new HashSet<>();
    for (Onnx.NodeProto node : graph.nodes()) {
      for (int index : INPUTS.getOrDefault(node.getOpType(), Arrays.asList())) {
        if (Graph.isStandard(node.getDomain()) && index < node.getInputCount()) {
          weights.add(node.getInput(index));
        }
      }
    }
    return weights;
  }
}
