package io.github.dcn4j.inference;

import io.github.dcn4j.ops.DCNv3;
import io.github.dcn4j.ops.DeformableConv2D;
import io.github.dcn4j.ops.DeformablePSROIPooling;
import io.github.dcn4j.ops.MultiScaleDeformableAttention;
import io.github.dcn4j.ops.PlainConv2D;
import java.util.Set;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.linalg.api.ops.BaseOp;
import org.nd4j.linalg.api.ops.CustomOp;
import org.nd4j.linalg.api.ops.Op;
import org.nd4j.linalg.api.ops.RandomOp;
import org.nd4j.linalg.api.ops.ReduceOp;
import org.nd4j.linalg.api.ops.ScalarOp;

/**
 * What a plan has to know of ops; of those that it does not know it asks for shapes at each call.
 */
final class OpKinds {
  /** Control flow, and ops that do more than to make outputs of inputs. */
  private static final Set<String> UNPLANNED =
      Set.of(
          "Assert",
          "assign",
          "create_view",
          "dropout",
          "dropout_inverted",
          "ExternalErrorsFn",
          "grad_of_output",
          "invoke",
          "print_variable",
          "random_crop",
          "set_seed",
          "get_seed");

  /** Packages of ND4J whose ops are not planned. */
  private static final Set<String> UNPLANNED_PACKAGES =
      Set.of("controlflow.compat", "custom.random", "nlp", "random", "tensorops", "updaters");

  /** Ops that look at the sizes of their inputs alone. */
  private static final Set<String> OF_SHAPES =
      Set.of(
          "ones_as", "rank", "shape_of", "shapes_of", "size", "size_at", "zeros_as", "zeroslike");

  /** The sizes of the outputs depend on those of all inputs, not on what is in them. */
  private static final Set<String> PLAIN =
      Set.of(
          "Floor",
          "Log1p",
          "ClipByValue",
          "add",
          "avgpool2d",
          "batchnorm",
          "boolean_and",
          "boolean_not",
          "boolean_or",
          "boolean_xor",
          "cast",
          "clipbyvalue",
          "concat",
          "conv1d",
          "conv2d",
          "cumsum",
          DCNv3.OP_NAME,
          PlainConv2D.OP_NAME,
          "deconv2d",
          DeformableConv2D.OP_NAME,
          DeformablePSROIPooling.OP_NAME,
          "depth_to_space",
          "depthwise_conv2d",
          "divide",
          "eq",
          "equals",
          "floordiv",
          "floormod",
          "gather",
          "gather_nd",
          "greater",
          "greater_equal",
          "less",
          "less_equal",
          "lstm",
          "matmul",
          "maximum",
          "maxpool2d",
          "minimum",
          "mod",
          "mul",
          MultiScaleDeformableAttention.OP_NAME,
          "multiply",
          "mmul",
          "not_equals",
          "pow",
          "Pow",
          "realdiv",
          "relu",
          "relu6",
          "reversesubtract",
          "reversedivide",
          "Select",
          "select",
          "softmax",
          "space_to_depth",
          "split",
          "split_v",
          "squaredsubtract",
          "squeeze",
          "stack",
          "subtract",
          "upsampling2d");

  /** As {@link #PLAIN}, where the inputs but the first are known. */
  private static final Set<String> PLAIN_IN_FIRST =
      Set.of(
          "expand_dims",
          "mirror_pad",
          "pad",
          "permute",
          "reduce_logsumexp",
          "reduce_max",
          "reduce_mean",
          "reduce_min",
          "reduce_norm1",
          "reduce_norm2",
          "reduce_prod",
          "reduce_sqnorm",
          "reduce_sum",
          "reshape",
          "resize_bilinear",
          "resize_nearest_neighbor",
          "reverse",
          "slice",
          "strided_slice",
          "stridedslice",
          "tile",
          "transpose");

  private OpKinds() {}

  static boolean canBePlanned(DifferentialFunction op) {
    boolean runs = op instanceof CustomOp || op instanceof BaseOp;
    String name = op.getClass().getPackage().getName();
    return runs
        && !(op instanceof RandomOp)
        && UNPLANNED_PACKAGES.stream().noneMatch(part -> name.contains("." + part))
        && !UNPLANNED.contains(op.opName());
  }

  static boolean isOfShapes(DifferentialFunction op) {
    return OF_SHAPES.contains(op.opName());
  }

  /**
   * Whether an op of ND4J's older kind is told axes or a number by its second input: SameDiff then
   * writes them into the op, which all plans and threads share.
   */
  static boolean hasParameters(DifferentialFunction op) {
    return op.argNames() != null
        && op.argNames().length > 1
        && (op instanceof ScalarOp
            || op instanceof ReduceOp && ((ReduceOp) op).getOpType() != Op.Type.REDUCE3);
  }

  /** Whether the sizes of what an op makes are settled by those of what it reads. */
  static boolean isSettled(DifferentialFunction op, int inputs, boolean othersKnown) {
    boolean choosing = op.opName().equals("Where") && inputs == 3; // else it lists positions
    return op instanceof BaseOp
        || choosing
        || PLAIN.contains(op.opName())
        || othersKnown && PLAIN_IN_FIRST.contains(op.opName());
  }

  /** Whether an op only gives its input another shape. */
  static boolean isReshaping(DifferentialFunction op) {
    String name = op.opName();
    return name.equals("reshape") || name.equals("squeeze") || name.equals("expand_dims");
  }
}
