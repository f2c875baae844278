package io.github.dcn4j.ops;

import io.github.dcn4j.Goldens;
import java.util.function.UnaryOperator;
import lombok.Builder;
import lombok.Value;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The arrays of one deformable position-sensitive ROI pooling; {@code count} is the forward's. */
@Value
@Builder(toBuilder = true)
class PoolingProblem {
  INDArray input;
  INDArray rois;
  INDArray trans;
  INDArray count;
  INDArray gradOutput;
  DeformablePSROIPoolingConfig config;

  /** [2, 16, 9, 11] and six rois that overlap → [6, 4, 5, 5], with groups, parts and classes. */
  static PoolingProblem random(DataType type) {
    Nd4j.getRandom().setSeed(42);
    return builder()
        .input(Nd4j.rand(type, 2, 16, 9, 11))
        .rois(
            Nd4j.createFromArray(
                    new double[][] {
                      {0, 2, 3, 30, 25},
                      {1, 10.4, -6, 40.6, 20},
                      {0, 12, 8, 28, 33},
                      {1, 0, 0, 43, 35},
                      {1, 20, 20, 20, 20},
                      {0, 30, 30, 60, 60}
                    })
                .castTo(type))
        .trans(Nd4j.rand(type, 6, 4, 3, 3).subi(0.5))
        .gradOutput(Nd4j.rand(type, 6, 4, 5, 5))
        .config(
            DeformablePSROIPoolingConfig.builder()
                .spatialScale(0.25)
                .outputDim(4)
                .groupSize(2)
                .pooledSize(5)
                .partSize(3)
                .samplePerPart(3)
                .transStd(0.3)
                .build())
        .build()
        .counted();
  }

  static PoolingProblem of(Goldens.Case golden, DataType type) {
    return builder()
        .input(golden.array("input", type))
        .rois(golden.array("rois", type))
        .trans(golden.array("trans", type))
        .gradOutput(golden.array("grad_output", type))
        .config(config(golden))
        .build()
        .counted();
  }

  static DeformablePSROIPoolingConfig config(Goldens.Case golden) {
    return DeformablePSROIPoolingConfig.builder()
        .spatialScale(golden.getArguments().get("spatial_scale").asDouble())
        .outputDim(golden.number("output_dim"))
        .groupSize(golden.number("group_size"))
        .pooledSize(golden.number("pooled_size"))
        .partSize(golden.number("part_size"))
        .samplePerPart(golden.number("sample_per_part"))
        .transStd(golden.getArguments().get("trans_std").asDouble())
        .build();
  }

  /** The same problem with the count that goes with its rois. */
  PoolingProblem counted() {
    return toBuilder().count(forwardWithCount()[1]).build();
  }

  INDArray forward() {
    return new NDDeformable().deformablePSROIPooling(input, rois, trans, config);
  }

  INDArray[] forwardWithCount() {
    return new NDDeformable().deformablePSROIPoolingWithCount(input, rois, trans, config);
  }

  /** Gradients of input, and of trans where present. */
  INDArray[] backward() {
    return new NDDeformable()
        .deformablePSROIPoolingBp(input, rois, trans, count, gradOutput, config);
  }

  /** Each array replaced by what {@code change} makes of it; an absent one stays absent. */
  PoolingProblem map(UnaryOperator<INDArray> change) {
    return toBuilder()
        .input(change.apply(input))
        .rois(change.apply(rois))
        .trans(trans == null ? null : change.apply(trans))
        .count(change.apply(count))
        .gradOutput(change.apply(gradOutput))
        .build();
  }

  /** The same problem in another type, which decides the count's. */
  PoolingProblem castTo(DataType type) {
    return map(array -> array.castTo(type)).counted();
  }
}
