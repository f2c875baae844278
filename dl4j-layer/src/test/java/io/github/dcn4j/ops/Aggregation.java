package io.github.dcn4j.ops;

import io.github.dcn4j.Goldens;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import lombok.Builder;
import lombok.Value;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.factory.Nd4j;

/** One call of {@code dcnv3} or, without a configuration, of multi-scale deformable attention. */
@Value
@Builder(toBuilder = true)
class Aggregation {
  String name;
  DCNv3Config config;
  List<INDArray> inputs;
  INDArray gradOutput;

  /** [2, 6, 5, 6], three groups, → [2, 4, 5, 6] with 3 × 2 taps. */
  static Aggregation dcnv3(DataType type) {
    Nd4j.getRandom().setSeed(42);
    return builder()
        .name("dcnv3")
        .config(
            DCNv3Config.builder()
                .kH(3)
                .kW(2)
                .sH(2)
                .pH(2)
                .pW(1)
                .dW(2)
                .groups(3)
                .offsetScale(1.5)
                .build())
        .inputs(
            List.of(
                Nd4j.rand(type, 2, 6, 5, 6),
                Nd4j.rand(type, 2, 4, 5, 36).muli(0.6).addi(0.03),
                Nd4j.rand(type, 2, 4, 5, 18)))
        .gradOutput(Nd4j.rand(type, 2, 4, 5, 6))
        .build();
  }

  /** Levels of 3 × 4 and 2 × 2 pixels, two heads of three channels, five queries, two points. */
  static Aggregation attention(DataType type) {
    Nd4j.getRandom().setSeed(42);
    return builder()
        .name("multi_scale_deformable_attention")
        .inputs(
            List.of(
                Nd4j.rand(type, 2, 16, 2, 3),
                Nd4j.createFromArray(new int[][] {{3, 4}, {2, 2}}),
                Nd4j.rand(type, 2, 5, 2, 2, 2, 2).muli(1.1),
                Nd4j.rand(type, 2, 5, 2, 2, 2)))
        .gradOutput(Nd4j.rand(type, 2, 5, 6))
        .build();
  }

  static Stream<Aggregation> both(DataType type) {
    return Stream.of(dcnv3(type), attention(type));
  }

  static Aggregation ofDcnv3(Goldens.Case golden, DataType type) {
    return builder()
        .name("dcnv3")
        .config(
            DCNv3Config.fromArgs(
                golden.numbers(
                    "kernel", "stride", "padding", "dilation", "groups", "remove_center"),
                new double[] {golden.getArguments().get("offset_scale").asDouble()}))
        .inputs(
            List.of(
                golden.array("input", type),
                golden.array("offset", type),
                golden.array("mask", type)))
        .gradOutput(golden.array("grad_output", type))
        .build();
  }

  static Aggregation ofAttention(Goldens.Case golden, DataType type) {
    int levels = golden.getArguments().get("spatial_shapes").size();
    long[][] shapes = new long[levels][2];
    for (int level = 0; level < levels; level++) {
      for (int i = 0; i < 2; i++) {
        shapes[level][i] = golden.getArguments().get("spatial_shapes").get(level).get(i).asLong();
      }
    }
    return builder()
        .name("multi_scale_deformable_attention")
        .inputs(
            List.of(
                golden.array("value", type),
                Nd4j.createFromArray(shapes),
                golden.array("sampling_locations", type),
                golden.array("attention_weights", type)))
        .gradOutput(golden.array("grad_output", type))
        .build();
  }

  /** The inputs that have a gradient. */
  List<INDArray> floating() {
    return inputs.stream()
        .filter(array -> array.dataType().isFPType())
        .collect(Collectors.toList());
  }

  INDArray forward() {
    NDDeformable ops = new NDDeformable();
    return config == null
        ? ops.multiScaleDeformableAttention(
            inputs.get(0), inputs.get(1), inputs.get(2), inputs.get(3))
        : ops.dcnv3(inputs.get(0), inputs.get(1), inputs.get(2), config);
  }

  INDArray[] backward() {
    NDDeformable ops = new NDDeformable();
    return config == null
        ? ops.multiScaleDeformableAttentionBp(
            inputs.get(0), inputs.get(1), inputs.get(2), inputs.get(3), gradOutput)
        : ops.dcnv3Bp(inputs.get(0), inputs.get(1), inputs.get(2), gradOutput, config);
  }

  /** Forward, then the gradients. */
  INDArray[] all() {
    INDArray[] gradients = backward();
    INDArray[] results = new INDArray[gradients.length + 1];
    results[0] = forward();
    System.arraycopy(gradients, 0, results, 1, gradients.length);
    return results;
  }

  /** In a graph, on variables of these names. */
  SDVariable in(SameDiff sd, String... names) {
    SDVariable[] v = new SDVariable[inputs.size()];
    for (int i = 0; i < v.length; i++) {
      INDArray array = inputs.get(i);
      v[i] = array.dataType().isFPType() ? sd.var(names[i], array) : sd.constant(names[i], array);
    }
    SDDeformable ops = new SDDeformable(sd);
    return config == null
        ? ops.multiScaleDeformableAttention("output", v[0], v[1], v[2], v[3])
        : ops.dcnv3("output", v[0], v[1], v[2], config);
  }

  /** By the op's name, as programs call it that don't use this library's classes. */
  DynamicCustomOp.DynamicCustomOpsBuilder call(boolean backward) {
    List<INDArray> arrays = new ArrayList<>(inputs);
    if (backward) {
      arrays.add(gradOutput);
    }
    return Calls.call(
        backward ? name + "_bp" : name,
        config == null ? new NoArguments() : config,
        arrays.toArray(new INDArray[0]));
  }

  /** The same call with one input replaced. */
  Aggregation with(int place, INDArray input) {
    List<INDArray> changed = new ArrayList<>(inputs);
    changed.set(place, input);
    return toBuilder().inputs(changed).build();
  }

  /** Each floating array replaced by what {@code change} makes of it. */
  Aggregation map(UnaryOperator<INDArray> change) {
    return toBuilder()
        .inputs(
            inputs.stream()
                .map(array -> array.dataType().isFPType() ? change.apply(array) : array)
                .collect(Collectors.toList()))
        .gradOutput(change.apply(gradOutput))
        .build();
  }

  @Override
  public String toString() {
    return name;
  }
}
