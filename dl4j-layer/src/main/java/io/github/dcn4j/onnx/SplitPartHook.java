package io.github.dcn4j.onnx;

import java.util.List;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.samediff.frameworkimport.hooks.PreImportHook;
import org.nd4j.samediff.frameworkimport.hooks.annotations.PreHookRule;

/**
 * One output of a {@code Split}, which ND4J 1.0.0-M2.1 fails to import: a slice along an axis,
 * either from {@code begin} to {@code end}, or one of equal parts.
 *
 * <p>ND4J's importer finds this class by its annotation and makes it; nobody else needs to.
 */
@PreHookRule(
    nodeNames = {},
    opNames = {DeformConvImport.SPLIT_PART},
    frameworkName = DeformConvImport.FRAMEWORK)
public final class SplitPartHook extends ImportHook implements PreImportHook {
  @Override
  SDVariable build(
      SameDiff sd, String output, List<String> inputs, Map<String, ? extends Object> attributes) {
    SDVariable x = sd.getVariable(inputs.get(0));
    int rank = x.getShape().length;
    int axis = Math.floorMod((Long) attributes.get("axis"), rank);
    long[] begin = new long[rank];
    long[] end = new long[rank];
    long[] step = new long[rank];
    for (int i = 0; i < rank; i++) {
      step[i] = 1;
    }
    if (attributes.containsKey("end")) {
      begin[axis] = (Long) attributes.get("begin");
      end[axis] = (Long) attributes.get("end");
    } else { // equal parts, of which the last may be smaller
      long size = x.getShape()[axis];
      long parts = (Long) attributes.get("parts");
      long part = (size + parts - 1) / parts;
      begin[axis] = (Long) attributes.get("index") * part;
      end[axis] = Math.min(size, begin[axis] + part);
    }
    int wholeAxes = ~(1 << axis) & ((1 << rank) - 1);
    return sd.stridedSlice(output, x, begin, end, step, wholeAxes, wholeAxes, 0, 0, 0);
  }
}
