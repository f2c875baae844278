package io.github.dcn4j.onnx;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.samediff.frameworkimport.hooks.PreImportHook;
import org.nd4j.samediff.frameworkimport.hooks.annotations.PreHookRule;

/**
 * Batch normalisation with fixed statistics, as scaling and shifting of each channel: in a graph
 * that is to be trained, since SameDiff's own op has no gradient there in ND4J 1.0.0-M2.1.
 *
 * <p>ND4J's importer finds this class by its annotation and makes it; nobody else needs to.
 */
@PreHookRule(
    nodeNames = {},
    opNames = {DeformConvImport.FROZEN_BATCH_NORMALIZATION},
    frameworkName = DeformConvImport.FRAMEWORK)
public final class FrozenBatchNormalizationHook extends ImportHook implements PreImportHook {
  private static final double STANDARD_EPSILON = 1e-5;

  @Override
  SDVariable build(
      SameDiff sd, String output, List<String> inputs, Map<String, ? extends Object> attributes) {
    SDVariable x = sd.getVariable(inputs.get(0)); // [N, C, ...]
    SDVariable scale = sd.getVariable(inputs.get(1));
    SDVariable bias = sd.getVariable(inputs.get(2));
    SDVariable mean = sd.getVariable(inputs.get(3));
    SDVariable variance = sd.getVariable(inputs.get(4));
    Object epsilon = attributes.get("epsilon");
    double addend = epsilon == null ? STANDARD_EPSILON : ((Number) epsilon).doubleValue();

    int[] perChannel = new int[x.getShape().length];
    Arrays.fill(perChannel, 1);
    perChannel[1] = -1;
    SDVariable factor = scale.div(sd.math().sqrt(variance.add(addend)));
    SDVariable shift = bias.sub(mean.mul(factor));
    return x.mul(factor.reshape(perChannel)).add(output, shift.reshape(perChannel));
  }
}
