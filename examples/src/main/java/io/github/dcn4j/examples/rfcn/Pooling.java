package io.github.dcn4j.examples.rfcn;

import io.github.dcn4j.layers.Convolution2D;
import io.github.dcn4j.layers.DeformablePSROIPoolingVertex;
import io.github.dcn4j.layers.ModulatedDeformablePSROIPoolingVertex;
import io.github.dcn4j.ops.DeformablePSROIPoolingConfig;
import io.github.dcn4j.ops.NDDeformable;
import java.util.Map;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.weights.WeightInit;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.ops.transforms.Transforms;

/**
 * How the second stage looks at a region, which it cuts into k × k bins.
 *
 * <p>All kinds add a vertex {@link #NAME} to the graph, which takes {@link TwoStageNetwork#MAPS}
 * and {@link TwoStageNetwork#ROIS} to [R, {@link #OUTPUTS}, k, k].
 */
public enum Pooling {
  /** Each bin stays in its place (R-FCN, arXiv 1605.06409). */
  NONE {
    @Override
    void addTo(GraphBuilder graph, String features) {
      graph.addVertex(NAME, plain(OUTPUTS), TwoStageNetwork.MAPS, TwoStageNetwork.ROIS);
    }

    @Override
    float[] binOffsets(ComputationGraph network, Map<String, INDArray> seen) {
      throw new UnsupportedOperationException("the bins of plain pooling do not move");
    }
  },

  /**
   * Bins move: a 1×1 convolution makes fields of shifts, which are themselves pooled by position
   * for each region (Deformable ConvNets, arXiv 1703.06211, figure 4). It starts at zero.
   */
  DEFORMABLE {
    @Override
    void addTo(GraphBuilder graph, String features) {
      graph.addLayer(
          "shiftMaps",
          new Convolution2D.Builder(1, 1).nOut(2 * BINS * BINS).weightInit(WeightInit.ZERO).build(),
          features);
      graph.addVertex("shifts", plain(2), "shiftMaps", TwoStageNetwork.ROIS);
      graph.addVertex(
          NAME,
          new DeformablePSROIPoolingVertex.Builder()
              .spatialScale(SCALE)
              .outputDim(OUTPUTS)
              .groupSize(BINS)
              .pooledSize(BINS)
              .transStd(SHIFT)
              .build(),
          TwoStageNetwork.MAPS,
          TwoStageNetwork.ROIS,
          "shifts");
    }

    @Override
    float[] binOffsets(ComputationGraph network, Map<String, INDArray> seen) {
      INDArray shifts = seen.get("shifts");
      INDArray weights = Nd4j.ones(shifts.size(0), 1, BINS, BINS);
      return flat(Nd4j.concat(1, shifts.mul(SHIFT), weights));
    }
  },

  /**
   * Bins move and have weights: three fully connected layers inside the vertex predict both from a
   * first, plain pooling (Deformable ConvNets v2, arXiv 1811.11168). They start with no shifts and
   * weights of one half.
   */
  MODULATED {
    @Override
    void addTo(GraphBuilder graph, String features) {
      graph.addVertex(
          NAME,
          new ModulatedDeformablePSROIPoolingVertex.Builder()
              .spatialScale(SCALE)
              .outputDim(OUTPUTS)
              .groupSize(BINS)
              .pooledSize(BINS)
              .transStd(SHIFT)
              .fcDim(FULLY_CONNECTED)
              .build(),
          TwoStageNetwork.MAPS,
          TwoStageNetwork.ROIS);
    }

    /** The vertex keeps them to itself: this goes its way again. */
    @Override
    float[] binOffsets(ComputationGraph network, Map<String, INDArray> seen) {
      DeformablePSROIPoolingConfig config =
          DeformablePSROIPoolingConfig.builder()
              .spatialScale(SCALE)
              .outputDim(OUTPUTS)
              .groupSize(BINS)
              .pooledSize(BINS)
              .build();
      INDArray rois = seen.get(TwoStageNetwork.ROIS);
      INDArray values =
          new NDDeformable()
              .deformablePSROIPooling(seen.get(TwoStageNetwork.MAPS), rois, null, config)
              .reshape('c', rois.size(0), OUTPUTS * BINS * BINS);
      Map<String, INDArray> parameters = network.getVertex(NAME).paramTable(false);
      for (int i = 0; i < 3; i++) {
        values = i == 0 ? values : Transforms.relu(values);
        values = values.mmul(parameters.get("fc" + i + "W"));
        values = values.addRowVector(parameters.get("fc" + i + "b"));
      }
      int plane = BINS * BINS;
      INDArray shifts =
          values.get(NDArrayIndex.all(), NDArrayIndex.interval(0, 2 * plane)).mul(SHIFT);
      INDArray weights =
          Transforms.sigmoid(
              values.get(NDArrayIndex.all(), NDArrayIndex.interval(2 * plane, 3 * plane)));
      return flat(Nd4j.concat(1, shifts, weights));
    }
  };

  /** Name of the vertex that pools. */
  static final String NAME = "bins";

  /** Bins along each side of a region: k. */
  static final int BINS = 3;

  /** Values of a bin, each from a map of its own. */
  static final int OUTPUTS = 16;

  /** Cells of the features to a pixel of the image. */
  private static final double SCALE = 1.0 / TwoStageNetwork.STRIDE;

  /** How far a shift of 1 moves a bin, as a share of the region's side; the papers' 0.1. */
  private static final double SHIFT = 0.1;

  /** Width of the layers that predict shifts and weights. */
  private static final int FULLY_CONNECTED = 128;

  /** Adds this pooling to a graph that has maps, regions and, under the given name, features. */
  abstract void addTo(GraphBuilder graph, String features);

  /**
   * Where the bins moved in a pass of the network.
   *
   * @param seen the activations of the pass
   * @return [R, 3, k, k], row by row: shifts along x and y as shares of the region's width and
   *     height, and the weight of the bin
   */
  abstract float[] binOffsets(ComputationGraph network, Map<String, INDArray> seen);

  private static float[] flat(INDArray array) {
    return array.dup('c').data().asFloat();
  }

  private static DeformablePSROIPoolingVertex plain(int outputs) {
    return new DeformablePSROIPoolingVertex.Builder()
        .spatialScale(SCALE)
        .outputDim(outputs)
        .groupSize(BINS)
        .pooledSize(BINS)
        .build();
  }
}
