package io.github.dcn4j.ops;

import java.util.LinkedHashMap;
import java.util.Map;
import lombok.Builder;
import lombok.Value;
import org.nd4j.shade.jackson.databind.annotation.JsonDeserialize;
import org.nd4j.shade.jackson.databind.annotation.JsonPOJOBuilder;

/**
 * Geometry of a {@link DeformablePSROIPooling}.
 *
 * <p>An op refuses integers of more than 32 bits when it is made, and checks all other ranges when
 * it runs, against the arrays that it is given.
 */
@Value
@JsonDeserialize(builder = DeformablePSROIPoolingConfig.DeformablePSROIPoolingConfigBuilder.class)
public class DeformablePSROIPoolingConfig implements OpConfig {
  /** Feature map pixels per image pixel, such as 1/16; finite; required. */
  double spatialScale;

  /** Output channels, at least 1; required. */
  long outputDim;

  /**
   * Groups along each side of a roi, at least 1; 1 by default. The input has outputDim·groupSize²
   * channels.
   */
  long groupSize;

  /** Bins along each side of a roi, at least 1; required. */
  long pooledSize;

  /**
   * Parts with a shift of their own along each side of a roi, at least 1; pooledSize by default.
   */
  long partSize;

  /** Samples along each side of a bin, at least 1; 4 by default. */
  long samplePerPart;

  /** Factor of {@code trans}; finite; 0 by default. */
  double transStd;

  @Builder(toBuilder = true)
  private DeformablePSROIPoolingConfig(
      Double spatialScale,
      Long outputDim,
      Long groupSize,
      Long pooledSize,
      Long partSize,
      Long samplePerPart,
      Double transStd) {
    this.spatialScale = required("spatialScale", spatialScale);
    this.outputDim = required("outputDim", outputDim);
    this.pooledSize = required("pooledSize", pooledSize);
    this.groupSize = groupSize == null ? 1 : groupSize;
    this.partSize = partSize == null ? this.pooledSize : partSize;
    this.samplePerPart = samplePerPart == null ? 4 : samplePerPart;
    this.transStd = transStd == null ? 0 : transStd;
  }

  private static <T> T required(String name, T value) {
    if (value == null) {
      throw new IllegalArgumentException(name + ": expected a value, got none");
    }
    return value;
  }

  @Override
  public long[] toIArgs() {
    return new long[] {outputDim, groupSize, pooledSize, partSize, samplePerPart};
  }

  @Override
  public double[] toTArgs() {
    return new double[] {spatialScale, transStd};
  }

  /** The reverse of {@link #toIArgs()} and {@link #toTArgs()}. */
  static DeformablePSROIPoolingConfig fromArgs(long[] i, double[] t) {
    if (i.length != 5) {
      throw new IllegalArgumentException("integer arguments: expected 5, got " + i.length);
    }
    if (t.length != 2) {
      throw new IllegalArgumentException("float arguments: expected 2, got " + t.length);
    }
    return new DeformablePSROIPoolingConfig(t[0], i[0], i[1], i[2], i[3], i[4], t[1]);
  }

  @Override
  public Map<String, Object> toProperties() {
    Map<String, Object> properties = new LinkedHashMap<>();
    properties.put("spatialScale", spatialScale);
    properties.put("outputDim", outputDim);
    properties.put("groupSize", groupSize);
    properties.put("pooledSize", pooledSize);
    properties.put("partSize", partSize);
    properties.put("samplePerPart", samplePerPart);
    properties.put("transStd", transStd);
    return properties;
  }

  /** Builder; every setter is named after its field. */
  @JsonPOJOBuilder(withPrefix = "")
  public static class DeformablePSROIPoolingConfigBuilder {
    // The setters are written out to take plain numbers: an int is no Long.

    /** Feature map pixels per image pixel, such as 1/16; finite; required. */
    public DeformablePSROIPoolingConfigBuilder spatialScale(double spatialScale) {
      this.spatialScale = spatialScale;
      return this;
    }

    /** Output channels, at least 1; required. */
    public DeformablePSROIPoolingConfigBuilder outputDim(long outputDim) {
      this.outputDim = outputDim;
      return this;
    }

    /** Groups along each side of a roi, at least 1. Default 1. */
    public DeformablePSROIPoolingConfigBuilder groupSize(long groupSize) {
      this.groupSize = groupSize;
      return this;
    }

    /** Bins along each side of a roi, at least 1; required. */
    public DeformablePSROIPoolingConfigBuilder pooledSize(long pooledSize) {
      this.pooledSize = pooledSize;
      return this;
    }

    /** Parts with a shift of their own along each side of a roi, at least 1. Default pooledSize. */
    public DeformablePSROIPoolingConfigBuilder partSize(long partSize) {
      this.partSize = partSize;
      return this;
    }

    /** Samples along each side of a bin, at least 1. Default 4. */
    public DeformablePSROIPoolingConfigBuilder samplePerPart(long samplePerPart) {
      this.samplePerPart = samplePerPart;
      return this;
    }

    /** Factor of {@code trans}; finite. Default 0. */
    public DeformablePSROIPoolingConfigBuilder transStd(double transStd) {
      this.transStd = transStd;
      return this;
    }
  }
}
