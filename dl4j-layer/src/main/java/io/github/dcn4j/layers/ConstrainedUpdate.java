package io.github.dcn4j.layers;

import lombok.EqualsAndHashCode;
import lombok.RequiredArgsConstructor;
import org.deeplearning4j.nn.conf.constraint.BaseConstraint;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.regularization.Regularization;

/**
 * A constraint on a vertex's parameter. A graph applies the constraints of its layers after the
 * update, and none of its vertices; this changes the update so that it ends where the constraint
 * would have put the parameter.
 */
@EqualsAndHashCode
@RequiredArgsConstructor
final class ConstrainedUpdate implements Regularization {
  private final BaseConstraint constraint;
  private final long[] shape;

  @Override
  public ApplyStep applyStep() {
    return ApplyStep.POST_UPDATER;
  }

  @Override
  public void apply(INDArray param, INDArray update, double lr, int iteration, int epoch) {
    INDArray flat = param.reshape(param.length());
    INDArray next = flat.sub(update.reshape(update.length())).reshape('c', shape);
    constraint.apply(next);
    update.assign(flat.sub(next.reshape(next.length())).reshape(update.shape()));
  }

  @Override
  public double score(INDArray param, int iteration, int epoch) {
    return 0;
  }

  @Override
  public Regularization clone() {
    return new ConstrainedUpdate(constraint.clone(), shape);
  }
}
