package io.github.dcn4j.detection.proposals;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.Detection;
import io.github.dcn4j.detection.NonMaximumSuppression;
import io.github.dcn4j.detection.anchors.AnchorGrid;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import lombok.AllArgsConstructor;
import lombok.Data;
import lombok.EqualsAndHashCode;
import lombok.NoArgsConstructor;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.MaskState;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.memory.LayerMemoryReport;
import org.deeplearning4j.nn.conf.memory.MemoryReport;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.BaseGraphVertex;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A vertex without parameters that chooses the regions that the second stage looks at: the boxes
 * that the first stage is surest of (Faster R-CNN, arXiv 1506.01497, section 3.1).
 *
 * <p>Inputs: what the first stage says of its anchors, as {@link AnchorGrid} lays it out, and
 * regions [M, 5] that are wanted anyway; in training these are the true boxes, else there are none.
 * Output: [R, 5], first the chosen boxes of each image, then those regions. Where a region lies is
 * taken as given: no gradient flows back.
 */
@Data
@NoArgsConstructor
@AllArgsConstructor
@EqualsAndHashCode(callSuper = false)
public class ProposalVertex extends GraphVertex {
  /** The surest boxes are looked at until this many times the wanted number. */
  private static final int CANDIDATES_FOR_ONE = 5;

  private static final double MAX_IOU = 0.7;

  /** Anchor sizes: [sizes][width, height] in pixels, above 0. */
  private double[][] anchors;

  /** Side of a cell of the input in pixels. */
  private int stride;

  /** Largest number of boxes to choose in an image. */
  private int count;

  /** The regions of all images, those of the first image first, each image's from the surest on. */
  List<Roi> choose(INDArray input) {
    boolean fits =
        input.rank() == 4
            && input.size(1) == (long) AnchorGrid.NUMBERS * anchors.length
            && input.size(2) == input.size(3);
    if (!fits) {
      throw new IllegalArgumentException(
          String.format(
              "input: expected [N, %d · %d anchors, cells, cells], got %s",
              AnchorGrid.NUMBERS, anchors.length, Arrays.toString(input.shape())));
    }
    int cells = (int) input.size(2);
    AnchorGrid grid = new AnchorGrid(anchors, cells, stride);
    float[] values = Rows.flat(input);
    if (!Rows.allFinite(values)) {
      throw new ArithmeticException(
          "the first stage says NaN or infinite numbers: try a lower learning rate");
    }
    List<Roi> rois = new ArrayList<>();
    for (int i = 0; i < input.size(0); i++) {
      int image = i;
      List<Detection> candidates =
          IntStream.range(0, grid.boxes().size())
              .boxed()
              .sorted(Comparator.comparingDouble((Integer a) -> -values[grid.at(image, a, 0)]))
              .limit((long) CANDIDATES_FOR_ONE * count)
              .map(
                  a -> {
                    Box box = clip(grid.decode(values, image, a), cells * stride);
                    return new Detection(box, values[grid.at(image, a, 0)]);
                  })
              .collect(Collectors.toList());
      NonMaximumSuppression.apply(candidates, MAX_IOU, count)
          .forEach(kept -> rois.add(new Roi(image, kept.getBox())));
    }
    return rois;
  }

  /** The part of a box that lies in the image, at least a pixel wide and high. */
  static Box clip(Box box, int side) {
    double x1 = Math.max(0, Math.min(side - 1, box.getX1()));
    double y1 = Math.max(0, Math.min(side - 1, box.getY1()));
    double x2 = Math.max(x1 + 1, Math.min(side, box.getX2()));
    double y2 = Math.max(y1 + 1, Math.min(side, box.getY2()));
    return Box.of(x1, y1, x2, y2, box.getLabel());
  }

  @Override
  public ProposalVertex clone() {
    return new ProposalVertex(anchors, stride, count);
  }

  @Override
  public long numParams(boolean backprop) {
    return 0;
  }

  @Override
  public int minVertexInputs() {
    return 2;
  }

  @Override
  public int maxVertexInputs() {
    return 2;
  }

  @Override
  public org.deeplearning4j.nn.graph.vertex.GraphVertex instantiate(
      ComputationGraph graph,
      String name,
      int index,
      INDArray paramsView,
      boolean initializeParams,
      DataType networkDataType) {
    return new Runner(this, graph, name, index, networkDataType);
  }

  @Override
  public InputType getOutputType(int layerIndex, InputType... inputs) {
    return InputType.feedForward(Roi.NUMBERS);
  }

  @Override
  public MemoryReport getMemoryReport(InputType... inputs) {
    return new LayerMemoryReport.Builder(
            null, getClass(), inputs[0], InputType.feedForward(Roi.NUMBERS))
        .standardMemory(0, 0)
        .workingMemory(0, 0, 0, 0)
        .cacheMemory(0, 0)
        .build();
  }

  @SuppressWarnings("overrides") // BaseGraphVertex.setInputs lacks its interface's varargs
  private static final class Runner extends BaseGraphVertex {
    private final ProposalVertex conf;

    Runner(ProposalVertex conf, ComputationGraph graph, String name, int index, DataType type) {
      super(graph, name, index, null, null, type);
      this.conf = conf;
    }

    @Override
    public INDArray doForward(boolean training, LayerWorkspaceMgr workspaceMgr) {
      List<Roi> rois = conf.choose(inputs[0]);
      rois.addAll(Roi.fromArray(inputs[1]));
      return workspaceMgr.leverageTo(ArrayType.ACTIVATIONS, Roi.toArray(rois).castTo(dataType));
    }

    @Override
    public Pair<Gradient, INDArray[]> doBackward(boolean tbptt, LayerWorkspaceMgr workspaceMgr) {
      INDArray[] none = new INDArray[inputs.length];
      for (int i = 0; i < none.length; i++) {
        none[i] = workspaceMgr.create(ArrayType.ACTIVATION_GRAD, dataType, inputs[i].shape());
      }
      return new Pair<>(null, none);
    }

    @Override
    public void setBackpropGradientsViewArray(INDArray view) {
      if (view != null) {
        throw new IllegalArgumentException("Expected no gradient view: there are no parameters");
      }
    }

    @Override
    public Pair<INDArray, MaskState> feedForwardMaskArrays(
        INDArray[] maskArrays, MaskState currentMaskState, int minibatchSize) {
      return new Pair<>(null, currentMaskState);
    }

    @Override
    public boolean hasLayer() {
      return false;
    }

    @Override
    public Layer getLayer() {
      return null;
    }

    @Override
    public String toString() {
      return "ProposalVertex (name: " + vertexName + ")";
    }
  }
}
