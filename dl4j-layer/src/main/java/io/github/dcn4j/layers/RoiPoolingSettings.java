package io.github.dcn4j.layers;

import org.deeplearning4j.nn.conf.CNN2DFormat;

/**
 * The settings that the builders of the pooling vertices share; see {@link
 * io.github.dcn4j.ops.DeformablePSROIPoolingConfig}.
 *
 * @param <T> the builder
 */
interface RoiPoolingSettings<T> {
  /** Where they are set. */
  RoiPooling.Draft pooling();

  /** This builder. */
  T self();

  /** Feature map pixels per image pixel, such as 1/16; finite; required. */
  default T spatialScale(double spatialScale) {
    pooling().config.spatialScale(spatialScale);
    return self();
  }

  /** Output channels, at least 1; required. */
  default T outputDim(long outputDim) {
    pooling().config.outputDim(outputDim);
    return self();
  }

  /**
   * Groups along each side of a roi, at least 1; the features have outputDim·groupSize² channels.
   * Default 1.
   */
  default T groupSize(long groupSize) {
    pooling().config.groupSize(groupSize);
    return self();
  }

  /** Bins along each side of a roi, at least 1; required. */
  default T pooledSize(long pooledSize) {
    pooling().config.pooledSize(pooledSize);
    return self();
  }

  /** Samples along each side of a bin, at least 1. Default 4. */
  default T samplePerPart(long samplePerPart) {
    pooling().config.samplePerPart(samplePerPart);
    return self();
  }

  /** Factor of the shifts, finite; 0.1 is usual. Default 0. */
  default T transStd(double transStd) {
    pooling().config.transStd(transStd);
    return self();
  }

  /** Where the features have their channels; NCHW by default, or what the InputType says. */
  default T dataFormat(CNN2DFormat dataFormat) {
    pooling().dataFormat = dataFormat;
    return self();
  }
}
