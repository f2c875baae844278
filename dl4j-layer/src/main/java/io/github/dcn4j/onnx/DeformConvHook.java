package io.github.dcn4j.onnx;

import io.github.dcn4j.ops.SDDeformable;
import java.util.List;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.samediff.frameworkimport.hooks.PreImportHook;
import org.nd4j.samediff.frameworkimport.hooks.annotations.PreHookRule;

/**
 * Puts {@code deformable_conv2d} where an ONNX model has {@code DeformConv}.
 *
 * <p>ND4J's importer finds this class by its annotation and makes it; nobody else needs to. See
 * {@link DeformConvImport}.
 */
@PreHookRule(
    nodeNames = {},
    opNames = {DeformConvImport.DEFORM_CONV},
    frameworkName = DeformConvImport.FRAMEWORK)
public final class DeformConvHook extends ImportHook implements PreImportHook {
  // The inputs' places in the standard
  private static final int X = 0;
  private static final int W = 1;
  private static final int OFFSET = 2;
  private static final int B = 3;
  private static final int MASK = 4;

  @Override
  SDVariable build(
      SameDiff sd, String output, List<String> inputs, Map<String, ? extends Object> attributes) {
    SDVariable x = input(sd, inputs, X, output, "X");
    SDVariable weights = input(sd, inputs, W, output, "W");
    SDVariable offset = input(sd, inputs, OFFSET, output, "offset");
    DeformConvAttributes parsed = DeformConvAttributes.of(output, attributes, weights.getShape());
    if (parsed.padsFirst()) {
      x = sd.nn().pad(x, sd.constant(parsed.excessPadding()), 0);
    }
    return new SDDeformable(sd)
        .deformableConv2d(
            output,
            x,
            weights,
            offset,
            optionalInput(sd, inputs, MASK),
            optionalInput(sd, inputs, B),
            parsed.config());
  }

  private static SDVariable input(
      SameDiff sd, List<String> names, int index, String output, String role) {
    SDVariable variable = optionalInput(sd, names, index);
    if (variable == null) {
      throw new IllegalArgumentException(
          "DeformConv " + output + ": input " + role + ": expected one, got none among " + names);
    }
    return variable;
  }

  /** Left out at the end, or by an empty name where others follow. */
  private static SDVariable optionalInput(SameDiff sd, List<String> names, int index) {
    return index >= names.size() || names.get(index).isEmpty()
        ? null
        : sd.getVariable(names.get(index));
  }
}
