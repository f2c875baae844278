package io.github.dcn4j.ops;

import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.api.ops.impl.shape.Gather;
import org.nd4j.linalg.api.ops.impl.shape.StridedSlice;
import org.nd4j.linalg.api.ops.impl.transforms.segment.UnsortedSegmentSum;
import org.nd4j.linalg.factory.Nd4j;

/**
 * ND4J's {@code gather} with a right gradient, which takes the place of ND4J's class: that one
 * keeps only one of the gradients of an element that is read several times, and fails along other
 * axes than the first.
 */
public class GatherWithGradient extends Gather {
  /** For SameDiff. */
  public GatherWithGradient() {}

  /** The gradients of what was read, added up where it came from, in a fixed order. */
  @Override
  public List<SDVariable> doDiff(List<SDVariable> gradients) {
    if (jaxis < 0) {
      return super.doDiff(gradients);
    }
    SDVariable x = arg(0);
    SDVariable shape = sameDiff.shape(x).castTo(DataType.INT64);
    SDVariable index = sameDiff.reshape(arg(1), -1);
    SDVariable size = sameDiff.sizeAt(x, jaxis);
    SDVariable count = sameDiff.reshape(sameDiff.sizeAt(index, 0).castTo(DataType.INT64), 1);
    SDVariable rest = sameDiff.constant(Nd4j.createFromArray(-1L));
    SDVariable sum;
    if (jaxis == 0) {
      SDVariable rows = gradients.get(0).reshape(sameDiff.concat(0, count, rest));
      sum = summed(rows, 2, index, size);
    } else {
      SDVariable before =
          sameDiff.stridedSlice(shape, new long[] {0}, new long[] {jaxis}, new long[] {1}).prod(0);
      SDVariable parts =
          gradients.get(0).reshape(sameDiff.concat(0, sameDiff.reshape(before, 1), count, rest));
      SDVariable first = sameDiff.permute(parts, 1, 0, 2);
      sum = sameDiff.permute(summed(first, 3, index, size), 1, 0, 2);
    }
    return List.of(sum.reshape(shape), sameDiff.zerosLike(arg(1)));
  }

  /**
   * The sums of rows. ND4J takes a single row for a vector of segments' numbers of its own, so
   * there is one of zeros more.
   */
  private SDVariable summed(SDVariable rows, int rank, SDVariable index, SDVariable size) {
    int others = (1 << rank) - 2;
    long[] begin = new long[rank];
    long[] end = new long[rank];
    end[0] = 1;
    long[] step = new long[rank];
    Arrays.fill(step, 1);
    SDVariable first =
        new StridedSlice(sameDiff, rows, begin, end, step, others, others, 0, 0, 0)
            .outputVariable();
    SDVariable more = sameDiff.concat(0, rows, sameDiff.zerosLike(first));
    SDVariable zero = sameDiff.constant(Nd4j.zeros(index.dataType(), 1));
    return segments(UnsortedSegmentSum::new, more, sameDiff.concat(0, index, zero), size);
  }

  /**
   * Combines rows by the numbers of their segments, as many as {@code count} says. ND4J's
   * constructors for such a variable print.
   *
   * @param make of one of ND4J's ops {@code unsorted_segment_*}
   * @param rows [M, …]
   * @param ids [M] whole numbers of at least 0 and less than {@code count}
   * @param count a whole number
   */
  public static SDVariable segments(
      Supplier<? extends DynamicCustomOp> make, SDVariable rows, SDVariable ids, SDVariable count) {
    SameDiff sd = rows.getSameDiff();
    DynamicCustomOp op = make.get();
    op.setSameDiff(sd);
    op.setOwnName(sd.getOpName(op.opName()));
    sd.putOpForId(op.getOwnName(), op);
    sd.addArgsFor(new SDVariable[] {rows, ids, count}, op);
    return op.outputVariable();
  }
}
