package io.github.dcn4j.layers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.deeplearning4j.nn.api.Trainable;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.LayerVertex;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.shade.jackson.core.JsonProcessingException;
import org.nd4j.shade.jackson.databind.ObjectMapper;
import org.nd4j.shade.jackson.databind.node.ObjectNode;

/**
 * Replaces convolution layers of a trained network by those of this library. The copy computes what
 * the network computes, and goes on from there when it is trained:
 *
 * <pre>{@code
 * ComputationGraph detector =
 *     Conversion.convert(trained, DeformableConvolution2D::from, "res5a_branch2b", "res5b_branch2b");
 * }</pre>
 *
 * <p>All parameters are copied. Those that a deformable layer has beside W and b are new: its
 * offsets are 0, and W is divided by the mask that it starts with ({@link
 * DeformableConvolution2D.Builder#initialMask}). The state of the updater is not copied.
 *
 * <p>{@code to} may change more than the class, such as {@code deformableGroups}; not the geometry,
 * the channels or the bias.
 */
public final class Conversion {
  private Conversion() {}

  /**
   * A copy of a network with other convolution layers.
   *
   * @param network unchanged
   * @param to makes the new layer of a {@code ConvolutionLayer} or {@link Convolution2D}, such as
   *     {@code DeformableConvolution2D::from} or {@code Convolution2D::from}
   * @param layers the names of the layers; none for all that are {@code ConvolutionLayer}s, not of
   *     a class that extends it
   * @throws IllegalArgumentException if there is no convolution layer of one of the names, {@code
   *     to} gives no layer that fits, or the network was not initialised
   */
  public static MultiLayerNetwork convert(
      MultiLayerNetwork network,
      Function<ConvolutionLayer, ConvolutionLayer> to,
      String... layers) {
    required("network", network);
    checkInitialised("network", network.isInitCalled());
    MultiLayerConfiguration conf = network.getLayerWiseConfigurations().clone();
    List<NeuralNetConfiguration> all = conf.getConfs();
    convert(all, to, layers);
    conf.setIterationCount(network.getIterationCount());
    conf.setEpochCount(network.getEpochCount());
    MultiLayerNetwork converted = new MultiLayerNetwork(conf);
    converted.init();
    for (int i = 0; i < all.size(); i++) {
      copy(network.getLayer(i), converted.getLayer(i), all.get(i).getLayer());
    }
    return converted;
  }

  /**
   * As the other, for a graph.
   *
   * @param graph unchanged
   */
  public static ComputationGraph convert(
      ComputationGraph graph, Function<ConvolutionLayer, ConvolutionLayer> to, String... layers) {
    required("graph", graph);
    checkInitialised("graph", graph.getVertices() != null);
    ComputationGraphConfiguration conf = graph.getConfiguration().clone();
    convert(
        conf.getVertices().values().stream()
            .filter(LayerVertex.class::isInstance)
            .map(vertex -> ((LayerVertex) vertex).getLayerConf())
            .collect(Collectors.toList()),
        to,
        layers);
    conf.setIterationCount(graph.getConfiguration().getIterationCount());
    conf.setEpochCount(graph.getConfiguration().getEpochCount());
    ComputationGraph converted = new ComputationGraph(conf);
    converted.init();
    for (org.deeplearning4j.nn.graph.vertex.GraphVertex from : graph.getVertices()) {
      org.deeplearning4j.nn.graph.vertex.GraphVertex vertex =
          converted.getVertex(from.getVertexName());
      copy(from, vertex, vertex.hasLayer() ? vertex.getLayer().conf().getLayer() : null);
    }
    return converted;
  }

  private static void required(String name, Object value) {
    if (value == null) {
      throw new IllegalArgumentException(name + ": expected a value, got null");
    }
  }

  private static void checkInitialised(String name, boolean is) {
    if (!is) {
      throw new IllegalArgumentException(
          name + ": expected one with parameters, got one whose init() was not called");
    }
  }

  private static void convert(
      List<NeuralNetConfiguration> all,
      Function<ConvolutionLayer, ConvolutionLayer> to,
      String... layers) {
    required("to", to);
    List<String> plain =
        all.stream()
            .map(NeuralNetConfiguration::getLayer)
            .filter(Conversion::isPlain)
            .map(Layer::getLayerName)
            .collect(Collectors.toList());
    List<String> left = new ArrayList<>(Arrays.asList(layers));
    for (NeuralNetConfiguration conf : all) {
      Layer layer = conf.getLayer();
      boolean chosen =
          layers.length == 0
              ? layer.getClass() == ConvolutionLayer.class
              : left.remove(layer.getLayerName());
      if (chosen) {
        conf.setLayer(converted(layer, to));
        conf.clearVariables();
      }
    }
    if (!left.isEmpty()) {
      throw new IllegalArgumentException("layers: expected some of " + plain + ", got " + left);
    }
  }

  private static Layer converted(Layer layer, Function<ConvolutionLayer, ConvolutionLayer> to) {
    checkPlain(layer);
    ConvolutionLayer plain = (ConvolutionLayer) layer;
    ConvolutionLayer made = to.apply(plain);
    boolean sameSizes =
        made != null
            && made.getNIn() == plain.getNIn()
            && made.getNOut() == plain.getNOut()
            && made.hasBias() == plain.hasBias()
            && Arrays.equals(made.getKernelSize(), plain.getKernelSize())
            && Arrays.equals(made.getStride(), plain.getStride())
            && Arrays.equals(made.getPadding(), plain.getPadding())
            && Arrays.equals(made.getDilation(), plain.getDilation())
            && made.getConvolutionMode() == plain.getConvolutionMode();
    if (!sameSizes) {
      throw new IllegalArgumentException(
          "to: expected a layer of the geometry, channels and bias of " + plain + ", got " + made);
    }
    made.setLayerName(plain.getLayerName());
    return made;
  }

  private static boolean isPlain(Layer layer) {
    return layer.getClass() == ConvolutionLayer.class || layer.getClass() == Convolution2D.class;
  }

  private static void checkPlain(Layer layer) {
    required("layer", layer);
    if (!isPlain(layer)) {
      throw new IllegalArgumentException(
          "layer "
              + layer.getLayerName()
              + ": expected a ConvolutionLayer or Convolution2D, got "
              + layer.getClass().getSimpleName());
    }
  }

  private static void copy(Trainable from, Trainable to, Layer conf) {
    Map<String, INDArray> table = to.paramTable(false);
    from.paramTable(false).forEach((key, param) -> table.get(key).assign(param));
    boolean wasPlain = from.paramTable(false).size() < table.size();
    if (wasPlain && conf instanceof DeformableConvolution2D) {
      table
          .get(DeformableConvolution2DParamInitializer.WEIGHT_KEY)
          .divi(((DeformableConvolution2D) conf).startingMask());
    }
  }

  /**
   * A layer of another class with the settings of a convolution layer, and its own for the rest.
   *
   * @param plain a {@code ConvolutionLayer} or {@link Convolution2D}, unchanged
   */
  static <L extends ConvolutionLayer> L from(ConvolutionLayer plain, Class<L> type) {
    checkPlain(plain);
    ObjectMapper mapper = NeuralNetConfiguration.mapper();
    ObjectNode settings = mapper.valueToTree(plain);
    settings.put("@class", type.getName());
    try {
      return type.cast(mapper.treeToValue(settings, Layer.class));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("A layer's settings could not be read back", e);
    }
  }
}
