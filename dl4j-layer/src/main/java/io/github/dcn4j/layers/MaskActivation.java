package io.github.dcn4j.layers;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.transforms.custom.SoftMax;
import org.nd4j.linalg.api.ops.impl.transforms.same.TimesOneMinus;
import org.nd4j.linalg.api.ops.impl.transforms.strict.Sigmoid;
import org.nd4j.linalg.factory.Nd4j;

/** What makes the factors of samples from what a layer predicts for them. */
enum MaskActivation {
  /** Each in 0…1 by itself, as in Deformable ConvNets v2 (arXiv 1811.11168). */
  SIGMOID {
    @Override
    void forward(INDArray logits, INDArray mask, int samples) {
      Nd4j.getExecutioner().exec(new Sigmoid(logits, mask));
    }

    @Override
    void backward(INDArray mask, INDArray gradient, int samples) {
      Nd4j.getExecutioner().exec(new TimesOneMinus(mask, mask)); // the sigmoid's slope
      gradient.muli(mask);
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
    void backward(INDArray mask, INDArray gradient, int samples) {
      INDArray rows = rows(mask, samples);
      INDArray gradients = rows(gradient, samples);
      INDArray weighted = gradients.mul(rows);
      gradients.subiColumnVector(weighted.sum(1)).muli(rows);
    }

    private INDArray rows(INDArray values, int samples) {
      return values.reshape('c', values.length() / samples, samples);
    }
  },

  /** As predicted, of any size and sign, as in DCNv4 (arXiv 2401.06197). */
  NONE {
    @Override
    void forward(INDArray logits, INDArray mask, int samples) {
      mask.assign(logits);
    }

    @Override
    void backward(INDArray mask, INDArray gradient, int samples) {}
  };

  /**
   * Writes the mask.
   *
   * @param logits unchanged, of any strides
   * @param mask of the same shape, contiguous in 'c' order
   * @param samples of an output value; the softmax is over them, and takes them side by side
   */
  abstract void forward(INDArray logits, INDArray mask, int samples);

  /**
   * Makes the gradient of the logits.
   *
   * @param mask as {@link #forward} left it; overwritten
   * @param gradient of the mask, of its shape and contiguous; becomes that of the logits
   */
  abstract void backward(INDArray mask, INDArray gradient, int samples);
}
