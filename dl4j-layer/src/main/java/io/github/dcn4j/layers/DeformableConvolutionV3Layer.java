package io.github.dcn4j.layers;

import static io.github.dcn4j.layers.DeformableConvolutionV3ParamInitializer.BIAS_KEY;
import static io.github.dcn4j.layers.DeformableConvolutionV3ParamInitializer.CENTER_BIAS_KEY;
import static io.github.dcn4j.layers.DeformableConvolutionV3ParamInitializer.CENTER_WEIGHT_KEY;
import static io.github.dcn4j.layers.DeformableConvolutionV3ParamInitializer.DEPTHWISE_BIAS_KEY;
import static io.github.dcn4j.layers.DeformableConvolutionV3ParamInitializer.DEPTHWISE_WEIGHT_KEY;
import static io.github.dcn4j.layers.DeformableConvolutionV3ParamInitializer.GAIN_KEY;
import static io.github.dcn4j.layers.DeformableConvolutionV3ParamInitializer.OFFSET_BIAS_KEY;
import static io.github.dcn4j.layers.DeformableConvolutionV3ParamInitializer.OFFSET_WEIGHT_KEY;
import static io.github.dcn4j.layers.DeformableConvolutionV3ParamInitializer.SHIFT_KEY;
import static io.github.dcn4j.layers.DeformableConvolutionV3ParamInitializer.VALUE_BIAS_KEY;
import static io.github.dcn4j.layers.DeformableConvolutionV3ParamInitializer.VALUE_WEIGHT_KEY;
import static io.github.dcn4j.layers.DeformableConvolutionV3ParamInitializer.WEIGHT_KEY;

import io.github.dcn4j.ops.DCNv3;
import io.github.dcn4j.ops.DCNv3Config;
import io.github.dcn4j.ops.DCNv3Derivative;
import io.github.dcn4j.ops.DeformableConv2DConfig;
import io.github.dcn4j.ops.PlainConv2D;
import io.github.dcn4j.ops.PlainConv2DDerivative;
import java.util.Arrays;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.INDArrayIndex;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.ops.transforms.Transforms;

/** Runs a {@link DeformableConvolutionV3}. Within, all activations have their channels last. */
final class DeformableConvolutionV3Layer
    extends SamplingLayer<DeformableConvolutionV3, DeformableConvolutionV3Layer.Values> {
  DeformableConvolutionV3Layer(NeuralNetConfiguration conf, DataType dataType) {
    super(conf, dataType);
  }

  /** What a forward pass makes on its way; what its parts do not need is null. */
  static final class Values extends Prediction {
    private DCNv3Config sampler;
    private INDArray depthwise; // its output; normalised where that follows
    private INDArray scale; // of each pixel's normalisation
    private INDArray shifted; // normalised, with gain and shift: the input of the GELU
    private INDArray phi; // of it
    private INDArray features; // what the prediction is made of
    private INDArray value; // what is sampled
    private INDArray sampled; // null if that is the output
    private INDArray center; // how much of the own pixel's value
    private INDArray mixed; // sampled, with that

    @Override
    boolean isIntact() {
      return super.isIntact()
          && ActivationPass.areIntact(
              depthwise, scale, shifted, phi, features, value, sampled, center, mixed);
    }
  }

  @Override
  Values newPass() {
    return new Values();
  }

  private INDArray create(ArrayType type, LayerWorkspaceMgr ws, long... shape) {
    return ws.createUninitialized(type, dataType, shape, 'c');
  }

  private INDArray gradient(String key) {
    return gradientViews.get(key);
  }

  @Override
  Values prepare(Geometry geometry, INDArray in, ArrayType type, LayerWorkspaceMgr ws) {
    Geometry last = geometry.channelsLast();
    INDArray x = geometry.channelsLast(in);
    Values pass = super.prepare(last, x, type, ws);
    DeformableConvolutionV3 conf = layerConf();
    pass.value = x;
    if (conf.isInputProjection()) {
      pass.value = create(type, ws, x.shape());
      Linear.forward(x, getParam(VALUE_WEIGHT_KEY), getParam(VALUE_BIAS_KEY), pass.value);
    }
    if (conf.isOutputProjection() || conf.isCenterFeatureScale()) {
      pass.sampled = create(type, ws, last.outputShape(x, conf.getNIn()));
      sample(pass, pass.sampled);
      pass.mixed = pass.sampled;
    }
    if (conf.isCenterFeatureScale()) {
      mix(pass, type, ws);
    }
    return pass;
  }

  private static void sample(Values pass, INDArray output) {
    new DCNv3(pass.value, pass.offset, pass.mask, pass.sampler).run(output);
  }

  @Override
  void predict(Geometry geometry, INDArray x, Values pass, ArrayType type, LayerWorkspaceMgr ws) {
    pass.sampler = layerConf().samplerConfig(geometry, x);
    if (layerConf().depthwiseKernel() != null) {
      pass.features = pass.depthwise = create(type, ws, geometry.outputShape(x, x.size(3)));
      new PlainConv2D(
              x,
              getParam(DEPTHWISE_WEIGHT_KEY),
              getParam(DEPTHWISE_BIAS_KEY),
              depthwiseConfig(pass))
          .run(pass.depthwise);
      if (layerConf().normalizes()) {
        normalize(pass, type, ws);
      }
    } else {
      pass.features = middles(pass, x);
    }
    Linear.forward(pass.features, getParam(OFFSET_WEIGHT_KEY), getParam(OFFSET_BIAS_KEY), pass.all);
  }

  private int[] predictorPadding(Values pass) {
    int[] sampler = {(int) pass.sampler.getPH(), (int) pass.sampler.getPW()};
    return layerConf().predictorPadding(sampler);
  }

  /** The pixels in the middle of the sampler's windows: a view of the input, or of its gradient. */
  private INDArray middles(Values pass, INDArray x) {
    int[] padding = predictorPadding(pass);
    INDArrayIndex[] indices = new INDArrayIndex[4];
    Arrays.fill(indices, NDArrayIndex.all());
    for (int axis = 0; axis < 2; axis++) {
      long stride = layerConf().getStride()[axis];
      long last = (pass.all.size(1 + axis) - 1) * stride - padding[axis];
      indices[1 + axis] = NDArrayIndex.interval(-padding[axis], stride, last + 1);
    }
    return x.get(indices);
  }

  private DeformableConv2DConfig depthwiseConfig(Values pass) {
    int[] kernel = layerConf().depthwiseKernel();
    int[] padding = predictorPadding(pass);
    return DeformableConv2DConfig.builder()
        .kH(kernel[0])
        .kW(kernel[1])
        .sH(pass.sampler.getSH())
        .sW(pass.sampler.getSW())
        .pH(padding[0])
        .pW(padding[1])
        .dataFormat("NHWC")
        .groups(layerConf().getNIn())
        .build();
  }

  /** One row for each pixel. */
  private static INDArray rows(INDArray activations, long width) {
    return activations.reshape('c', activations.length() / width, width);
  }

  private void normalize(Values pass, ArrayType type, LayerWorkspaceMgr ws) {
    INDArray rows = rows(pass.depthwise, pass.depthwise.size(3));
    pass.scale = create(type, ws, rows.size(0), 1);
    LayerNormalization.forward(rows, pass.scale);
    long[] shape = pass.depthwise.shape();
    pass.shifted = create(type, ws, shape);
    pass.phi = create(type, ws, shape);
    pass.features = create(type, ws, shape);
    Linear.affine(pass.depthwise, getParam(GAIN_KEY), getParam(SHIFT_KEY), pass.shifted);
    Gelu.forward(pass.shifted, pass.phi, pass.features);
  }

  /** Mixes what was sampled with each pixel's own value. */
  private void mix(Values pass, ArrayType type, LayerWorkspaceMgr ws) {
    long[] shape = pass.sampled.shape();
    pass.center = create(type, ws, shape[0], shape[1], shape[2], layerConf().getGroups());
    Linear.forward(
        pass.features, getParam(CENTER_WEIGHT_KEY), getParam(CENTER_BIAS_KEY), pass.center);
    Transforms.sigmoid(pass.center, false);
    pass.mixed = create(type, ws, shape);
    INDArray mixed = groups(pass.mixed.assign(pass.value));
    mixed.subi(groups(pass.sampled)).muliColumnVector(column(pass.center));
    mixed.addi(groups(pass.sampled));
  }

  /** One row for each pixel and group. */
  private INDArray groups(INDArray activations) {
    return rows(activations, layerConf().getNIn() / layerConf().getGroups());
  }

  private static INDArray column(INDArray center) {
    return rows(center, 1);
  }

  @Override
  void forward(
      Geometry geometry, INDArray in, Values pass, INDArray weights, INDArray bias, INDArray out) {
    INDArray output = geometry.channelsLast(out);
    if (layerConf().isOutputProjection()) {
      Linear.forward(pass.mixed, weights, bias, output);
    } else if (pass.mixed != null) {
      output.assign(pass.mixed);
    } else {
      sample(pass, output);
    }
  }

  @Override
  void backward(
      Geometry geometry,
      INDArray in,
      Values pass,
      INDArray weights,
      INDArray bias,
      INDArray delta,
      INDArray epsilonNext,
      LayerWorkspaceMgr ws) {
    super.backward(
        geometry.channelsLast(),
        geometry.channelsLast(in),
        pass,
        weights,
        bias,
        geometry.channelsLast(delta),
        geometry.channelsLast(epsilonNext),
        ws);
  }

  @Override
  void sampleBackward(
      Geometry geometry,
      INDArray x,
      Values pass,
      INDArray weights,
      INDArray bias,
      INDArray delta,
      INDArray gradIn,
      INDArray gradOffset,
      INDArray gradMask,
      LayerWorkspaceMgr ws) {
    ArrayType type = ArrayType.BP_WORKING_MEM;
    INDArray gradient = delta;
    if (layerConf().isOutputProjection()) {
      gradient = create(type, ws, pass.mixed.shape());
      Linear.backward(
          pass.mixed, weights, bias, delta, gradient, gradient(WEIGHT_KEY), gradient(BIAS_KEY));
    }
    INDArray toValue = null;
    if (pass.center != null) {
      gradient = ws.dup(type, gradient, 'c');
      toValue = create(type, ws, gradient.shape());
      mixBackward(pass, gradient, toValue);
    }
    INDArray gradValue = layerConf().isInputProjection() ? create(type, ws, x.shape()) : gradIn;
    new DCNv3Derivative(pass.value, pass.offset, pass.mask, gradient, pass.sampler)
        .run(gradValue, gradOffset, gradMask);
    if (toValue != null) {
      gradValue.addi(toValue);
    }
    if (layerConf().isInputProjection()) {
      Linear.backward(
          x,
          getParam(VALUE_WEIGHT_KEY),
          getParam(VALUE_BIAS_KEY),
          gradValue,
          gradIn,
          gradient(VALUE_WEIGHT_KEY),
          gradient(VALUE_BIAS_KEY));
    }
  }

  /**
   * Splits a gradient among what was mixed; that of the logits takes the place of {@code center}.
   *
   * @param gradient becomes that of what was sampled
   * @param toValue gets that of the values
   */
  private void mixBackward(Values pass, INDArray gradient, INDArray toValue) {
    INDArray center = column(pass.center);
    INDArray rows = groups(gradient);
    INDArray difference = groups(toValue.assign(pass.value)).subi(groups(pass.sampled));
    INDArray gradCenter = difference.muli(rows).sum(true, 1);
    groups(toValue).assign(rows).muliColumnVector(center);
    rows.subi(groups(toValue));
    center.assign(gradCenter.muli(center).muli(center.rsub(1)));
  }

  @Override
  boolean addsInPlace() {
    return layerConf().depthwiseKernel() == null;
  }

  @Override
  void predictBackward(
      Geometry geometry,
      INDArray x,
      Values pass,
      INDArray gradAll,
      INDArray gradIn,
      INDArray epsilonNext,
      LayerWorkspaceMgr ws) {
    ArrayType type = ArrayType.BP_WORKING_MEM;
    INDArray gradient = create(type, ws, pass.features.shape());
    Linear.backward(
        pass.features,
        getParam(OFFSET_WEIGHT_KEY),
        getParam(OFFSET_BIAS_KEY),
        gradAll,
        gradient,
        gradient(OFFSET_WEIGHT_KEY),
        gradient(OFFSET_BIAS_KEY));
    if (pass.center != null) {
      INDArray throughCenter = create(type, ws, pass.features.shape());
      Linear.backward(
          pass.features,
          getParam(CENTER_WEIGHT_KEY),
          getParam(CENTER_BIAS_KEY),
          pass.center,
          throughCenter,
          gradient(CENTER_WEIGHT_KEY),
          gradient(CENTER_BIAS_KEY));
      gradient.addi(throughCenter);
    }
    if (pass.depthwise != null) {
      if (layerConf().normalizes()) {
        gradient = normalizeBackward(pass, gradient, ws);
      }
      new PlainConv2DDerivative(
              x,
              getParam(DEPTHWISE_WEIGHT_KEY),
              getParam(DEPTHWISE_BIAS_KEY),
              gradient,
              gradIn,
              depthwiseConfig(pass))
          .run(epsilonNext, gradient(DEPTHWISE_WEIGHT_KEY), gradient(DEPTHWISE_BIAS_KEY));
    } else {
      middles(pass, epsilonNext).addi(gradient);
    }
  }

  private INDArray normalizeBackward(Values pass, INDArray gradient, LayerWorkspaceMgr ws) {
    Gelu.backward(pass.shifted, pass.phi, gradient);
    INDArray result = create(ArrayType.BP_WORKING_MEM, ws, gradient.shape());
    Linear.affineBackward(
        pass.depthwise,
        getParam(GAIN_KEY),
        getParam(SHIFT_KEY),
        gradient,
        result,
        gradient(GAIN_KEY),
        gradient(SHIFT_KEY));
    long channels = result.size(3);
    LayerNormalization.backward(rows(pass.depthwise, channels), pass.scale, rows(result, channels));
    return result;
  }

  @Override
  SamplingPositions sampling(Geometry geometry, INDArray in, Values pass, PixelMap map) {
    double[][] taps = layerConf().tapPositions();
    long[] all = pass.all.shape();
    long[] shape = {all[0], all[1], all[2], layerConf().getGroups(), taps.length};
    INDArray offsets = pass.offset.dup('c').reshape('c', pixelPairs(shape));
    return SamplingPositions.of(
        geometry,
        in,
        taps,
        Nd4j.concat(5, coordinate(offsets, 1), coordinate(offsets, 0)) // (x, y) to (y, x)
            .permute(0, 3, 4, 1, 2, 5)
            .mul(layerConf().getOffsetScale()),
        pass.mask.reshape('c', shape).permute(0, 3, 4, 1, 2).dup('c'),
        map);
  }

  private static long[] pixelPairs(long... shape) {
    long[] pairs = Arrays.copyOf(shape, shape.length + 1);
    pairs[shape.length] = 2;
    return pairs;
  }

  private static INDArray coordinate(INDArray pairs, int which) {
    INDArrayIndex[] indices = new INDArrayIndex[6];
    Arrays.fill(indices, NDArrayIndex.all());
    indices[5] = NDArrayIndex.interval(which, which + 1);
    return pairs.get(indices);
  }
}
