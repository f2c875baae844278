package io.github.dcn4j.onnx;

import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

/** Cubic convolution (R. G. Keys, 1981, equation 4, for any a). */
final class Cubic {
  private Cubic() {}

  /** The weight at a distance t ≥ 0: a cubic up to 1, another up to 2, then 0. */
  static SDVariable weight(SameDiff sd, SDVariable t, double a) {
    DataType type = t.dataType();
    SDVariable near = polynomial(sd, t, a + 2, -(a + 3), 0, 1);
    SDVariable far = polynomial(sd, t, a, -5 * a, 8 * a, -4 * a);
    SDVariable isNear = Shapes.cast(sd.lte(t, number(sd, type, 1)), type);
    SDVariable isReached = Shapes.cast(sd.lt(t, number(sd, type, 2)), type);
    return near.mul(isNear).add(far.mul(isReached.sub(isNear)));
  }

  private static SDVariable polynomial(
      SameDiff sd, SDVariable t, double cubic, double square, double linear, double constant) {
    DataType type = t.dataType();
    SDVariable value = t.mul(number(sd, type, cubic)).add(number(sd, type, square));
    value = value.mul(t).add(number(sd, type, linear));
    return value.mul(t).add(number(sd, type, constant));
  }

  private static SDVariable number(SameDiff sd, DataType type, double value) {
    return sd.constant(Nd4j.scalar(type, value));
  }
}
