package io.github.dcn4j.onnx;

import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.samediff.frameworkimport.hooks.PreImportHook;
import org.nd4j.samediff.frameworkimport.hooks.annotations.PreHookRule;

/**
 * The mean over all axes but the first two. What ND4J 1.0.0-M2.1 makes of {@code GlobalAveragePool}
 * computes the axes in the graph, and its gradient writes beyond an array.
 *
 * <p>ND4J's importer finds this class by its annotation and makes it; nobody else needs to.
 */
@PreHookRule(
    nodeNames = {},
    opNames = {DeformConvImport.GLOBAL_AVERAGE},
    frameworkName = DeformConvImport.FRAMEWORK)
public final class GlobalAverageHook extends ImportHook implements PreImportHook {
  @Override
  SDVariable build(
      SameDiff sd, String output, List<String> inputs, Map<String, ? extends Object> attributes) {
    SDVariable x = sd.getVariable(inputs.get(0));
    int[] axes = IntStream.range(2, x.getShape().length).toArray();
    return sd.mean(output, x, true, axes);
  }
}
