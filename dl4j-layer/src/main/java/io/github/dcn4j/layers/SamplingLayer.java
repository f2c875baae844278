package io.github.dcn4j.layers;

import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Runs a {@link SamplingConvolution2D}: a predictor says where to sample its input and how much to
 * make of each sample, a {@link MaskActivation} makes the mask of that, and a sampler samples.
 *
 * @param <C> the configuration
 * @param <P> what a forward pass leaves for its backward pass
 */
abstract class SamplingLayer<C extends SamplingConvolution2D, P extends SamplingLayer.Prediction>
    extends ConvolvingLayer<C, P> {
  SamplingLayer(NeuralNetConfiguration conf, DataType dataType) {
    super(conf, dataType);
  }

  /** Where to sample, and how much to make of it. */
  static class Prediction extends Pass {
    INDArray all; // what the predictor says: offsets, then logits of the mask
    INDArray offset; // view of all
    INDArray mask; // null if there is none; a view of all if it is the logits themselves

    @Override
    boolean isIntact() {
      return super.isIntact() && ActivationPass.areIntact(all, mask);
    }
  }

  /** An empty pass. */
  abstract P newPass();

  /** The predictor: writes {@code pass.all}, which is there. */
  abstract void predict(
      Geometry geometry, INDArray in, P pass, ArrayType type, LayerWorkspaceMgr ws);

  /**
   * What goes back through the predictor.
   *
   * @param gradIn the gradient of the input through the sampler
   * @param epsilonNext gets that, and what comes through the predictor; {@code gradIn} may be it
   */
  abstract void predictBackward(
      Geometry geometry,
      INDArray in,
      P pass,
      INDArray gradAll,
      INDArray gradIn,
      INDArray epsilonNext,
      LayerWorkspaceMgr ws);

  /** Whether the predictor adds to the sampler's gradient where it lies. */
  boolean addsInPlace() {
    return false;
  }

  /**
   * What goes back through the sampler and all after it.
   *
   * @param gradIn gets the gradient of the input
   * @param gradOffset gets the gradient of the offset
   * @param gradMask gets that of the mask; null if there is none
   */
  abstract void sampleBackward(
      Geometry geometry,
      INDArray in,
      P pass,
      INDArray weights,
      INDArray bias,
      INDArray delta,
      INDArray gradIn,
      INDArray gradOffset,
      INDArray gradMask,
      LayerWorkspaceMgr ws);

  /**
   * Where the layer looks in the input that a pass left it.
   *
   * @param map from its input to the network's
   */
  final SamplingPositions sampling(PixelMap map) {
    Geometry geometry = layerConf().geometry();
    INDArray in = checkedInput(geometry);
    P pass =
        prepare(geometry, in, ArrayType.ACTIVATIONS, LayerWorkspaceMgr.noWorkspacesImmutable());
    return sampling(geometry, in, pass, map);
  }

  /** What a pass says of where the layer looks. */
  abstract SamplingPositions sampling(Geometry geometry, INDArray in, P pass, PixelMap map);

  private INDArray offsets(Geometry geometry, INDArray all) {
    return geometry.channels(all, 0, 2 * layerConf().sampledTaps());
  }

  private INDArray logits(Geometry geometry, INDArray all) {
    long taps = layerConf().sampledTaps();
    return geometry.channels(all, 2 * taps, 3 * taps);
  }

  @Override
  P prepare(Geometry geometry, INDArray in, ArrayType type, LayerWorkspaceMgr ws) {
    P pass = newPass();
    long[] shape = geometry.outputShape(in, layerConf().predictionChannels());
    pass.all = ws.createUninitialized(type, dataType, shape, 'c');
    predict(geometry, in, pass, type, ws);
    pass.offset = offsets(geometry, pass.all);
    MaskActivation activation = layerConf().maskActivation();
    if (activation != null) {
      INDArray logits = logits(geometry, pass.all);
      pass.mask = withinOrBeside(activation, logits, type, ws);
      activation.forward(logits, pass.mask, layerConf().taps());
    }
    return pass;
  }

  /** An array for a mask, or its gradient; the one given, where that is what it is to hold. */
  private INDArray withinOrBeside(
      MaskActivation activation, INDArray logits, ArrayType type, LayerWorkspaceMgr ws) {
    return activation.isIdentity()
        ? logits
        : ws.createUninitialized(type, dataType, logits.shape(), 'c');
  }

  @Override
  void backward(
      Geometry geometry,
      INDArray in,
      P pass,
      INDArray weights,
      INDArray bias,
      INDArray delta,
      INDArray epsilonNext,
      LayerWorkspaceMgr ws) {
    INDArray gradAll =
        ws.createUninitialized(ArrayType.BP_WORKING_MEM, dataType, pass.all.shape(), 'c');
    INDArray gradOffset = offsets(geometry, gradAll);
    MaskActivation activation = layerConf().maskActivation();
    INDArray gradLogits = null;
    INDArray gradMask = null;
    if (activation != null) {
      gradLogits = logits(geometry, gradAll);
      gradMask = withinOrBeside(activation, gradLogits, ArrayType.BP_WORKING_MEM, ws);
    }
    INDArray gradIn =
        addsInPlace()
            ? epsilonNext
            : ws.createUninitialized(ArrayType.BP_WORKING_MEM, dataType, in.shape(), 'c');
    sampleBackward(geometry, in, pass, weights, bias, delta, gradIn, gradOffset, gradMask, ws);
    if (activation != null) {
      activation.backward(pass.mask, gradMask, gradLogits, layerConf().taps());
    }
    predictBackward(geometry, in, pass, gradAll, gradIn, epsilonNext, ws);
  }
}
