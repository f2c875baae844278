package io.github.dcn4j.examples.benchmark;

import static io.github.dcn4j.examples.benchmark.AttentionArrays.LEVELS;
import static io.github.dcn4j.examples.benchmark.AttentionArrays.POINTS;
import static io.github.dcn4j.examples.benchmark.OnnxPeer.integer;
import static io.github.dcn4j.examples.benchmark.OnnxPeer.integers;

import ai.onnxruntime.OrtException;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import lombok.experimental.UtilityClass;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Multi-scale deformable attention composed of ONNX's operators, one GridSample a level: what
 * exporting PyTorch's module without its CUDA op gives.
 */
@UtilityClass
class OnnxAttention {
  static OnnxPeer of(AttentionArrays arrays) throws OrtException {
    OnnxPeer model = new OnnxPeer();
    levels(model, arrays);
    grids(model, arrays);
    for (int l = 0; l < LEVELS; l++) {
      // Zeros beyond the border and 0…1 from edge to edge are the operator's defaults.
      model.node("GridSample", "sampled" + l, List.of("level" + l, "grid" + l));
    }
    long maps = arrays.getImages() * arrays.getHeads();
    long queries = arrays.pixels();
    return model
        .node("Concat", "samples", names("sampled"), integer("axis", 3)) // [N·M, D, Q, L·P]
        .input("weights", arrays.getWeights())
        .node("Transpose", "byHead", List.of("weights"), integers("perm", 0, 2, 1, 3, 4))
        .constant("weightShape", maps, 1, queries, LEVELS * POINTS)
        .node("Reshape", "factors", List.of("byHead", "weightShape"))
        .node("Mul", "weighted", List.of("samples", "factors"))
        .constant("last", 3)
        .node("ReduceSum", "sums", List.of("weighted", "last"), integer("keepdims", 0))
        .constant(
            "sumShape", arrays.getImages(), arrays.getHeads() * arrays.getHeadChannels(), queries)
        .node("Reshape", "channelsFirst", List.of("sums", "sumShape"))
        .node("Transpose", "y", List.of("channelsFirst"), integers("perm", 0, 2, 1));
  }

  /** The values as maps, level by level: [N·M, D, H, W]. */
  private static void levels(OnnxPeer model, AttentionArrays arrays) throws OrtException {
    long[] sides = arrays.getSides();
    model
        .input("value", arrays.getValue())
        .constant("pixels", LongStream.of(sides).map(side -> side * side).toArray())
        .node("Split", names("pixels"), List.of("value", "pixels"), integer("axis", 1));
    for (int l = 0; l < LEVELS; l++) {
      model
          .node("Transpose", "planes" + l, List.of("pixels" + l), integers("perm", 0, 2, 3, 1))
          .constant(
              "mapShape" + l,
              arrays.getImages() * arrays.getHeads(),
              arrays.getHeadChannels(),
              sides[l],
              sides[l])
          .node("Reshape", "level" + l, List.of("planes" + l, "mapShape" + l));
    }
  }

  /** The locations as GridSample has them, -1…1, level by level: [N·M, Q, P, 2]. */
  private static void grids(OnnxPeer model, AttentionArrays arrays) throws OrtException {
    model
        .input("locations", arrays.getLocations())
        .constant("two", Nd4j.createFromArray(2f))
        .constant("one", Nd4j.createFromArray(1f))
        .node("Mul", "doubled", List.of("locations", "two"))
        .node("Sub", "centred", List.of("doubled", "one"))
        .node("Transpose", "byLevel", List.of("centred"), integers("perm", 3, 0, 2, 1, 4, 5))
        .constant("gridShape", arrays.getImages() * arrays.getHeads(), arrays.pixels(), POINTS, 2)
        .node(
            "Split",
            names("points"),
            List.of("byLevel"),
            integer("axis", 0),
            integer("num_outputs", LEVELS));
    for (int l = 0; l < LEVELS; l++) {
      model.node("Reshape", "grid" + l, List.of("points" + l, "gridShape"));
    }
  }

  /** One name for each level. */
  private static List<String> names(String of) {
    return IntStream.range(0, LEVELS).mapToObj(l -> of + l).collect(Collectors.toList());
  }
}
