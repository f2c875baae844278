package io.github.dcn4j.loader;

import io.github.dcn4j.ops.DeformableConv2DConfig;
import io.github.dcn4j.ops.NDDeformable;
import io.github.dcn4j.ops.SDDeformable;
import java.util.Map;
import java.util.concurrent.Callable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A program that uses an op on arrays and in a graph, as an application does. */
public final class SmallProgram implements Callable<String> {
  /** What it says if all went well. */
  static final String RESULT = "sum 4.0, gradient 4.0";

  /** The error's message instead, if the ops can't be used. */
  @Override
  public String call() {
    try {
      INDArray input = Nd4j.ones(DataType.FLOAT, 1, 1, 2, 2);
      INDArray weights = Nd4j.ones(DataType.FLOAT, 1, 1, 1, 1);
      INDArray offset = Nd4j.zeros(DataType.FLOAT, 1, 2, 2, 2);
      DeformableConv2DConfig config = DeformableConv2DConfig.builder().kH(1).kW(1).build();
      INDArray output =
          new NDDeformable().deformableConv2d(input, weights, offset, null, null, config);
      SameDiff sd = SameDiff.create();
      SDVariable w = sd.var("w", weights);
      new SDDeformable(sd)
          .deformableConv2d(
              "y", sd.constant(input), w, sd.constant(offset.dup()), null, null, config)
          .sum()
          .markAsLoss();
      INDArray gradient = sd.calculateGradients(Map.of(), "w").get("w");
      return "sum " + output.sumNumber() + ", gradient " + gradient.sumNumber();
    } catch (IllegalStateException e) {
      return e.getMessage();
    }
  }
}
