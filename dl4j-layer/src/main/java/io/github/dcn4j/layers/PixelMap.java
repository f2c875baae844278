package io.github.dcn4j.layers;

import java.util.List;
import java.util.Map;
import lombok.AccessLevel;
import lombok.EqualsAndHashCode;
import lombok.RequiredArgsConstructor;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.graph.ScaleVertex;
import org.deeplearning4j.nn.conf.graph.ShiftVertex;
import org.deeplearning4j.nn.conf.layers.ActivationLayer;
import org.deeplearning4j.nn.conf.layers.BatchNormalization;
import org.deeplearning4j.nn.conf.layers.Convolution1DLayer;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.Deconvolution2D;
import org.deeplearning4j.nn.conf.layers.DropoutLayer;
import org.deeplearning4j.nn.conf.layers.LocalResponseNormalization;
import org.deeplearning4j.nn.conf.layers.SpaceToDepthLayer;
import org.deeplearning4j.nn.conf.layers.SubsamplingLayer;
import org.deeplearning4j.nn.conf.layers.Upsampling2D;
import org.deeplearning4j.nn.conf.layers.ZeroPaddingLayer;
import org.deeplearning4j.nn.conf.layers.convolutional.Cropping2D;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Takes the middle of an activation's pixel to the middle of those of the network's input that it
 * comes from: along each axis, scale × pixel + shift. Null where that is not known.
 */
@EqualsAndHashCode
@RequiredArgsConstructor(access = AccessLevel.PRIVATE)
final class PixelMap {
  /** Of the network's input itself. */
  static final PixelMap IDENTITY = new PixelMap(new double[] {1, 1}, new double[] {0, 0}, null);

  private final double[] scale; // y, x
  private final double[] shift;

  /** The layer at which the trace is lost; null if it is not. */
  private final String unknown;

  private static PixelMap unknown(Object kind) {
    return new PixelMap(null, null, kind.getClass().getSimpleName());
  }

  /**
   * Pixels of the network's input to one of the activation's, (y, x).
   *
   * @throws IllegalArgumentException if they are not known
   */
  double[] scale() {
    requireKnown();
    return scale;
  }

  /**
   * Where the activation's first pixel lies in the network's input, (y, x).
   *
   * @throws IllegalArgumentException if that is not known
   */
  double[] shift() {
    requireKnown();
    return shift;
  }

  private void requireKnown() {
    if (unknown != null) {
      throw new IllegalArgumentException(
          "positions in the network's input are not known behind a " + unknown);
    }
  }

  /** The map of a layer's output, if this is that of its input and {@code next} the layer's. */
  PixelMap then(PixelMap next) {
    if (unknown != null || next.unknown != null) {
      return unknown != null ? this : next;
    }
    double[] scales = new double[2];
    double[] shifts = new double[2];
    for (int axis = 0; axis < 2; axis++) {
      scales[axis] = scale[axis] * next.scale[axis];
      shifts[axis] = scale[axis] * next.shift[axis] + shift[axis];
    }
    return new PixelMap(scales, shifts, null);
  }

  /** The map of the first input of a vertex, after a pass that left the layers their inputs. */
  static PixelMap before(ComputationGraph graph, String vertex) {
    List<String> inputs = graph.getConfiguration().getVertexInputs().get(vertex);
    return after(graph, inputs.get(0));
  }

  private static PixelMap after(ComputationGraph graph, String vertex) {
    Map<String, GraphVertex> vertices = graph.getConfiguration().getVertices();
    GraphVertex conf = vertices.get(vertex);
    if (conf == null) {
      return IDENTITY; // of the network's input
    }
    PixelMap before = before(graph, vertex);
    if (graph.getLayer(vertex) != null) {
      return before.then(of(graph.getLayer(vertex)));
    }
    if (conf instanceof DeformableConvolution2DVertex) {
      INDArray input = graph.getVertex(vertex).getInputs()[0];
      return before.then(((DeformableConvolution2DVertex) conf).geometry().pixelMap(input));
    }
    // Of activations with pixels of one size, which the inputs of these must have.
    boolean sameSize =
        conf instanceof ElementWiseVertex
            || conf instanceof MergeVertex
            || conf instanceof ScaleVertex
            || conf instanceof ShiftVertex;
    return sameSize ? before : before.then(unknown(conf));
  }

  /** The map of a layer alone, after a pass that left it its input. */
  static PixelMap of(Layer runtime) {
    Layer layer = SamplingPositions.unwrapped(runtime);
    org.deeplearning4j.nn.conf.layers.Layer conf = layer.conf().getLayer();
    if (conf instanceof ActivationLayer
        || conf instanceof BatchNormalization
        || conf instanceof DropoutLayer
        || conf instanceof LocalResponseNormalization) {
      return IDENTITY;
    }
    if (conf instanceof ConvolutionLayer
        && !(conf instanceof Deconvolution2D)
        && !(conf instanceof Convolution1DLayer)) {
      ConvolutionLayer c = (ConvolutionLayer) conf;
      return geometry(c.getKernelSize(), c.getStride(), c.getPadding(), c.getDilation())
          .mode(c.getConvolutionMode())
          .format(c.getCnn2dDataFormat())
          .build()
          .pixelMap(layer.input());
    }
    if (conf instanceof SubsamplingLayer) {
      SubsamplingLayer s = (SubsamplingLayer) conf;
      return geometry(s.getKernelSize(), s.getStride(), s.getPadding(), s.getDilation())
          .mode(s.getConvolutionMode())
          .format(s.getCnn2dDataFormat())
          .build()
          .pixelMap(layer.input());
    }
    if (conf instanceof SpaceToDepthLayer) {
      int block = ((SpaceToDepthLayer) conf).getBlockSize();
      double middle = (block - 1) / 2.0;
      return new PixelMap(new double[] {block, block}, new double[] {middle, middle}, null);
    }
    if (conf instanceof Upsampling2D) {
      int[] size = ((Upsampling2D) conf).getSize();
      double[] scale = {1.0 / size[0], 1.0 / size[1]};
      return new PixelMap(scale, new double[] {(scale[0] - 1) / 2, (scale[1] - 1) / 2}, null);
    }
    if (conf instanceof ZeroPaddingLayer) {
      int[] padding = ((ZeroPaddingLayer) conf).getPadding(); // top, bottom, left, right
      return new PixelMap(new double[] {1, 1}, new double[] {-padding[0], -padding[2]}, null);
    }
    if (conf instanceof Cropping2D) {
      int[] cropping = ((Cropping2D) conf).getCropping();
      return new PixelMap(new double[] {1, 1}, new double[] {cropping[0], cropping[2]}, null);
    }
    return unknown(conf);
  }

  private static Geometry.GeometryBuilder geometry(
      int[] kernel, int[] stride, int[] padding, int[] dilation) {
    return Geometry.builder().kernel(kernel).stride(stride).padding(padding).dilation(dilation);
  }

  /** The map of what slides a window over its input. */
  static PixelMap window(int[] kernel, int[] stride, int[] before, int[] dilation) {
    double[] shift = new double[2];
    for (int axis = 0; axis < 2; axis++) {
      shift[axis] = dilation[axis] * (kernel[axis] - 1) / 2.0 - before[axis];
    }
    return new PixelMap(new double[] {stride[0], stride[1]}, shift, null);
  }
}
