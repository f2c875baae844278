package io.github.dcn4j.onnx;

import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ops.impl.layers.convolution.Upsampling2d;

/** Images of which each pixel is repeated. */
final class Upsampling {
  private Upsampling() {}

  /** [N, C, H, W] to [N, C, H·rows, W·columns]. */
  static SDVariable nearest(SDVariable x, long rows, long columns) {
    SameDiff sd = x.getSameDiff();
    return rows == 1 && columns == 1
        ? x
        : new Upsampling2d(sd, x, Math.toIntExact(rows), Math.toIntExact(columns), true)
            .outputVariable();
  }
}
