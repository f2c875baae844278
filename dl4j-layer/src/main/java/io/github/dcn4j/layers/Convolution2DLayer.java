package io.github.dcn4j.layers;

import static io.github.dcn4j.layers.Convolution2DParamInitializer.BIAS_KEY;
import static io.github.dcn4j.layers.Convolution2DParamInitializer.WEIGHT_KEY;

import io.github.dcn4j.ops.PlainConv2D;
import io.github.dcn4j.ops.PlainConv2DDerivative;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Runs a {@link Convolution2D}. */
final class Convolution2DLayer extends ConvolvingLayer<Convolution2D, ConvolvingLayer.Pass> {
  Convolution2DLayer(NeuralNetConfiguration conf, DataType dataType) {
    super(conf, dataType);
  }

  @Override
  Pass prepare(Geometry geometry, INDArray in, ArrayType type, LayerWorkspaceMgr ws) {
    return new Pass();
  }

  @Override
  void forward(
      Geometry geometry, INDArray in, Pass pass, INDArray weights, INDArray bias, INDArray output) {
    new PlainConv2D(in, weights, bias, geometry.config()).run(output);
  }

  @Override
  void backward(
      Geometry geometry,
      INDArray in,
      Pass pass,
      INDArray weights,
      INDArray bias,
      INDArray delta,
      INDArray epsilonNext,
      LayerWorkspaceMgr ws) {
    new PlainConv2DDerivative(in, weights, bias, delta, geometry.config())
        .run(epsilonNext, gradientViews.get(WEIGHT_KEY), gradientViews.get(BIAS_KEY));
  }
}
