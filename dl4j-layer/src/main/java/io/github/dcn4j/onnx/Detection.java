package io.github.dcn4j.onnx;

import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ops.impl.image.NonMaxSuppressionV3;
import org.nd4j.linalg.factory.Nd4j;

/** Choosing among boxes. */
final class Detection {
  /** More pairs of an image and a class are not unrolled into the graph. */
  private static final long MOST_CLASSES = 1 << 12;

  private Detection() {}

  static void addTo(Converters all) {
    all.add("NonMaxSuppression", 10, Detection::nonMaxSuppression)
        .add("RoiAlign", 10, RoiAlign::convert);
  }

  /** ND4J's op for each class of each image, whose numbers have to be known. */
  private static void nonMaxSuppression(Node node) {
    boolean centre = node.flag("center_point_box", false);
    Value boxes = node.typed(0, DataType.FLOAT);
    Value scores = node.typed(1, DataType.FLOAT);
    long[] shape = node.shape(1, 3);
    long[] boxShape = node.shape(0, 3);
    long images = Math.max(shape[0], boxShape[0]);
    long classes = shape[1];
    if (images < 0 || classes < 0 || images * classes > MOST_CLASSES) {
      throw node.bad(
          1, "known numbers of images and classes, at most " + MOST_CLASSES, Sizes.text(shape));
    }
    Value most = node.optional(2);
    Value overlap = node.optional(3);
    Value least = node.optional(4);
    if (most == null || images * classes == 0) {
      node.constantOutput(0, Nd4j.createUninitialized(DataType.INT64, 0, 3));
      return;
    }
    SameDiff sd = node.sd();
    SDVariable count =
        sd.reshape(
            Shapes.cast(
                sd.math()
                    .clipByValue(
                        Shapes.cast(most.variable(), DataType.DOUBLE), 0, Integer.MAX_VALUE),
                DataType.INT32),
            new long[0]);
    // ND4J's op drops boxes that overlap by just the threshold.
    SDVariable threshold = threshold(node, overlap, 0).mul(1 + 0x1p-23).add(Float.MIN_NORMAL);
    SDVariable lowest = threshold(node, least, -Float.MAX_VALUE);
    SDVariable corners = corners(node, boxes, centre);
    SDVariable[] rows = new SDVariable[(int) (images * classes)];
    for (int i = 0; i < images; i++) {
      SDVariable own = sd.reshape(row(corners, i, i + 1), -1, 4);
      for (int j = 0; j < classes; j++) {
        SDVariable score =
            sd.reshape(
                sd.stridedSlice(
                    scores.variable(),
                    new long[] {i, j, 0},
                    new long[] {i + 1, j + 1, 0},
                    new long[] {1, 1, 1},
                    0,
                    4,
                    0,
                    0,
                    0),
                -1);
        SDVariable chosen =
            new NonMaxSuppressionV3(sd, own, score, count, threshold, lowest).outputVariable();
        SDVariable places = sd.reshape(Shapes.cast(chosen, DataType.INT64), -1, 1);
        SDVariable[] columns = {sd.zerosLike(places).add(i), sd.zerosLike(places).add(j), places};
        rows[(int) (i * classes + j)] = sd.concat(1, columns);
      }
    }
    SDVariable all = rows.length == 1 ? rows[0] : sd.concat(0, rows);
    node.output(all, new long[] {Value.OPEN, 3});
  }

  private static SDVariable threshold(Node node, Value given, double standard) {
    return given == null
        ? node.scalar(DataType.FLOAT, standard)
        : node.sd().reshape(given.variable(), new long[0]);
  }

  private static SDVariable row(SDVariable x, long from, long to) {
    return x.getSameDiff()
        .stridedSlice(
            x, new long[] {from, 0, 0}, new long[] {to, 0, 0}, new long[] {1, 1, 1}, 0, 6, 0, 0, 0);
  }

  /** Boxes as (smaller y, smaller x, larger y, larger x): two opposite corners may be any. */
  private static SDVariable corners(Node node, Value boxes, boolean centre) {
    SameDiff sd = node.sd();
    SDVariable[] parts = new SDVariable[4];
    for (int i = 0; i < 4; i++) {
      parts[i] =
          sd.stridedSlice(
              boxes.variable(),
              new long[] {0, 0, i},
              new long[] {0, 0, i + 1},
              new long[] {1, 1, 1},
              3,
              3,
              0,
              0,
              0);
    }
    if (centre) { // x, y, width, height
      SDVariable halfWidth = parts[2].div(2);
      SDVariable halfHeight = parts[3].div(2);
      return sd.concat(
          2,
          parts[1].sub(halfHeight),
          parts[0].sub(halfWidth),
          parts[1].add(halfHeight),
          parts[0].add(halfWidth));
    }
    return sd.concat(
        2,
        sd.min(parts[0], parts[2]),
        sd.min(parts[1], parts[3]),
        sd.max(parts[0], parts[2]),
        sd.max(parts[1], parts[3]));
  }
}
