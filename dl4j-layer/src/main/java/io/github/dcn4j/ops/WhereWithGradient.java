package io.github.dcn4j.ops;

import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.ops.impl.controlflow.Where;

/** ND4J's {@code Where} with the gradient that it lacks; takes the place of ND4J's class. */
public class WhereWithGradient extends Where {
  /** For SameDiff. */
  public WhereWithGradient() {}

  /** Each element's gradient goes to where the element came from. */
  @Override
  public List<SDVariable> doDiff(List<SDVariable> gradients) {
    if (args().length != 3) {
      return super.doDiff(gradients);
    }
    SDVariable condition = arg(0);
    SDVariable gradient = gradients.get(0);
    SDVariable none = sameDiff.zerosLike(gradient);
    return List.of(
        sameDiff.zerosLike(condition),
        sameDiff.where(gradient, none, condition),
        sameDiff.where(none, gradient, condition));
  }
}
