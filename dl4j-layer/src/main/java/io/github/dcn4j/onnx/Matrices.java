package io.github.dcn4j.onnx;

import java.util.Arrays;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;

/** Products of matrices. */
final class Matrices {
  private Matrices() {}

  static void addTo(Converters all) {
    all.add("Gemm", 7, Matrices::gemm).add("MatMul", 1, Matrices::matMul);
  }

  private static void gemm(Node node) {
    float alpha = node.number("alpha", 1);
    float beta = node.number("beta", 1);
    boolean transA = node.flag("transA", false);
    boolean transB = node.flag("transB", false);
    Value a = node.floating(0);
    Value b = node.floating(1);
    Value c = node.optional(2);
    long[] left = node.shape(0, 2);
    long[] right = node.shape(1, 2);
    long[] shape = {left[transA ? 1 : 0], right[transB ? 0 : 1]};
    checkInner(node, left[transA ? 0 : 1], right[transB ? 1 : 0]);
    SDVariable y = node.sd().mmul(a.variable(), b.variable(), transA, transB, false);
    if (alpha != 1) {
      y = y.mul(node.scalar(a.type(), alpha));
    }
    if (c != null && beta != 0) {
      SDVariable addend = c.variable();
      y = y.add(beta == 1 ? addend : addend.mul(node.scalar(a.type(), beta)));
    }
    node.output(y, shape);
  }

  private static void checkInner(Node node, long left, long right) {
    if (left >= 0 && right >= 0 && left != right) {
      throw node.bad(1, left + " rows as the other has columns", right);
    }
  }

  private static void matMul(Node node) {
    Value a = node.floating(0);
    Value b = node.floating(1);
    long[] left = node.shape(0);
    long[] right = node.shape(1);
    if (left.length == 0 || right.length == 0) {
      throw node.bad(left.length == 0 ? 0 : 1, "at least 1 dimension", "a scalar");
    }
    SameDiff sd = node.sd();
    // Vectors become a row on the left, a column on the right.
    SDVariable x = left.length == 1 ? sd.expandDims(a.variable(), 0) : a.variable();
    SDVariable y = right.length == 1 ? sd.expandDims(b.variable(), 1) : b.variable();
    long[] l = left.length == 1 ? new long[] {1, left[0]} : left;
    long[] r = right.length == 1 ? new long[] {right[0], 1} : right;
    checkInner(node, l[l.length - 1], r[r.length - 2]);
    long[] batch = Sizes.broadcast(Arrays.copyOf(l, l.length - 2), Arrays.copyOf(r, r.length - 2));
    long[] shape = Sizes.concat(batch, new long[] {l[l.length - 2], r[r.length - 1]});
    SDVariable product = product(node, x, y, l, r, batch);
    if (left.length == 1) {
      product = sd.squeeze(product, shape.length - 2);
    }
    if (right.length == 1) {
      product = sd.squeeze(product, left.length == 1 ? shape.length - 2 : shape.length - 1);
    }
    long[] result = shape;
    if (right.length == 1) {
      result = Sizes.without(result, result.length - 1);
    }
    if (left.length == 1) {
      result = Sizes.without(result, right.length == 1 ? result.length - 1 : result.length - 2);
    }
    node.output(product, result);
  }

  private static SDVariable product(
      Node node, SDVariable x, SDVariable y, long[] l, long[] r, long[] batch) {
    SameDiff sd = node.sd();
    if (batch.length == 0) {
      return sd.mmul(x, y, false, false, false);
    }
    if (r.length == 2) { // one matrix on the right: the rows of all on the left together
      SDVariable flat = sd.reshape(x, -1, known(node, 0, l[l.length - 1], r[0]));
      SDVariable product = sd.mmul(flat, y, false, false, false);
      return restored(node, product, x, l, r);
    }
    if (!Sizes.known(batch) && !sameBatches(l, r)) {
      return productOfOpen(node, x, y, l, r, batch.length + 2);
    }
    return sd.mmul(broadcast(node, x, l, batch), broadcast(node, y, r, batch), false, false, false);
  }

  /** Whether nothing has to be repeated; two open sizes are taken for equal, and the op checks. */
  private static boolean sameBatches(long[] l, long[] r) {
    return l.length == r.length
        && Arrays.equals(Arrays.copyOf(l, l.length - 2), Arrays.copyOf(r, r.length - 2));
  }

  /** Batches are repeated by adding zeros, of one number for each matrix. */
  private static SDVariable productOfOpen(
      Node node, SDVariable x, SDVariable y, long[] l, long[] r, int rank) {
    SDVariable left = x;
    SDVariable right = y;
    for (int i = l.length; i < rank; i++) {
      left = Shapes.expanded(left, 0);
    }
    for (int i = r.length; i < rank; i++) {
      right = Shapes.expanded(right, 0);
    }
    SDVariable zeros = zeros(left, rank).add(zeros(right, rank));
    return node.sd().mmul(left.add(zeros), right.add(zeros), false, false, false);
  }

  private static SDVariable zeros(SDVariable x, int rank) {
    SDVariable row = Indexing.partOf(x, rank, rank - 2, 0, 1);
    return x.getSameDiff().zerosLike(Indexing.partOf(row, rank, rank - 1, 0, 1));
  }

  private static long known(Node node, int input, long... sizes) {
    return Arrays.stream(sizes)
        .filter(size -> size >= 0)
        .findFirst()
        .orElseThrow(() -> node.bad(input, "a known number of columns", "an open one"));
  }

  /** [rows of all, columns] to the batches of the left factor. */
  private static SDVariable restored(
      Node node, SDVariable product, SDVariable x, long[] l, long[] r) {
    SameDiff sd = node.sd();
    long[] target = l.clone();
    target[l.length - 1] = known(node, 1, r[1]);
    if (Arrays.stream(target).filter(size -> size < 0).count() <= 1) {
      return sd.reshape(product, target);
    }
    SDVariable sizes = Shapes.cast(sd.shape(x), org.nd4j.linalg.api.buffer.DataType.INT64);
    SDVariable rows = Indexing.partOf(sizes, 1, 0, 0, l.length - 1);
    return sd.reshape(product, sd.concat(0, rows, node.longs(target[l.length - 1])));
  }

  /** Batches of matrices repeated to a common shape. */
  private static SDVariable broadcast(Node node, SDVariable x, long[] from, long[] batch) {
    long[] own = Arrays.copyOf(from, from.length - 2);
    if (Arrays.equals(own, batch) && Sizes.known(batch)) {
      return x;
    }
    if (!Sizes.known(batch)) {
      return x; // both open alike: the op checks them
    }
    SDVariable result = x;
    for (int i = own.length; i < batch.length; i++) {
      result = node.sd().expandDims(result, 0);
    }
    int[] repeats = new int[batch.length + 2];
    Arrays.fill(repeats, 1);
    for (int i = 0; i < batch.length; i++) {
      int at = i - (batch.length - own.length);
      repeats[i] = at >= 0 && own[at] == batch[i] ? 1 : Math.toIntExact(batch[i]);
    }
    return Arrays.stream(repeats).allMatch(n -> n == 1) ? result : node.sd().tile(result, repeats);
  }
}
