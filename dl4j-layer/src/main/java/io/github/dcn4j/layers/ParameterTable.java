package io.github.dcn4j.layers;

import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.nd4j.common.util.ArrayUtil;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Parameters by their names: views of a flat array, one after another, each in 'c' order. */
final class ParameterTable {
  private ParameterTable() {}

  static long length(long[] shape) {
    return ArrayUtil.prodLong(shape);
  }

  /** Views of a flat array with these shapes, in their order. */
  static Map<String, INDArray> views(Map<String, long[]> shapes, INDArray flattened) {
    INDArray flat = flattened.reshape(flattened.length());
    Map<String, INDArray> views = Collections.synchronizedMap(new LinkedHashMap<>());
    long start = 0;
    for (Map.Entry<String, long[]> e : shapes.entrySet()) {
      long end = start + length(e.getValue());
      INDArray view = flat.get(NDArrayIndex.interval(start, end));
      views.put(e.getKey(), view.reshape('c', e.getValue()));
      start = end;
    }
    return views;
  }

  /**
   * Sets one parameter.
   *
   * @param value of the parameter's shape; a bias may also be [1, n]
   * @param where whose parameters they are, for messages
   */
  static void set(Map<String, INDArray> table, String key, INDArray value, String where) {
    INDArray param = table.get(key);
    if (param == null) {
      throw new IllegalArgumentException(
          "setParam: expected one of " + table.keySet() + ", got " + key + " " + where);
    }
    boolean row = param.rank() == 1 && value.rank() == 2 && value.size(0) == 1;
    INDArray shaped = row ? value.reshape(value.length()) : value;
    if (!Arrays.equals(param.shape(), shaped.shape())) {
      throw new IllegalArgumentException(
          key
              + ": expected "
              + Arrays.toString(param.shape())
              + ", got "
              + Arrays.toString(value.shape())
              + " "
              + where);
    }
    param.assign(shaped);
  }
}
