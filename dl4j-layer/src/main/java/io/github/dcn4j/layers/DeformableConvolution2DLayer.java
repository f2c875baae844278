package io.github.dcn4j.layers;

import static io.github.dcn4j.layers.DeformableConvolution2DParamInitializer.BIAS_KEY;
import static io.github.dcn4j.layers.DeformableConvolution2DParamInitializer.OFFSET_BIAS_KEY;
import static io.github.dcn4j.layers.DeformableConvolution2DParamInitializer.OFFSET_WEIGHT_KEY;
import static io.github.dcn4j.layers.DeformableConvolution2DParamInitializer.WEIGHT_KEY;

import io.github.dcn4j.ops.DeformableConv2D;
import io.github.dcn4j.ops.DeformableConv2DDerivative;
import io.github.dcn4j.ops.PlainConv2D;
import io.github.dcn4j.ops.PlainConv2DDerivative;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Runs a {@link DeformableConvolution2D}: the predictor is a plain convolution of its geometry, the
 * sampler a deformable one.
 */
final class DeformableConvolution2DLayer
    extends SamplingLayer<DeformableConvolution2D, SamplingLayer.Prediction> {
  DeformableConvolution2DLayer(NeuralNetConfiguration conf, DataType dataType) {
    super(conf, dataType);
  }

  @Override
  Prediction newPass() {
    return new Prediction();
  }

  @Override
  void predict(
      Geometry geometry, INDArray in, Prediction pass, ArrayType type, LayerWorkspaceMgr ws) {
    new PlainConv2D(
            in,
            getParam(OFFSET_WEIGHT_KEY),
            getParam(OFFSET_BIAS_KEY),
            geometry.ungrouped().config())
        .run(pass.all);
  }

  @Override
  void predictBackward(
      Geometry geometry,
      INDArray in,
      Prediction pass,
      INDArray gradAll,
      INDArray gradIn,
      INDArray epsilonNext,
      LayerWorkspaceMgr ws) {
    new PlainConv2DDerivative(
            in,
            getParam(OFFSET_WEIGHT_KEY),
            getParam(OFFSET_BIAS_KEY),
            gradAll,
            gradIn,
            geometry.ungrouped().config())
        .run(epsilonNext, gradientViews.get(OFFSET_WEIGHT_KEY), gradientViews.get(OFFSET_BIAS_KEY));
  }

  @Override
  void forward(
      Geometry geometry,
      INDArray in,
      Prediction pass,
      INDArray weights,
      INDArray bias,
      INDArray output) {
    new DeformableConv2D(in, weights, pass.offset, pass.mask, bias, geometry.config()).run(output);
  }

  @Override
  void sampleBackward(
      Geometry geometry,
      INDArray in,
      Prediction pass,
      INDArray weights,
      INDArray bias,
      INDArray delta,
      INDArray gradIn,
      INDArray gradOffset,
      INDArray gradMask,
      LayerWorkspaceMgr ws) {
    new DeformableConv2DDerivative(
            in, weights, pass.offset, pass.mask, bias, delta, geometry.config())
        .run(
            gradIn,
            gradientViews.get(WEIGHT_KEY),
            gradOffset,
            gradMask,
            gradientViews.get(BIAS_KEY));
  }

  @Override
  SamplingPositions sampling(Geometry geometry, INDArray in, Prediction pass, PixelMap map) {
    return SamplingPositions.of(geometry, in, pass.offset, pass.mask, map);
  }
}
