package io.github.dcn4j.layers;

import static io.github.dcn4j.layers.DeformableConvolution2DParamInitializer.BIAS_KEY;
import static io.github.dcn4j.layers.DeformableConvolution2DParamInitializer.OFFSET_BIAS_KEY;
import static io.github.dcn4j.layers.DeformableConvolution2DParamInitializer.OFFSET_WEIGHT_KEY;
import static io.github.dcn4j.layers.DeformableConvolution2DParamInitializer.WEIGHT_KEY;

import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.transforms.strict.Sigmoid;
import org.nd4j.linalg.factory.Nd4j;

/** Runs a {@link DeformableConvolution2D}. */
final class DeformableConvolution2DLayer
    extends ConvolvingLayer<DeformableConvolution2D, DeformableConvolution2DLayer.Prediction> {
  DeformableConvolution2DLayer(NeuralNetConfiguration conf, DataType dataType) {
    super(conf, dataType);
  }

  /** Where to sample. */
  static final class Prediction extends Pass {
    private INDArray all; // of the offset convolution: offsets, then logits of the mask
    private INDArray offset; // view of all
    private INDArray mask; // null if unmodulated; no view, as ND4J is several times slower on those

    @Override
    boolean isIntact() {
      return super.isIntact() && ActivationPass.areIntact(all, mask);
    }
  }

  @Override
  Prediction prepare(Geometry geometry, INDArray in, ArrayType type, LayerWorkspaceMgr ws) {
    DeformableConvolution2D conf = layerConf();
    Prediction pass = new Prediction();
    long[] shape = geometry.outputShape(in, conf.predictionChannels());
    pass.all = ws.createUninitialized(type, dataType, shape, 'c');
    geometry
        .ungrouped()
        .plainForward(in, getParam(OFFSET_WEIGHT_KEY), getParam(OFFSET_BIAS_KEY), pass.all);
    long taps = geometry.sampledTaps();
    pass.offset = geometry.channels(pass.all, 0, 2 * taps);
    if (conf.isModulated()) {
      INDArray logits = geometry.channels(pass.all, 2 * taps, 3 * taps);
      pass.mask = ws.createUninitialized(type, dataType, logits.shape(), 'c');
      Nd4j.getExecutioner().exec(new Sigmoid(logits, pass.mask));
    }
    return pass;
  }

  @Override
  void forward(
      Geometry geometry,
      INDArray in,
      Prediction pass,
      INDArray weights,
      INDArray bias,
      INDArray output) {
    geometry.forward(in, weights, pass.offset, pass.mask, bias, output);
  }

  @Override
  void backward(
      Geometry geometry,
      INDArray in,
      Prediction pass,
      INDArray weights,
      INDArray bias,
      INDArray delta,
      INDArray epsilonNext,
      LayerWorkspaceMgr ws) {
    INDArray gradAll =
        ws.createUninitialized(ArrayType.BP_WORKING_MEM, dataType, pass.all.shape(), 'c');
    long taps = geometry.sampledTaps();
    INDArray gradMask =
        pass.mask == null
            ? null
            : ws.createUninitialized(ArrayType.BP_WORKING_MEM, dataType, pass.mask.shape(), 'c');
    geometry.backward(
        in,
        weights,
        pass.offset,
        pass.mask,
        bias,
        delta,
        epsilonNext,
        gradientViews.get(WEIGHT_KEY),
        geometry.channels(gradAll, 0, 2 * taps),
        gradMask,
        gradientViews.get(BIAS_KEY));
    if (gradMask != null) {
      gradMask.muli(pass.mask).muli(pass.mask.rsubi(1)); // through the sigmoid
      geometry.channels(gradAll, 2 * taps, 3 * taps).assign(gradMask);
    }
    INDArray throughPrediction =
        ws.createUninitialized(ArrayType.BP_WORKING_MEM, dataType, in.shape(), 'c');
    geometry
        .ungrouped()
        .plainBackward(
            in,
            getParam(OFFSET_WEIGHT_KEY),
            getParam(OFFSET_BIAS_KEY),
            gradAll,
            throughPrediction,
            gradientViews.get(OFFSET_WEIGHT_KEY),
            gradientViews.get(OFFSET_BIAS_KEY));
    epsilonNext.addi(throughPrediction);
  }

  /**
   * Where the layer looks in the input that a pass left it.
   *
   * @param map from its input to the network's
   */
  SamplingPositions sampling(PixelMap map) {
    Geometry geometry = layerConf().geometry();
    INDArray in = checkedInput(geometry);
    Prediction pass =
        prepare(geometry, in, ArrayType.ACTIVATIONS, LayerWorkspaceMgr.noWorkspacesImmutable());
    return SamplingPositions.of(geometry, in, pass.offset, pass.mask, map);
  }
}
