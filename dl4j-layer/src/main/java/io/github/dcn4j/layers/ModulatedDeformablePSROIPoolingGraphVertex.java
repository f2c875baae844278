package io.github.dcn4j.layers;

import static io.github.dcn4j.layers.ModulatedDeformablePSROIPoolingVertex.BIAS_KEYS;
import static io.github.dcn4j.layers.ModulatedDeformablePSROIPoolingVertex.WEIGHT_KEYS;

import java.util.Map;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.ops.transforms.Transforms;

/** Runs a {@link ModulatedDeformablePSROIPoolingVertex}. */
@SuppressWarnings("overrides") // BaseGraphVertex.setInputs lacks its interface's varargs
final class ModulatedDeformablePSROIPoolingGraphVertex
    extends RunningParameterVertex<ModulatedDeformablePSROIPoolingVertex> {
  ModulatedDeformablePSROIPoolingGraphVertex(
      ModulatedDeformablePSROIPoolingVertex conf,
      ComputationGraph graph,
      String name,
      int index,
      INDArray params,
      Map<String, INDArray> paramTable,
      DataType dataType) {
    super(conf, graph, name, index, params, paramTable, dataType);
  }

  /** A pass over one set of rois, of which there is at least one. */
  private final class Call {
    private final INDArray features;
    private final INDArray rois = inputs[1];
    private final ArrayType outputType;
    private final ArrayType working;
    private final LayerWorkspaceMgr ws;

    private final RoiPooling.Pass plain;
    private final INDArray[] layers = new INDArray[4]; // the input and the outputs of each
    private INDArray mask; // view of the last layer's output, [R, 1, P, P]
    private RoiPooling.Pass deformed;

    Call(ArrayType outputType, ArrayType working, LayerWorkspaceMgr ws) {
      this.outputType = outputType;
      this.working = working;
      this.ws = ws;
      features = inputs[0].castTo(dataType); // itself if it has this type
      plain = pool(null, conf.isNoTrans() ? outputType : working);
      if (!conf.isNoTrans()) {
        predict();
      }
    }

    private RoiPooling.Pass pool(INDArray trans, ArrayType type) {
      return conf.getPooling().new Pass(features, rois, trans, type, working, ws);
    }

    private void predict() {
      layers[0] = plain.output.reshape('c', rois.size(0), conf.getPooling().pooledValues());
      for (int i = 0; i < 3; i++) {
        INDArray weights = param(WEIGHT_KEYS[i]);
        layers[i + 1] =
            ws.createUninitialized(working, dataType, new long[] {rois.size(0), weights.size(1)});
        FullyConnected.forward(layers[i], weights, param(BIAS_KEYS[i]), layers[i + 1]);
        if (i < 2) {
          Transforms.relu(layers[i + 1], false);
        }
      }
      INDArray planes = planes(layers[3]);
      mask = mask(planes);
      Transforms.sigmoid(mask, false);
      deformed = pool(shifts(planes), working);
    }

    /** The last layer's output, or its gradient, as [R, 3, P, P]. */
    private INDArray planes(INDArray values) {
      long size = conf.getPooling().getConfig().getPooledSize();
      return values.reshape('c', values.size(0), 3, size, size);
    }

    private INDArray shifts(INDArray planes) {
      return planes.get(NDArrayIndex.all(), NDArrayIndex.interval(0, 2));
    }

    private INDArray mask(INDArray planes) {
      return planes.get(NDArrayIndex.all(), NDArrayIndex.interval(2, 3));
    }

    INDArray output() {
      if (conf.isNoTrans()) {
        return plain.output;
      }
      INDArray output = ws.createUninitialized(outputType, dataType, deformed.output.shape(), 'c');
      return deformed.output.mul(mask, output);
    }

    /** Writes the gradients of the parameters and of the features. */
    void backward(INDArray gradOutput, INDArray gradFeatures) {
      if (conf.isNoTrans()) {
        plain.backward(gradOutput, gradFeatures, null);
        return;
      }
      INDArray grad = ws.createUninitialized(working, dataType, layers[3].shape(), 'c');
      INDArray planes = planes(grad);
      // Through the sigmoid: its slope is mask·(1 − mask).
      INDArray gradMask = mask(planes);
      gradMask.assign(gradOutput.mul(deformed.output).sum(true, 1));
      gradMask.muli(mask).muli(mask.rsub(1));
      deformed.backward(gradOutput.mul(mask), gradFeatures, shifts(planes));

      for (int i = 2; i >= 0; i--) {
        INDArray below = ws.createUninitialized(working, dataType, layers[i].shape());
        FullyConnected.backward(
            layers[i],
            param(WEIGHT_KEYS[i]),
            param(BIAS_KEYS[i]),
            grad,
            below,
            gradientViews.get(WEIGHT_KEYS[i]),
            gradientViews.get(BIAS_KEYS[i]));
        if (i > 0) { // through the ReLU, which is above zero where its input was
          below.muli(layers[i].gt(0).castTo(dataType));
        }
        grad = below;
      }
      INDArray throughShifts = ws.createUninitialized(working, dataType, gradFeatures.shape(), 'c');
      plain.backward(grad.reshape('c', plain.output.shape()), throughShifts, null);
      gradFeatures.addi(throughShifts);
    }
  }

  private boolean noRois() {
    return inputs[1].size(0) == 0;
  }

  @Override
  INDArray forward(boolean training, LayerWorkspaceMgr workspaceMgr) {
    conf.getPooling().checkInputs(toString(), inputs[0], inputs[1]);
    if (noRois()) {
      long[] shape = conf.getPooling().outputShape(inputs[1]);
      return RoiPooling.zeros(workspaceMgr, ArrayType.ACTIVATIONS, dataType, shape);
    }
    return new Call(ArrayType.ACTIVATIONS, ArrayType.FF_WORKING_MEM, workspaceMgr).output();
  }

  @Override
  Pair<Gradient, INDArray[]> backward(LayerWorkspaceMgr workspaceMgr) {
    INDArray[] epsilons = new INDArray[2];
    for (int i = 0; i < 2; i++) {
      epsilons[i] =
          RoiPooling.zeros(workspaceMgr, ArrayType.ACTIVATION_GRAD, dataType, inputs[i].shape());
    }
    if (noRois()) {
      gradientViews.values().forEach(view -> view.assign(0));
    } else {
      // The values of the forward pass are made again.
      new Call(ArrayType.BP_WORKING_MEM, ArrayType.BP_WORKING_MEM, workspaceMgr)
          .backward(epsilon.castTo(dataType), epsilons[0]);
    }
    return new Pair<>(gradient(), epsilons);
  }
}
