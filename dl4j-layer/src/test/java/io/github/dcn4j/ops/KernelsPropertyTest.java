package io.github.dcn4j.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import java.util.function.UnaryOperator;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tag;
import net.jqwik.api.lifecycle.AddLifecycleHook;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The kernel in use gives what the reference gives, whatever the shape, the order, the view, the
 * layout and the type: forward and every gradient.
 */
@Tag("every-kernel")
@AddLifecycleHook(FixedSeed.class)
class KernelsPropertyTest {
  private static ReferenceKernels reference;

  @BeforeContainer
  static void startReference() throws Exception {
    reference = new ReferenceKernels();
  }

  @AfterContainer
  static void stopReference() throws Exception {
    reference.close();
  }

  @Provide
  Arbitrary<ConvolutionCase> convolutions() {
    return ConvolutionCase.all(0);
  }

  @Provide
  Arbitrary<PoolingCase> poolings() {
    return PoolingCase.all(0);
  }

  @Property
  void convolutionIsTheReferences(@ForAll("convolutions") ConvolutionCase drawn) {
    Problem p = drawn.problem();
    assertLikeReference(Calls.forward(p), drawn.outputLayout());
    assertLikeReference(Calls.backward(p), drawn.outputLayout());
  }

  @Property
  void poolingIsTheReferences(@ForAll("poolings") PoolingCase drawn) {
    PoolingProblem p = drawn.problem();
    assertLikeReference(Calls.forward(p), drawn.outputLayout());
    assertLikeReference(Calls.backward(p), drawn.outputLayout());
  }

  private static void assertLikeReference(
      DynamicCustomOp.DynamicCustomOpsBuilder call, UnaryOperator<INDArray> outputLayout) {
    INDArray[] expected = reference.exec(call.build());
    INDArray[] outputs = new INDArray[expected.length];
    for (int i = 0; i < outputs.length; i++) {
      INDArray fresh = Nd4j.create(expected[i].dataType(), expected[i].shape());
      outputs[i] = outputLayout.apply(fresh);
    }
    INDArray[] actual = Nd4j.exec(call.addOutputs(outputs).build());
    for (int i = 0; i < expected.length; i++) {
      assertClose(expected[i], actual[i], "result " + i);
    }
  }

  /**
   * Equal but for the order of additions. Values are around 1, sums of them may come out near 0: so
   * the error is relative to the largest element, or to 1.
   */
  private static void assertClose(INDArray expected, INDArray actual, String what) {
    assertEquals(expected.dataType(), actual.dataType(), what);
    assertArrayEquals(expected.shape(), actual.shape(), what);
    double[] e = Values.of(expected);
    double[] a = Values.of(actual);
    double largest = 1;
    for (double value : e) {
      largest = Math.max(largest, Math.abs(value));
    }
    double tolerance = largest * tolerance(expected.dataType());
    for (int i = 0; i < e.length; i++) {
      if (!(Math.abs(e[i] - a[i]) <= tolerance)) { // not the negation: a NaN must fail
        fail(what + " at " + i + ": expected " + e[i] + ", got " + a[i]);
      }
    }
  }

  /** Half types are rounded once, so the error is one unit in the last place at most. */
  private static double tolerance(DataType type) {
    switch (type) {
      case DOUBLE:
        return 1e-13;
      case FLOAT:
        return 1e-5;
      case HALF:
        return Math.scalb(1, -10);
      case BFLOAT16:
        return Math.scalb(1, -7);
      default:
        throw new AssertionError(type);
    }
  }
}
