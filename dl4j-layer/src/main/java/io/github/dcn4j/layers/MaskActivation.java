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
    void forward(INDArray mask, int taps) {
      Nd4j.getExecutioner().exec(new Sigmoid(mask, mask));
    }

    @Override
    void backward(INDArray mask, INDArray gradMask, int taps) {
      Nd4j.getExecutioner().exec(new TimesOneMinus(mask, mask));
      gradMask.muli(mask);
    }
  },

  /** Those that are added up sum to 1, as in DCNv3 (arXiv 2211.05778). */
  SOFTMAX {
    @Override
    void forward(INDArray mask, int taps) {
      INDArray rows = rows(mask, taps);
      Nd4j.exec(new SoftMax(rows, rows, 1));
    }

    @Override
    void backward(INDArray mask, INDArray gradMask, int taps) {
      INDArray rows = rows(mask, taps);
      INDArray gradients = rows(gradMask, taps);
      INDArray weighted = gradients.mul(rows);
      gradients.subiColumnVector(weighted.sum(1)).muli(rows);
    }

    private INDArray rows(INDArray values, int taps) {
      return values.reshape('c', values.length() / taps, taps);
    }
  },

  /** As predicted, of any size and sign, as in DCNv4 (arXiv 2401.06197). */
  NONE {
    @Override
    void forward(INDArray mask, int taps) {}

    @Override
    void backward(INDArray mask, INDArray gradMask, int taps) {}
  };

  abstract void forward(INDArray mask, int taps);

  abstract void backward(INDArray mask, INDArray gradMask, int taps);
}
