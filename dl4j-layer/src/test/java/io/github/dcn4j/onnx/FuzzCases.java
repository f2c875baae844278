package io.github.dcn4j.onnx;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Models of one node with random shapes, types, attributes and opsets. */
final class FuzzCases {
  private static final DataType[] NUMBERS = {
    DataType.FLOAT, DataType.DOUBLE, DataType.INT64, DataType.INT32
  };
  private static final DataType[] ALL = {
    DataType.FLOAT, DataType.DOUBLE, DataType.INT64, DataType.INT32, DataType.BOOL, DataType.UINT8
  };

  final Map<String, INDArray> inputs = new LinkedHashMap<>();
  private final TestGraph graph = new TestGraph();
  private final List<String> names = new ArrayList<>();
  private final List<Object> attributes = new ArrayList<>();
  private final Random random;

  /** Whether sizes of inputs are told only while the graph runs. */
  private final boolean open;

  private int opset;
  private byte[] model;
  String text = "";

  private FuzzCases(long seed) {
    random = new Random(seed);
    open = random.nextInt(3) == 0;
    opset = pick(11, 13, 17, 18, 19);
  }

  private static final Map<String, Consumer<FuzzCases>> KINDS = new TreeMap<>();

  static {
    for (String op : new String[] {"Add", "Sub", "Mul", "Div", "Max", "Min"}) {
      KINDS.put(op, c -> c.binary(NUMBERS));
    }
    for (String op : new String[] {"Equal", "Greater", "Less"}) {
      KINDS.put(op, c -> c.binary(NUMBERS));
    }
    for (String op : new String[] {"And", "Or", "Xor"}) {
      KINDS.put(op, c -> c.binary(DataType.BOOL));
    }
    for (String op :
        new String[] {
          "ReduceSum",
          "ReduceMean",
          "ReduceMax",
          "ReduceMin",
          "ReduceProd",
          "ReduceL1",
          "ReduceL2",
          "ReduceSumSquare",
          "ReduceLogSumExp"
        }) {
      boolean logs = op.contains("Log"); // of whole numbers nobody defines them
      KINDS.put(op, c -> c.reduction(op.equals("ReduceSum") ? 13 : 18, logs));
    }
    for (String op : new String[] {"Softmax", "LogSoftmax", "Hardmax"}) {
      KINDS.put(op, c -> c.of(c.array(DataType.FLOAT, c.shape(1, 4))).axis("axis"));
    }
    for (String op : new String[] {"ArgMax", "ArgMin"}) {
      KINDS.put(
          op,
          c ->
              c.of(c.array(c.pick(DataType.FLOAT, DataType.DOUBLE, DataType.INT32), c.shape(1, 4)))
                  .axis("axis")
                  .flag("keepdims"));
    }
    KINDS.put("Mod", c -> c.binary(DataType.INT64, DataType.INT32));
    KINDS.put("Slice", FuzzCases::slice);
    KINDS.put("Concat", FuzzCases::concat);
    KINDS.put("Gather", FuzzCases::gather);
    KINDS.put("GatherElements", c -> c.elements(false));
    KINDS.put("ScatterElements", c -> c.elements(true));
    KINDS.put("Transpose", FuzzCases::transpose);
    KINDS.put("Expand", FuzzCases::expand);
    KINDS.put("Tile", FuzzCases::tile);
    KINDS.put("Pad", FuzzCases::pad);
    KINDS.put("Where", FuzzCases::where);
    KINDS.put("TopK", FuzzCases::topK);
    KINDS.put("CumSum", FuzzCases::cumSum);
    KINDS.put("NonZero", c -> c.of(c.sparse(c.shape(1, 3))));
    KINDS.put("Compress", FuzzCases::compress);
    KINDS.put("ReverseSequence", FuzzCases::reverse);
    KINDS.put("MatMul", FuzzCases::matMul);
    KINDS.put("Einsum", FuzzCases::einsum);
    KINDS.put("MaxPool", c -> c.window(4, false));
    KINDS.put("AveragePool", c -> c.window(4, true));
    KINDS.put("LpPool", c -> c.window(4, false));
    KINDS.put("Conv", FuzzCases::conv);
  }

  static List<String> kinds() {
    return new ArrayList<>(KINDS.keySet());
  }

  /** The case of a kind and a seed. */
  static FuzzCases of(String kind, long seed) {
    FuzzCases c = new FuzzCases(seed * 31 + kind.hashCode());
    KINDS.get(kind).accept(c);
    c.graph.node(kind, c.names, "y", c.attributes.toArray());
    c.model = c.graph.untyped(c.opset, "y");
    c.text = kind + " " + seed + ": opset " + c.opset + (c.open ? ", open" : "") + c.text;
    return c;
  }

  boolean hasOpenSizes() {
    return open;
  }

  byte[] model() {
    return model;
  }

  @SafeVarargs
  private final <T> T pick(T... values) {
    return values[random.nextInt(values.length)];
  }

  private int in(int from, int to) {
    return from + random.nextInt(to - from + 1);
  }

  private long[] shape(int least, int most) {
    return IntStream.range(0, in(least, most)).mapToLong(i -> pick(1, 2, 3, 5)).toArray();
  }

  /** Small whole numbers, so that ties are frequent, or any numbers. */
  private INDArray array(DataType type, long... shape) {
    int length = (int) Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    boolean whole = !type.isFPType() || random.nextInt(3) == 0;
    double[] values = new double[length];
    for (int i = 0; i < length; i++) {
      values[i] = whole ? random.nextInt(7) - 3 : random.nextGaussian();
      values[i] = type == DataType.UINT8 || type == DataType.BOOL ? Math.abs(values[i]) : values[i];
    }
    INDArray array = Nd4j.createFromArray(values).reshape(shape);
    return type == DataType.BOOL ? array.gt(1) : array.castTo(type);
  }

  private INDArray sparse(long... shape) {
    return array(pick(DataType.FLOAT, DataType.BOOL, DataType.INT64), shape);
  }

  /** Adds an input of the graph. */
  private FuzzCases of(INDArray array) {
    String name = "x" + names.size();
    long[] shape = array.shape();
    if (open) {
      shape = Arrays.stream(shape).map(size -> -1).toArray();
    }
    graph.input(name, array.dataType(), shape);
    inputs.put(name, array);
    names.add(name);
    text += ", " + array.dataType() + Arrays.toString(array.shape());
    return this;
  }

  /** Adds a stored tensor of the graph. */
  private FuzzCases stored(long... values) {
    String name = "x" + names.size();
    graph.initializer(name, values);
    names.add(name);
    text += ", " + Arrays.toString(values);
    return this;
  }

  private FuzzCases set(String name, Object value) {
    attributes.add(name);
    attributes.add(value);
    text += ", " + name + " " + (value instanceof long[] ? Arrays.toString((long[]) value) : value);
    return this;
  }

  private FuzzCases flag(String name) {
    return random.nextBoolean() ? set(name, (long) in(0, 1)) : this;
  }

  private int rank() {
    return inputs.get("x0").rank();
  }

  private FuzzCases axis(String name) {
    return random.nextBoolean() ? set(name, (long) in(-rank(), rank() - 1)) : this;
  }

  /** Some sizes become 1, and leading ones go. */
  private long[] narrowed(long[] shape) {
    int gone = in(0, shape.length);
    return Arrays.stream(shape, gone, shape.length)
        .map(size -> random.nextInt(3) == 0 ? 1 : size)
        .toArray();
  }

  private void binary(DataType... types) {
    DataType type = pick(types);
    long[] shape = shape(0, 4);
    boolean first = random.nextBoolean();
    of(array(type, first ? shape : narrowed(shape)));
    of(array(type, first ? narrowed(shape) : shape));
    if (!type.isFPType() && type != DataType.BOOL) { // division by 0 is not defined
      INDArray divisor = inputs.get("x1");
      divisor.addi(divisor.eq(0).castTo(type));
    }
  }

  private void reduction(int byInput, boolean floats) {
    DataType type = floats ? pick(DataType.FLOAT, DataType.DOUBLE) : pick(NUMBERS);
    of(array(type, shape(1, 4)));
    flag("keepdims");
    long[] axes =
        IntStream.range(0, rank()).filter(i -> random.nextBoolean()).mapToLong(i -> i).toArray();
    if (axes.length > 0 && opset >= byInput) {
      stored(axes);
    } else if (axes.length > 0) {
      set("axes", axes);
    }
  }

  private void slice() {
    long[] shape = shape(2, 4);
    of(array(pick(ALL), shape));
    int axis = in(0, shape.length - 1);
    int step = pick(1, 1, 2, -1, -2, 3);
    int reach = (int) shape[axis] + 2;
    stored(in(-reach, reach), 0);
    // Of the largest one, ONNX Runtime makes the other end where steps are negative.
    long far = step > 0 ? Integer.MAX_VALUE : Long.MIN_VALUE + 1;
    stored(pick((long) in(-reach, reach), far), 100);
    stored(axis, (axis + 1) % shape.length);
    stored(step, 1);
  }

  private void concat() {
    DataType type = pick(ALL);
    long[] shape = shape(1, 4);
    int axis = in(0, shape.length - 1);
    for (int i = in(1, 3); i > 0; i--) {
      shape = shape.clone();
      shape[axis] = in(1, 4);
      of(array(type, shape));
    }
    set("axis", (long) axis - (random.nextBoolean() ? shape.length : 0));
  }

  private INDArray indices(long size, long... shape) {
    INDArray array = array(DataType.INT64, shape);
    for (long i = 0; i < array.length(); i++) {
      array.putScalar(i, in((int) -size, (int) size - 1));
    }
    return array;
  }

  private void gather() {
    long[] shape = shape(1, 4);
    int axis = in(0, shape.length - 1);
    of(array(pick(ALL), shape));
    of(indices(shape[axis], shape(0, 2)));
    set("axis", (long) axis);
  }

  private void elements(boolean scatter) {
    long[] shape = shape(1, 3);
    int axis = in(0, shape.length - 1);
    DataType type = pick(DataType.FLOAT, DataType.INT64, DataType.DOUBLE);
    of(array(type, shape));
    long[] some = Arrays.stream(shape).map(size -> in(1, (int) size)).toArray();
    INDArray at = indices(shape[axis], some);
    if (scatter) { // no element twice
      some[axis] = 1;
      at = indices(shape[axis], some);
    }
    of(at);
    if (scatter) {
      of(array(type, some));
    }
    set("axis", (long) axis);
  }

  private void transpose() {
    of(array(pick(ALL), shape(0, 5)));
    List<Long> order = new ArrayList<>();
    for (int i = 0; i < rank(); i++) {
      order.add(in(0, i), (long) i);
    }
    if (random.nextInt(4) > 0) {
      set("perm", order.stream().mapToLong(Long::longValue).toArray());
    }
  }

  private void expand() {
    long[] shape = shape(1, 4);
    of(array(pick(ALL), narrowed(shape)));
    stored(shape);
  }

  private void tile() {
    long[] shape = shape(1, 3);
    of(array(pick(ALL), shape));
    stored(Arrays.stream(shape).map(size -> in(1, 3)).toArray());
  }

  private void pad() {
    long[] shape = shape(1, 4);
    of(array(pick(DataType.FLOAT, DataType.DOUBLE, DataType.INT64), shape));
    String mode = pick("constant", "edge", "reflect");
    set("mode", mode);
    long[] pads = new long[2 * shape.length];
    for (int i = 0; i < pads.length; i++) {
      int most = (int) shape[i % shape.length] - 1;
      pads[i] = mode.equals("reflect") ? in(0, most) : in(mode.equals("edge") ? 0 : -most / 2, 3);
    }
    stored(pads);
  }

  private void where() {
    long[] shape = shape(0, 4);
    DataType type = pick(DataType.FLOAT, DataType.INT64, DataType.DOUBLE, DataType.UINT8);
    of(array(DataType.BOOL, narrowed(shape)));
    of(array(type, shape));
    of(array(type, narrowed(shape)));
  }

  private void topK() {
    long[] shape = shape(1, 3);
    int axis = in(0, shape.length - 1);
    shape[axis] = in(1, 12);
    of(array(pick(NUMBERS), shape));
    stored(in(1, (int) shape[axis]));
    set("axis", (long) axis).flag("largest");
  }

  private void cumSum() {
    of(array(pick(NUMBERS), shape(1, 4)));
    stored(in(-rank(), rank() - 1));
    flag("exclusive").flag("reverse");
  }

  private void compress() {
    long[] shape = shape(1, 3);
    of(array(pick(ALL), shape));
    int axis = in(-1, shape.length - 1);
    long size = axis < 0 ? Arrays.stream(shape).reduce(1, (a, b) -> a * b) : shape[axis];
    INDArray condition = array(DataType.BOOL, size);
    condition.putScalar(0, 1);
    of(condition);
    if (axis >= 0) {
      set("axis", (long) axis);
    }
  }

  private void reverse() {
    long[] shape = Sizes.concat(new long[] {in(1, 4), in(1, 5)}, shape(0, 2));
    int batch = in(0, 1);
    of(array(pick(DataType.FLOAT, DataType.INT64), shape));
    long[] lengths = new long[(int) shape[batch]];
    Arrays.setAll(lengths, i -> in(1, (int) shape[1 - batch]));
    of(Nd4j.createFromArray(lengths));
    set("batch_axis", (long) batch).set("time_axis", 1L - batch);
  }

  private void matMul() {
    long[] batch = shape(0, 2);
    long inner = in(1, 5);
    DataType type = pick(DataType.FLOAT, DataType.DOUBLE);
    of(array(type, Sizes.concat(batch, new long[] {in(1, 4), inner})));
    of(array(type, Sizes.concat(open ? batch : narrowed(batch), new long[] {inner, in(1, 4)})));
  }

  private void einsum() {
    String equation =
        pick(
            "ij,jk->ik",
            "bij,bjk->bik",
            "bhqd,bhkd->bhqk",
            "i,j->ij",
            "ij->ji",
            "ij->",
            "ii->i",
            "bij,bj->bi",
            "...ij,...jk->...ik",
            "bchw,bdhw->bcd",
            "ij,ij->i",
            "a,b,c->abc",
            "ij,jk",
            "bi,ij,bj->b",
            "bnd,cd->bnc",
            "ijk,k->ji");
    Map<Character, Long> sizes = new HashMap<>();
    long[] dots = shape(0, 2);
    DataType type = pick(DataType.FLOAT, DataType.DOUBLE);
    for (String term : equation.split("->")[0].split(",")) {
      long[] shape =
          term.replace("...", "")
              .chars()
              .mapToLong(c -> sizes.computeIfAbsent((char) c, k -> (long) in(1, 4)))
              .toArray();
      of(array(type, term.contains("...") ? Sizes.concat(dots, shape) : shape));
    }
    set("equation", equation);
  }

  private void window(int rank, boolean counts) {
    long[] shape = new long[rank];
    Arrays.setAll(shape, i -> i < 2 ? in(1, 3) : in(4, 9));
    of(array(DataType.FLOAT, shape));
    long[] kernel = new long[rank - 2];
    Arrays.setAll(kernel, i -> in(1, 3));
    set("kernel_shape", kernel);
    long[] pads = new long[2 * kernel.length];
    Arrays.setAll(pads, i -> in(0, (int) kernel[i % kernel.length] - 1));
    set("pads", pads);
    long[] strides = new long[kernel.length];
    Arrays.setAll(strides, i -> in(1, 3));
    set("strides", strides);
    if (counts) {
      flag("count_include_pad");
    }
  }

  private void conv() {
    int axes = in(1, 2);
    long groups = in(1, 2);
    long[] shape = new long[axes + 2];
    Arrays.setAll(shape, i -> i == 1 ? groups * in(1, 2) : i == 0 ? in(1, 2) : in(5, 9));
    of(array(DataType.FLOAT, shape));
    long[] weights = new long[axes + 2];
    Arrays.setAll(weights, i -> i == 1 ? shape[1] / groups : i == 0 ? groups * in(1, 3) : in(1, 3));
    graph.initializer("w", array(DataType.FLOAT, weights));
    names.add("w");
    text += ", w " + Arrays.toString(weights);
    set("group", groups);
    long[] pads = new long[2 * axes];
    Arrays.setAll(pads, i -> in(0, 2));
    set("pads", pads);
    long[] dilations = new long[axes];
    Arrays.setAll(dilations, i -> in(1, 2));
    set("dilations", dilations);
  }
}
