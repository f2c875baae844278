package io.github.dcn4j.layers;

import io.github.dcn4j.ops.NativeSigmoid;
import io.github.dcn4j.ops.NativeSigmoidDerivative;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.transforms.custom.SoftMax;
import org.nd4j.linalg.factory.Nd4j;

/** What makes the factors of samples from what a layer predicts for them. */
enum MaskActivation {
  /** Each in 0…1 by itself, as in Deformable ConvNets v2 (arXiv 1811.11168). */
  SIGMOID {
    @Override
    void forward(INDArray logits, INDArray mask, int samples) {
      new NativeSigmoid(logits).run(mask);
    }

    @Override
    void backward(INDArray mask, INDArray gradMask, INDArray gradLogits, int samples) {
      new NativeSigmoidDerivative(mask, gradMask).run(gradLogits);
    }
  },

  /** Those that are added up sum to 1, as in DCNv3 (arXiv 2211.05778). */
  SOFTMAX {
    @Override
    void forward(INDArray logits, INDArray mask, int samples) {
      INDArray rows = rows(mask.assign(logits), samples);
      Nd4j.exec(new SoftMax(rows, rows, 1));
    }

    @Override
    void backward(INDArray mask, INDArray gradMask, INDArray gradLogits, int samples) {
      INDArray rows = rows(mask, samples);
      INDArray gradients = rows(gradMask, samples);
      INDArray weighted = gradients.mul(rows);
      gradients.subiColumnVector(weighted.sum(1)).muli(rows);
      if (gradLogits != gradMask) {
        gradLogits.assign(gradMask);
      }
    }

    private INDArray rows(INDArray values, int samples) {
      return values.reshape('c', values.length() / samples, samples);
    }
  },

  /** As predicted, of any size and sign, as in DCNv4 (arXiv 2401.06197). */
  NONE {
    @Override
    boolean isIdentity() {
      return true;
    }

    @Override
    void forward(INDArray logits, INDArray mask, int samples) {}

    @Override
    void backward(INDArray mask, INDArray gradMask, INDArray gradLogits, int samples) {}
  };

  /** Whether the mask is the logits: {@link #forward} and {@link #backward} do nothing then. */
  boolean isIdentity() {
    return false;
  }

  /**
   * Writes the mask.
   *
   * @param logits unchanged, of any strides
   * @param mask of the same shape, contiguous in 'c' order
   * @param samples of an output value; the softmax is over them, and takes them side by side
   */
  abstract void forward(INDArray logits, INDArray mask, int samples);

  /**
   * Writes the gradient of the logits.
   *
   * @param mask as {@link #forward} left it; may be overwritten
   * @param gradMask of its shape and contiguous; may be overwritten
   * @param gradLogits of the same shape, of any strides; {@code gradMask} too with the softmax
   */
  abstract void backward(INDArray mask, INDArray gradMask, INDArray gradLogits, int samples);
}
