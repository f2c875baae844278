package io.github.dcn4j.onnx;

import io.github.dcn4j.layers.DeformableConvolution2D;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import lombok.AccessLevel;
import lombok.RequiredArgsConstructor;
import org.deeplearning4j.nn.api.Layer;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The weights of one DCNv2 layer of PyTorch, out of an ONNX file, for a {@link
 * DeformableConvolution2D}, which then gives the same output.
 *
 * <pre>{@code
 * DCNv2Weights weights = DCNv2Weights.of(OnnxModel.read(file), "layer1.0.conv2");
 * ... .layer(weights.layerBuilder().stride(1, 1).padding(1, 1).build()) ...
 * network.init();
 * weights.copyTo(network.getLayer(0));
 * }</pre>
 *
 * <p>In the PyTorch ports such a layer is
 *
 * <pre>{@code
 * o1, o2, mask = torch.chunk(self.conv_offset_mask(x), 3, dim=1)
 * return dcn_v2_conv(x, torch.cat((o1, o2), dim=1), torch.sigmoid(mask), self.weight, self.bias, ...)
 * }</pre>
 *
 * so the channels of {@code conv_offset_mask}, 3·G·kH·kW for G deformable groups, are in the order
 * of our {@code offsetW} already: offsets (group, tap, (y, x)), then mask logits (group, tap).
 * Their {@code conv_offset_mask} has the layer's kernel, stride and padding, as ours has.
 */
@RequiredArgsConstructor(access = AccessLevel.PRIVATE)
public final class DCNv2Weights {
  private final INDArray weight; // [O, C/groups, kH, kW]
  private final INDArray bias; // [O], or null
  private final INDArray offsetWeight; // [3·G·kH·kW, C, kH, kW]
  private final INDArray offsetBias; // [3·G·kH·kW]

  /**
   * The tensors {@code weight}, {@code bias} (if there is one), {@code conv_offset_mask.weight} and
   * {@code conv_offset_mask.bias} of a module.
   *
   * @param model the file
   * @param module its name, such as {@code "layer1.0.conv2"}; empty if it is the whole model
   * @return the weights
   * @throws IllegalArgumentException naming a tensor that is missing or of another shape
   */
  public static DCNv2Weights of(OnnxModel model, String module) {
    String prefix = module.isEmpty() ? "" : module + ".";
    String bias = prefix + "bias";
    return of(
        model,
        prefix + "weight",
        model.initializers().contains(bias) ? bias : null,
        prefix + "conv_offset_mask.weight",
        prefix + "conv_offset_mask.bias");
  }

  /**
   * As the other, where the tensors have names of their own.
   *
   * @param model the file
   * @param weight name of [O, C/groups, kH, kW]
   * @param bias name of [O]; null for none
   * @param offsetWeight name of [3·deformableGroups·kH·kW, C, kH, kW]
   * @param offsetBias name of [3·deformableGroups·kH·kW]
   * @return the weights
   */
  public static DCNv2Weights of(
      OnnxModel model, String weight, String bias, String offsetWeight, String offsetBias) {
    INDArray w = model.initializer(weight);
    requireShape(weight, w, w.rank() == 4, "[O, C/groups, kH, kW]");
    INDArray b = bias == null ? null : model.initializer(bias);
    if (b != null) {
      requireShape(bias, b, b.rank() == 1 && b.length() == w.size(0), "[" + w.size(0) + "]");
    }
    long perGroup = 3 * w.size(2) * w.size(3);
    INDArray offsetW = model.initializer(offsetWeight);
    requireShape(
        offsetWeight,
        offsetW,
        offsetW.rank() == 4
            && offsetW.size(0) % perGroup == 0
            && offsetW.size(1) % w.size(1) == 0
            && offsetW.size(2) == w.size(2)
            && offsetW.size(3) == w.size(3),
        String.format(
            "[%d·deformableGroups, %d·groups, %d, %d]", perGroup, w.size(1), w.size(2), w.size(3)));
    INDArray offsetB = model.initializer(offsetBias);
    requireShape(
        offsetBias,
        offsetB,
        offsetB.rank() == 1 && offsetB.length() == offsetW.size(0),
        "[" + offsetW.size(0) + "]");
    return new DCNv2Weights(w, b, offsetW, offsetB);
  }

  private static void requireShape(String name, INDArray array, boolean fits, String expected) {
    if (!fits) {
      throw new IllegalArgumentException(
          "tensor " + name + ": expected " + expected + ", got " + Arrays.toString(array.shape()));
    }
  }

  /**
   * A layer that the weights fit: channels, kernel and groups are set. Stride, padding and
   * activation, which stored weights don't tell, are the user's to set.
   */
  public DeformableConvolution2D.Builder layerBuilder() {
    int kH = (int) weight.size(2);
    int kW = (int) weight.size(3);
    return new DeformableConvolution2D.Builder(kH, kW)
        .nIn(offsetWeight.size(1))
        .nOut(weight.size(0))
        .groups((int) (offsetWeight.size(1) / weight.size(1)))
        .deformableGroups((int) (offsetWeight.size(0) / (3L * kH * kW)))
        .hasBias(bias != null);
  }

  /**
   * Copies the weights into a layer of an initialised network, in the layer's data type.
   *
   * @param layer of a {@link DeformableConvolution2D}
   * @throws IllegalArgumentException if it is another layer, or has other shapes; it is unchanged
   *     then
   */
  public void copyTo(Layer layer) {
    if (!(layer.conf().getLayer() instanceof DeformableConvolution2D)) {
      throw new IllegalArgumentException(
          "layer: expected a DeformableConvolution2D, got "
              + layer.conf().getLayer().getClass().getSimpleName());
    }
    Map<String, INDArray> parameters = new LinkedHashMap<>();
    parameters.put("W", weight);
    if (bias != null) {
      parameters.put("b", bias);
    }
    parameters.put("offsetW", offsetWeight);
    parameters.put("offsetB", offsetBias);
    if (!layer.paramTable().keySet().equals(parameters.keySet())) {
      throw new IllegalArgumentException(
          "layer: expected the parameters "
              + parameters.keySet()
              + ", got "
              + layer.paramTable().keySet());
    }
    parameters.forEach(
        (name, array) -> {
          long[] shape = layer.getParam(name).shape();
          if (!Arrays.equals(shape, array.shape())) {
            throw new IllegalArgumentException(
                "layer: parameter "
                    + name
                    + ": expected "
                    + Arrays.toString(array.shape())
                    + ", got "
                    + Arrays.toString(shape));
          }
        });
    parameters.forEach((name, array) -> layer.getParam(name).assign(array));
  }
}
