package io.github.dcn4j.ops;

import org.nd4j.enums.WeightsFormat;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Conv2DConfig;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.PaddingMode;

/** ND4J's own convolution, with which ours is compared. */
public final class Nd4jConvolution {
  private Nd4jConvolution() {}

  /** The same geometry for it, in NCHW, with our layout of the weights. It knows no groups. */
  public static Conv2DConfig like(DeformableConv2DConfig config) {
    return Conv2DConfig.builder()
        .kH(config.getKH())
        .kW(config.getKW())
        .sH(config.getSH())
        .sW(config.getSW())
        .pH(config.getPH())
        .pW(config.getPW())
        .dH(config.getDH())
        .dW(config.getDW())
        .paddingMode(config.isSame() ? PaddingMode.SAME : PaddingMode.VALID)
        .dataFormat("NCHW")
        .weightsFormat(WeightsFormat.OIYX)
        .build();
  }
}
