package io.github.dcn4j.onnx;

import java.util.List;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.samediff.frameworkimport.hooks.PreImportHook;
import org.nd4j.samediff.frameworkimport.hooks.annotations.PreHookRule;

/**
 * A product of two matrices, each of which may be transposed first. ND4J 1.0.0-M2.1 imports {@code
 * MatMul} with a factor of 0, and {@code Gemm} so that it writes beyond its addend.
 *
 * <p>ND4J's importer finds this class by its annotation and makes it; nobody else needs to.
 */
@PreHookRule(
    nodeNames = {},
    opNames = {DeformConvImport.MATRIX_PRODUCT},
    frameworkName = DeformConvImport.FRAMEWORK)
public final class MatrixProductHook extends ImportHook implements PreImportHook {
  @Override
  SDVariable build(
      SameDiff sd, String output, List<String> inputs, Map<String, ? extends Object> attributes) {
    return sd.mmul(
        output,
        sd.getVariable(inputs.get(0)),
        sd.getVariable(inputs.get(1)),
        isSet(attributes, "transA"),
        isSet(attributes, "transB"),
        false);
  }

  private static boolean isSet(Map<String, ? extends Object> attributes, String name) {
    return attributes.containsKey(name) && ((Number) attributes.get(name)).longValue() != 0;
  }
}
