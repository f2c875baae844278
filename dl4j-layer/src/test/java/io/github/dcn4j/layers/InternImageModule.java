package io.github.dcn4j.layers;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The modules of InternImage (arXiv 2211.05778) and DCNv4 (arXiv 2401.06197) written out, pixel by
 * pixel in plain Java: what {@link DeformableConvolutionV3} is compared with.
 */
final class InternImageModule {
  private final DeformableConvolutionV3 conf;
  private final Map<String, INDArray> params;
  private final INDArray x; // [N, C, H, W]
  private final int channels;

  InternImageModule(DeformableConvolutionV3 conf, Map<String, INDArray> params, INDArray x) {
    this.conf = conf;
    this.params = params;
    this.x = x;
    channels = (int) x.size(1);
  }

  /**
   * The output without activation function.
   *
   * @param padding rows above and columns left of the input
   */
  INDArray output(int[] padding, long height, long width) {
    INDArray output = Nd4j.create(x.dataType(), x.size(0), conf.getNOut(), height, width);
    for (int n = 0; n < x.size(0); n++) {
      for (int i = 0; i < height; i++) {
        for (int j = 0; j < width; j++) {
          double[] pixel = pixel(n, i, j, padding);
          for (int c = 0; c < pixel.length; c++) {
            output.putScalar(new long[] {n, c, i, j}, pixel[c]);
          }
        }
      }
    }
    return output;
  }

  private double[] pixel(int n, int i, int j, int[] padding) {
    double[] features = features(n, i, j, padding);
    double[] predicted = linear(features, "offsetW", "offsetB");
    int groups = conf.getGroups();
    int[] kernel = conf.getKernelSize();
    int taps = predicted.length / 3 / groups;
    double[] sampled = new double[channels];
    for (int g = 0; g < groups; g++) {
      double[] mask = new double[taps];
      double sum = 0;
      for (int k = 0; k < taps; k++) {
        double logit = predicted[2 * groups * taps + g * taps + k];
        mask[k] = conf.getVersion() == 3 ? Math.exp(logit) : logit;
        sum += mask[k];
      }
      int k = 0;
      for (int column = 0; column < kernel[1]; column++) {
        for (int row = 0; row < kernel[0]; row++) {
          if (conf.isRemoveCenter() && column == kernel[1] / 2 && row == kernel[0] / 2) {
            continue;
          }
          double dx = predicted[2 * (g * taps + k)];
          double dy = predicted[2 * (g * taps + k) + 1];
          double px = position(j, 1, column, dx, padding);
          double py = position(i, 0, row, dy, padding);
          double weight = conf.getVersion() == 3 ? mask[k] / sum : mask[k];
          addSample(n, py, px, weight, g, sampled);
          k++;
        }
      }
    }
    if (conf.isCenterFeatureScale()) {
      double[] value = value(n, i, j);
      double[] scale = linear(features, "centerW", "centerB");
      for (int c = 0; c < channels; c++) {
        double s = 1 / (1 + Math.exp(-scale[c / (channels / groups)]));
        sampled[c] = sampled[c] * (1 - s) + value[c] * s;
      }
    }
    return conf.isOutputProjection() ? linear(sampled, "W", "b") : sampled;
  }

  private double position(int pixel, int axis, int tap, double offset, int[] padding) {
    int dilation = conf.getDilation()[axis];
    int middle = dilation * (conf.getKernelSize()[axis] - 1) / 2;
    return pixel * conf.getStride()[axis]
        - padding[axis]
        + middle
        + (tap * dilation - middle + offset) * conf.getOffsetScale();
  }

  /** Adds weight · the bilinear sample of the group's values at (y, x). */
  private void addSample(int n, double y, double x, double weight, int group, double[] to) {
    int width = channels / conf.getGroups();
    int top = (int) Math.floor(y);
    int left = (int) Math.floor(x);
    for (int row = top; row <= top + 1; row++) {
      for (int column = left; column <= left + 1; column++) {
        double share = (1 - Math.abs(y - row)) * (1 - Math.abs(x - column));
        double[] value = value(n, row, column);
        for (int c = group * width; c < (group + 1) * width; c++) {
          to[c] += weight * share * value[c];
        }
      }
    }
  }

  /** The input at a pixel, zeros outside. */
  private double[] input(int n, int row, int column) {
    double[] pixel = new double[channels];
    if (row >= 0 && row < x.size(2) && column >= 0 && column < x.size(3)) {
      for (int c = 0; c < channels; c++) {
        pixel[c] = x.getDouble(n, c, row, column);
      }
    }
    return pixel;
  }

  /** The projected input at a pixel, zeros outside: it is what is sampled that is padded. */
  private double[] value(int n, int row, int column) {
    boolean inside = row >= 0 && row < x.size(2) && column >= 0 && column < x.size(3);
    return !inside || !conf.isInputProjection()
        ? input(n, row, column)
        : linear(input(n, row, column), "valueW", "valueB");
  }

  private double[] linear(double[] in, String weights, String biases) {
    INDArray w = params.get(weights);
    INDArray b = params.get(biases);
    double[] out = new double[(int) w.size(0)];
    for (int o = 0; o < out.length; o++) {
      out[o] = b == null ? 0 : b.getDouble(o);
      for (int c = 0; c < in.length; c++) {
        out[o] += in[c] * w.getDouble(o, c, 0, 0);
      }
    }
    return out;
  }

  private double[] features(int n, int i, int j, int[] padding) {
    INDArray w = params.get("dwW");
    if (w == null) {
      return input(n, middle(i, 0, padding), middle(j, 1, padding));
    }
    double[] sums = new double[channels];
    int[] first = new int[2];
    for (int axis = 0; axis < 2; axis++) {
      int reach = conf.getDilation()[axis] * (conf.getKernelSize()[axis] - 1);
      int wider = reach + 1 - (int) w.size(2 + axis); // than this kernel, half on each side
      first[axis] = (axis == 0 ? i : j) * conf.getStride()[axis] - padding[axis] + wider / 2;
    }
    for (int row = 0; row < w.size(2); row++) {
      for (int column = 0; column < w.size(3); column++) {
        double[] in = input(n, first[0] + row, first[1] + column);
        for (int c = 0; c < channels; c++) {
          sums[c] += in[c] * w.getDouble(c, 0, row, column);
        }
      }
    }
    for (int c = 0; c < channels; c++) {
      sums[c] += params.get("dwB").getDouble(c);
    }
    return conf.getVersion() == 3 ? normalizedAndActivated(sums) : sums;
  }

  /** The input's pixel under the middle of an odd kernel. */
  private int middle(int pixel, int axis, int[] padding) {
    return pixel * conf.getStride()[axis]
        - padding[axis]
        + conf.getDilation()[axis] * (conf.getKernelSize()[axis] - 1) / 2;
  }

  private double[] normalizedAndActivated(double[] values) {
    double mean = 0;
    for (double value : values) {
      mean += value / channels;
    }
    double variance = 0;
    for (double value : values) {
      variance += (value - mean) * (value - mean) / channels;
    }
    double[] result = new double[channels];
    for (int c = 0; c < channels; c++) {
      double normalized = (values[c] - mean) / Math.sqrt(variance + 1e-6);
      double y = normalized * params.get("gamma").getDouble(c) + params.get("beta").getDouble(c);
      result[c] = y * normal(y);
    }
    return result;
  }

  /** The standard normal distribution, by the series of erf. */
  private static double normal(double y) {
    double z = y / Math.sqrt(2);
    double term = z;
    double sum = z;
    for (int n = 1; n < 200; n++) {
      term *= -z * z / n;
      sum += term / (2 * n + 1);
    }
    return 0.5 * (1 + 2 / Math.sqrt(Math.PI) * sum);
  }
}
