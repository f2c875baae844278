package io.github.dcn4j.ops;

import static org.nd4j.linalg.api.ops.impl.layers.convolution.config.Conv2DConfig.NCHW;
import static org.nd4j.linalg.api.ops.impl.layers.convolution.config.Conv2DConfig.NHWC;

import java.util.Map;
import lombok.Builder;
import lombok.Value;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.PaddingMode;

/**
 * Geometry of a {@link DeformableConv2D}, and of a {@link PlainConv2D}, named as ND4J's {@code
 * Conv2DConfig}.
 *
 * <p>Sizes count pixels. An op refuses integers of more than 32 bits when it is made, and checks
 * all other ranges when it runs, against the arrays that it is given.
 */
@Value
public class DeformableConv2DConfig implements OpConfig {
  /** Kernel height, at least 1; required. */
  long kH;

  /** Kernel width, at least 1; required. */
  long kW;

  /** Vertical stride, at least 1; 1 by default. */
  long sH;

  /** Horizontal stride, at least 1; 1 by default. */
  long sW;

  /** Rows of zeros above and below, at least 0; 0 by default, ignored if {@code same}. */
  long pH;

  /** Columns of zeros left and right, at least 0; 0 by default, ignored if {@code same}. */
  long pW;

  /** Vertical dilation, at least 1; 1 by default. */
  long dH;

  /** Horizontal dilation, at least 1; 1 by default. */
  long dW;

  /** Pads as ND4J's conv2d does in 'same' mode: the output is ⌈H / sH⌉ × ⌈W / sW⌉ pixels. */
  boolean same;

  /**
   * {@code "NCHW"} (default) or {@code "NHWC"}: where input, offset, mask and output have their
   * channels. The weights are [O, C/groups, kH, kW] in both.
   */
  String dataFormat;

  /** Groups of channels with offsets of their own; divides the input channels; 1 by default. */
  long deformableGroups;

  /** Groups of the convolution; divides the input and the output channels; 1 by default. */
  long groups;

  @Builder(toBuilder = true)
  private DeformableConv2DConfig(
      long kH,
      long kW,
      long sH,
      long sW,
      long pH,
      long pW,
      long dH,
      long dW,
      boolean same,
      String dataFormat,
      long deformableGroups,
      long groups) {
    WindowArguments.checkKernel(kH, kW);
    if (!NCHW.equals(dataFormat) && !NHWC.equals(dataFormat)) {
      throw new IllegalArgumentException("dataFormat: expected NCHW or NHWC, got " + dataFormat);
    }
    this.kH = kH;
    this.kW = kW;
    this.sH = sH;
    this.sW = sW;
    this.pH = pH;
    this.pW = pW;
    this.dH = dH;
    this.dW = dW;
    this.same = same;
    this.dataFormat = dataFormat;
    this.deformableGroups = deformableGroups;
    this.groups = groups;
  }

  @Override
  public long[] toIArgs() {
    return new long[] {
      kH, kW, sH, sW, pH, pW, dH, dW, same ? 1 : 0, isNHWC() ? 1 : 0, deformableGroups, groups
    };
  }

  /** The reverse of {@link #toIArgs()}. */
  static DeformableConv2DConfig fromIArgs(long[] a) {
    WindowArguments.checkNumber("integer", 12, a.length);
    return new DeformableConv2DConfig(
        a[0],
        a[1],
        a[2],
        a[3],
        a[4],
        a[5],
        a[6],
        a[7],
        a[8] == 1,
        a[9] == 1 ? NHWC : NCHW,
        a[10],
        a[11]);
  }

  /** True if the arrays have their channels last. */
  public boolean isNHWC() {
    return NHWC.equals(dataFormat);
  }

  @Override
  public Map<String, Object> toProperties() {
    Map<String, Object> properties = WindowArguments.properties(this);
    properties.put("same", same);
    properties.put("dataFormat", dataFormat);
    properties.put("deformableGroups", deformableGroups);
    properties.put("groups", groups);
    return properties;
  }

  /** Builder; every setter is named after its field. */
  public static class DeformableConv2DConfigBuilder {
    private long sH = 1;
    private long sW = 1;
    private long dH = 1;
    private long dW = 1;
    private String dataFormat = NCHW;
    private long deformableGroups = 1;
    private long groups = 1;

    /** ND4J's way to say {@code same}: {@code VALID} is explicit padding. */
    public DeformableConv2DConfigBuilder paddingMode(PaddingMode mode) {
      if (mode == PaddingMode.CAUSAL) {
        throw new IllegalArgumentException("paddingMode: expected VALID or SAME, got " + mode);
      }
      return same(mode == PaddingMode.SAME);
    }
  }
}
