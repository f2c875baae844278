package io.github.dcn4j.ops;

import java.util.Map;
import lombok.Builder;
import lombok.Value;

/**
 * Geometry of a {@link DCNv3}.
 *
 * <p>Sizes count pixels. An op refuses integers of more than 32 bits when it is made, and checks
 * all other ranges when it runs, against the arrays that it is given.
 */
@Value
public class DCNv3Config implements OpConfig {
  /** Kernel height, at least 1; required. */
  long kH;

  /** Kernel width, at least 1; required. */
  long kW;

  /** Vertical stride, at least 1; 1 by default. */
  long sH;

  /** Horizontal stride, at least 1; 1 by default. */
  long sW;

  /** Rows of zeros above and below, at least 0; 0 by default. */
  long pH;

  /** Columns of zeros left and right, at least 0; 0 by default. */
  long pW;

  /** Vertical dilation, at least 1; 1 by default. */
  long dH;

  /** Horizontal dilation, at least 1; 1 by default. */
  long dW;

  /**
   * Groups of channels with offsets and a mask of their own; divides the channels; 1 by default.
   */
  long groups;

  /** Whether the kernel, of odd sizes, has no tap in its middle; false by default. */
  boolean removeCenter;

  /** What the distance of a sample from its pixel is multiplied by; finite; 1 by default. */
  double offsetScale;

  @Builder(toBuilder = true)
  private DCNv3Config(
      long kH,
      long kW,
      long sH,
      long sW,
      long pH,
      long pW,
      long dH,
      long dW,
      long groups,
      boolean removeCenter,
      double offsetScale) {
    WindowArguments.checkKernel(kH, kW);
    this.kH = kH;
    this.kW = kW;
    this.sH = sH;
    this.sW = sW;
    this.pH = pH;
    this.pW = pW;
    this.dH = dH;
    this.dW = dW;
    this.groups = groups;
    this.removeCenter = removeCenter;
    this.offsetScale = offsetScale;
  }

  /** Taps of a group, K: kH·kW, less 1 with {@code removeCenter}. */
  public long taps() {
    return kH * kW - (removeCenter ? 1 : 0);
  }

  @Override
  public long[] toIArgs() {
    return new long[] {kH, kW, sH, sW, pH, pW, dH, dW, groups, removeCenter ? 1 : 0};
  }

  @Override
  public double[] toTArgs() {
    return new double[] {offsetScale};
  }

  /** The reverse of {@link #toIArgs()} and {@link #toTArgs()}. */
  static DCNv3Config fromArgs(long[] a, double[] t) {
    WindowArguments.checkNumber("integer", 10, a.length);
    WindowArguments.checkNumber("float", 1, t.length);
    return new DCNv3Config(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9] == 1, t[0]);
  }

  @Override
  public Map<String, Object> toProperties() {
    Map<String, Object> properties = WindowArguments.properties(this);
    properties.put("groups", groups);
    properties.put("removeCenter", removeCenter);
    properties.put("offsetScale", offsetScale);
    return properties;
  }

  /** Builder; every setter is named after its field. */
  public static class DCNv3ConfigBuilder {
    private long sH = 1;
    private long sW = 1;
    private long dH = 1;
    private long dW = 1;
    private long groups = 1;
    private double offsetScale = 1;
  }
}
