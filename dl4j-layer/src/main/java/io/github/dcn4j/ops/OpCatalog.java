package io.github.dcn4j.ops;

import io.github.dcn4j.loader.ListedOp;
import java.util.List;

/** The ops of the native library: one row each, from which they are known to ND4J and SameDiff. */
final class OpCatalog {
  /** The op looks at the number itself. */
  private static final int ANY = -1;

  private static final List<ListedOp> OPS =
      List.of(
          // the op, its outputs, its float arguments, its integer arguments
          new ListedOp(new DeformableConv2D(), 1, 0, ANY),
          new ListedOp(new DeformableConv2DDerivative(), ANY, 0, ANY),
          new ListedOp(new PlainConv2D(), 1, 0, ANY),
          new ListedOp(new PlainConv2DDerivative(), ANY, 0, ANY),
          new ListedOp(new DeformablePSROIPooling(), 2, ANY, ANY),
          new ListedOp(new DeformablePSROIPoolingDerivative(), ANY, ANY, ANY),
          new ListedOp(new DCNv3(), 1, ANY, ANY),
          new ListedOp(new DCNv3Derivative(), 3, ANY, ANY),
          new ListedOp(new MultiScaleDeformableAttention(), 1, 0, 0),
          new ListedOp(new MultiScaleDeformableAttentionDerivative(), 3, 0, 0),
          new ListedOp(new NativeSigmoid(), 1, 0, 0),
          new ListedOp(new NativeSigmoidDerivative(), 1, 0, 0),
          new ListedOp(new OneThread(), 1, 0, 1));

  private OpCatalog() {}

  static List<ListedOp> all() {
    return OPS;
  }
}
