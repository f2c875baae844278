package io.github.dcn4j.layers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import lombok.AccessLevel;
import lombok.AllArgsConstructor;
import lombok.Getter;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.graph.LayerVertex;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Where a deformable convolution of a network looks for an input, and how much it makes of what it
 * finds there.
 *
 * <p>For each output pixel, the layer's output before bias and activation function is the sum over
 * taps of weight × filter × bilinear sample of the layer's input at the position, a sample outside
 * the input counting as zero (arXiv 1811.11168, equation 1). A {@link DeformableConvolutionV3} has
 * no filter, and what it samples and adds up is its projected input (arXiv 2211.05778, equation 2).
 *
 * <p>Shapes, for N examples, G groups, K taps and oH × oW output pixels, whatever the data format:
 * {@link #getPositions()} and {@link #getImagePositions()} [N, G, K, oH, oW, 2], {@link
 * #getWeights()} [N, G, K, oH, oW]; of the network's data type. There are kH·kW taps, row by row; a
 * {@code DeformableConvolutionV3} has them column by column, and one less with {@code
 * removeCenter}.
 */
@Getter
@AllArgsConstructor(access = AccessLevel.PRIVATE)
public final class SamplingPositions {
  /**
   * Where the taps look: (y, x) in pixels of the layer's input. The middle of its first pixel is
   * (0, 0), that of the last (H − 1, W − 1).
   */
  private final INDArray positions;

  /**
   * The masks: in 0…1 for those that a layer makes itself, with a sum of 1 over the taps in version
   * 3, of any size and sign in version 4; ones where there is no mask (v1).
   */
  private final INDArray weights;

  /** Where they would look without offsets: [K, oH, oW, 2], otherwise as the positions. */
  private final INDArray grid;

  @Getter(AccessLevel.NONE)
  private final PixelMap map;

  /** From the middle of what the undeformed kernel sees for an output pixel. */
  @Getter(AccessLevel.NONE)
  private final PixelMap outputMap;

  /**
   * The sampling of a layer of a network.
   *
   * @param layer number of a {@link DeformableConvolution2D} or {@link DeformableConvolutionV3},
   *     frozen or not
   * @param input of the network, as {@link MultiLayerNetwork#output(INDArray)} takes it
   * @throws IllegalArgumentException if there is no such layer
   */
  public static SamplingPositions of(MultiLayerNetwork network, int layer, INDArray input) {
    if (layer < 0 || layer >= network.getnLayers() || !isDeformable(network.getLayer(layer))) {
      throw new IllegalArgumentException(
          "layer: expected the number of a deformable convolution, got " + layer);
    }
    try {
      network.setInput(input);
      network.feedForward(false, false);
      PixelMap map = PixelMap.IDENTITY;
      for (int i = 0; i < layer; i++) {
        map = map.then(PixelMap.of(network.getLayer(i)));
      }
      return of(network.getLayer(layer), map);
    } finally {
      network.clearLayersStates();
      network.clear();
    }
  }

  /**
   * The sampling of a layer or a vertex of a graph.
   *
   * @param vertex name of a {@link DeformableConvolution2D} or {@link DeformableConvolutionV3},
   *     frozen or not, or a {@link DeformableConvolution2DVertex}
   * @param inputs of the graph, as {@link ComputationGraph#output(INDArray...)} takes them
   * @throws IllegalArgumentException if there is no such vertex
   */
  public static SamplingPositions of(ComputationGraph graph, String vertex, INDArray... inputs) {
    if (!names(graph).contains(vertex)) {
      throw new IllegalArgumentException(
          "vertex: expected the name of a deformable convolution, one of "
              + names(graph)
              + ", got "
              + vertex);
    }
    try {
      graph.feedForward(inputs, false, false);
      PixelMap map = PixelMap.before(graph, vertex);
      org.deeplearning4j.nn.graph.vertex.GraphVertex running = graph.getVertex(vertex);
      return running instanceof DeformableConvolution2DGraphVertex
          ? ((DeformableConvolution2DGraphVertex) running).sampling(map)
          : of(running.getLayer(), map);
    } finally {
      graph.clearLayersStates();
      graph.clear();
    }
  }

  /** The names of a graph's deformable convolutions, layers and vertices, in topological order. */
  public static List<String> names(ComputationGraph graph) {
    Map<String, GraphVertex> all = graph.getConfiguration().getVertices();
    List<String> names = new ArrayList<>();
    for (int index : graph.topologicalSortOrder()) {
      String name = graph.getVertices()[index].getVertexName();
      GraphVertex vertex = all.get(name); // null for an input
      if (vertex instanceof DeformableConvolution2DVertex
          || vertex instanceof LayerVertex && isDeformable(graph.getLayer(name))) {
        names.add(name);
      }
    }
    return names;
  }

  private static boolean isDeformable(Layer layer) {
    return unwrapped(layer) instanceof SamplingLayer;
  }

  /** What is inside of a frozen layer. */
  static Layer unwrapped(Layer layer) {
    return layer instanceof BaseWrapperLayer
        ? unwrapped(((BaseWrapperLayer) layer).getUnderlying())
        : layer;
  }

  private static SamplingPositions of(Layer layer, PixelMap map) {
    return ((SamplingLayer<?, ?>) unwrapped(layer)).sampling(map);
  }

  /**
   * The sampling of a convolution.
   *
   * @param offset as the op takes it
   * @param mask as the op takes it, null for none
   * @param map from the convolution's input to the network's
   */
  static SamplingPositions of(
      Geometry geometry, INDArray input, INDArray offset, INDArray mask, PixelMap map) {
    long groups = geometry.getDeformableGroups();
    int[] kernel = geometry.getKernel();
    int[] dilation = geometry.getDilation();
    double[][] taps = new double[kernel[0] * kernel[1]][];
    for (int tap = 0; tap < taps.length; tap++) {
      taps[tap] = new double[] {tap / kernel[1] * dilation[0], tap % kernel[1] * dilation[1]};
    }
    long[] output = geometry.channelsFirst(offset).shape();
    long[] shape = {output[0], groups, taps.length, output[2], output[3]};
    INDArray offsets =
        geometry
            .channelsFirst(offset)
            .dup('c')
            .reshape('c', shape[0], groups, shape[2], 2, shape[3], shape[4])
            .permute(0, 1, 2, 4, 5, 3);
    INDArray weights =
        mask == null
            ? Nd4j.ones(offset.dataType(), shape)
            : geometry.channelsFirst(mask).dup('c').reshape('c', shape);
    return of(geometry, input, taps, offsets, weights, map);
  }

  /**
   * The sampling of a convolution.
   *
   * @param taps (y, x) of each from the window's first pixel, without offsets
   * @param offsets [N, G, K, oH, oW, 2] as (y, x)
   * @param weights [N, G, K, oH, oW]
   */
  static SamplingPositions of(
      Geometry geometry,
      INDArray input,
      double[][] taps,
      INDArray offsets,
      INDArray weights,
      PixelMap map) {
    INDArray grid = grid(geometry, input, taps, offsets.shape()).castTo(offsets.dataType());
    return new SamplingPositions(
        offsets.dup('c').addi(grid.broadcast(offsets.shape())),
        weights,
        grid.reshape('c', Arrays.copyOfRange(offsets.shape(), 2, 6)),
        map,
        map.then(geometry.pixelMap(input)));
  }

  /** Where the taps look without offsets: [1, 1, K, oH, oW, 2]. */
  private static INDArray grid(Geometry geometry, INDArray input, double[][] taps, long... shape) {
    int[] stride = geometry.getStride();
    int[] padding = geometry.paddingBefore(input);
    double[] values = new double[Math.toIntExact(shape[2] * shape[3] * shape[4] * 2)];
    int at = 0;
    for (double[] tap : taps) {
      for (int y = 0; y < shape[3]; y++) {
        for (int x = 0; x < shape[4]; x++) {
          values[at++] = y * stride[0] - padding[0] + tap[0];
          values[at++] = x * stride[1] - padding[1] + tap[1];
        }
      }
    }
    return Nd4j.createFromArray(values).reshape('c', 1, 1, shape[2], shape[3], shape[4], 2);
  }

  /** The positions in pixels of the network's input, as {@link #toImage} gives them. */
  public INDArray getImagePositions() {
    return toImage(positions);
  }

  /**
   * Takes positions in the layer's input to the network's. By the strides, kernels and paddings of
   * the layers before, the middle of a pixel of the layer's input is the middle of all that its
   * value comes from, deformable layers taken as undeformed. Pixels count alike in both: the middle
   * of the network input's first pixel is (0, 0), and it covers ± 0.5.
   *
   * @param positions (y, x) along the last dimension, as those of this class
   * @return a new array of the same shape
   * @throws IllegalArgumentException if a layer before is of a kind whose pixels cannot be placed
   */
  public INDArray toImage(INDArray positions) {
    long[] shape = positions.shape();
    long[] last = new long[shape.length];
    Arrays.fill(last, 1);
    last[shape.length - 1] = 2;
    INDArray scale = Nd4j.createFromArray(map.scale()).castTo(positions.dataType());
    INDArray shift = Nd4j.createFromArray(map.shift()).castTo(positions.dataType());
    return positions
        .mul(scale.reshape('c', last).broadcast(shape))
        .addi(shift.reshape('c', last).broadcast(shape));
  }

  /**
   * The output pixel whose undeformed kernel has its middle nearest to a point.
   *
   * @param y in pixels of the network's input, counted as in {@link #toImage}
   * @param x as y
   * @return (row, column)
   * @throws IllegalArgumentException as {@link #toImage}
   */
  public int[] outputPixelAt(double y, double x) {
    double[] point = {y, x};
    int[] pixel = new int[2];
    for (int axis = 0; axis < 2; axis++) {
      double nearest = (point[axis] - outputMap.shift()[axis]) / outputMap.scale()[axis];
      pixel[axis] = (int) Math.max(0, Math.min(grid.size(1 + axis) - 1, Math.round(nearest)));
    }
    return pixel;
  }
}
