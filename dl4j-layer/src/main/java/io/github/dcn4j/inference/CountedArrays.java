package io.github.dcn4j.inference;

import java.util.concurrent.atomic.AtomicInteger;
import lombok.RequiredArgsConstructor;
import lombok.experimental.Delegate;
import org.nd4j.autodiff.samediff.ArrayHolder;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A graph's constants, and how often they changed: given a new array, SameDiff may copy its numbers
 * into the one that it has, so that the arrays do not tell.
 */
@RequiredArgsConstructor
final class CountedArrays implements ArrayHolder {
  @Delegate(excludes = Changing.class)
  private final ArrayHolder arrays;

  private final AtomicInteger changes = new AtomicInteger();

  private interface Changing {
    void setArray(String name, INDArray array);

    INDArray removeArray(String name);

    void initFrom(ArrayHolder holder);

    void rename(String from, String to);
  }

  /** Those of a graph, from now on counted. */
  static CountedArrays of(SameDiff sd) {
    if (!(sd.getConstantArrays() instanceof CountedArrays)) {
      sd.setConstantArrays(new CountedArrays(sd.getConstantArrays()));
    }
    return (CountedArrays) sd.getConstantArrays();
  }

  int changes() {
    return changes.get();
  }

  @Override
  public void setArray(String name, INDArray array) {
    changes.incrementAndGet();
    arrays.setArray(name, array);
  }

  @Override
  public INDArray removeArray(String name) {
    changes.incrementAndGet();
    return arrays.removeArray(name);
  }

  @Override
  public void initFrom(ArrayHolder holder) {
    changes.incrementAndGet();
    arrays.initFrom(holder);
  }

  @Override
  public void rename(String from, String to) {
    changes.incrementAndGet();
    arrays.rename(from, to);
  }
}
