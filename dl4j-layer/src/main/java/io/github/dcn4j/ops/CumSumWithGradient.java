package io.github.dcn4j.ops;

import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.ops.impl.transforms.custom.CumSum;

/**
 * ND4J's {@code cumsum} with a right gradient; takes the place of ND4J's class, which mistakes its
 * flag for an axis.
 */
public class CumSumWithGradient extends CumSum {
  /** For SameDiff. */
  public CumSumWithGradient() {}

  /** The gradients summed from the other end. */
  @Override
  public List<SDVariable> doDiff(List<SDVariable> gradients) {
    boolean isExclusive = iArguments.get(0) == 1;
    boolean isReverse = iArguments.get(1) == 1;
    int axis = iArguments.get(2).intValue();
    CumSum back = new CumSum(sameDiff, gradients.get(0), isExclusive, !isReverse, axis);
    return List.of(back.outputVariable());
  }
}
