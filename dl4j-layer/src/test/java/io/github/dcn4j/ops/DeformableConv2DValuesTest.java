package io.github.dcn4j.ops;

import static io.github.dcn4j.Goldens.assertClose;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.Goldens;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.ops.transforms.Transforms;

/** What the op computes, against torchvision and against ND4J's own convolution. */
@Tag("every-kernel")
class DeformableConv2DValuesTest {
  private static final String[] GRADIENTS = {
    "grad_input", "grad_weight", "grad_offset", "grad_mask", "grad_bias"
  };

  static Stream<Goldens.Case> goldens() {
    return Goldens.cases("deformable_conv2d");
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void agreesWithTorchvisionInDouble(Goldens.Case golden) {
    assertAgrees(golden, Problem.of(golden, DataType.DOUBLE), 1e-10);
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void agreesWithTorchvisionInFloat(Goldens.Case golden) {
    assertAgrees(golden, Problem.of(golden, DataType.FLOAT), 1e-4);
  }

  private static void assertAgrees(Goldens.Case golden, Problem problem, double tolerance) {
    assertClose(golden.getArrays().get("output"), problem.forward(), tolerance, "output");
    INDArray[] gradients = problem.backward();
    int next = 0;
    for (String name : GRADIENTS) {
      INDArray expected = golden.getArrays().get(name);
      if (expected == null) {
        continue;
      }
      INDArray actual = gradients[next++];
      if (name.equals("grad_offset") && problem.getInput().dataType() == DataType.FLOAT) {
        // Discontinuous at integers, where float and double may take different sides. Exactly at
        // one they don't.
        INDArray offset = golden.getArrays().get("offset");
        INDArray rounded = Transforms.round(offset, true);
        INDArray distance = Nd4j.math().abs(offset.sub(rounded));
        INDArray keep = distance.gt(2e-5).castTo(DataType.DOUBLE);
        keep.addi(distance.eq(0).castTo(DataType.DOUBLE));
        expected = expected.mul(keep);
        actual = actual.castTo(DataType.DOUBLE).mul(keep);
      }
      assertClose(expected, actual, tolerance, name);
    }
    assertEquals(gradients.length, next);
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void halfTypesAgreeWithDoubleOnTheSameRoundedInputs(Goldens.Case golden) {
    for (DataType type : new DataType[] {DataType.FLOAT16, DataType.BFLOAT16}) {
      Problem half = Problem.of(golden, type);
      Problem exact = half.castTo(DataType.DOUBLE);
      INDArray output = half.forward();
      assertEquals(type, output.dataType());
      assertClose(exact.forward(), output, 1e-2, type + " output");
      INDArray[] expected = exact.backward();
      INDArray[] actual = half.backward();
      for (int i = 0; i < expected.length; i++) {
        assertClose(expected[i], actual[i], 1e-2, type + " gradient " + i);
      }
    }
  }

  @Test
  void accumulatesHalfTypesInFloat() {
    // 4096 ones: in HALF the running sum would stop at 2048, in BFLOAT16 at 256.
    for (DataType type : new DataType[] {DataType.FLOAT16, DataType.BFLOAT16}) {
      Problem sum =
          Problem.builder()
              .input(Nd4j.ones(type, 1, 4096, 1, 1))
              .weights(Nd4j.ones(type, 1, 4096, 1, 1))
              .offset(Nd4j.zeros(type, 1, 2, 1, 1))
              .config(DeformableConv2DConfig.builder().kH(1).kW(1).build())
              .build();
      assertEquals(4096, sum.forward().getDouble(0), type.toString());
    }
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void channelsLastGivesTheSame(Goldens.Case golden) {
    Problem problem = Problem.of(golden, DataType.DOUBLE);
    for (boolean dense : new boolean[] {true, false}) {
      Problem last = problem.channelsLast(dense);
      INDArray output = last.forward();
      assertArrayEquals(last.getGradOutput().shape(), output.shape());
      assertClose(problem.forward(), output.permute(0, 3, 1, 2), 1e-13, "output");
      INDArray[] expected = problem.backward();
      INDArray[] actual = last.backward();
      for (int i = 0; i < expected.length; i++) {
        boolean image = expected[i].rank() == 4 && i != 1;
        INDArray gradient = image ? actual[i].permute(0, 3, 1, 2) : actual[i];
        assertClose(expected[i], gradient, 1e-13, "gradient " + i);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.dcn4j.ops.Layouts#all")
  void memoryLayoutDoesNotMatter(UnaryOperator<INDArray> layout) {
    Problem problem = Problem.random(DataType.DOUBLE);
    Problem laidOut = problem.map(layout);
    assertEquals(problem.forward(), laidOut.forward());
    assertArrayEquals(problem.backward(), laidOut.backward());
  }

  @ParameterizedTest
  @MethodSource("io.github.dcn4j.ops.Layouts#all")
  void writesIntoOutputsOfAnyLayoutAndNothingElse(UnaryOperator<INDArray> layout) {
    Problem p = Problem.random(DataType.DOUBLE);
    INDArray output = layout.apply(p.getGradOutput()); // of the output's shape
    Nd4j.exec(Calls.forward(p).addOutputs(output).build());
    assertEquals(p.forward(), output);
    INDArray[] expected = p.backward();
    INDArray[] actual = new INDArray[expected.length];
    for (int i = 0; i < expected.length; i++) {
      actual[i] = layout.apply(Nd4j.zeros(DataType.DOUBLE, expected[i].shape()));
    }
    Nd4j.exec(Calls.backward(p).addOutputs(actual).build());
    assertArrayEquals(expected, actual);
  }

  @Test
  void leavesTheSurroundingsOfAnOutputViewAlone() {
    Problem p = Problem.random(DataType.FLOAT);
    INDArray larger = Nd4j.valueArrayOf(new long[] {4, 8, 8, 7}, 5f, DataType.FLOAT);
    INDArray view =
        larger.get(
            NDArrayIndex.interval(1, 3),
            NDArrayIndex.interval(1, 7),
            NDArrayIndex.interval(1, 7),
            NDArrayIndex.interval(1, 6));
    Nd4j.exec(Calls.forward(p).addOutputs(view).build());
    assertEquals(p.forward(), view.dup());
    view.assign(5f);
    assertEquals(5 * larger.length(), larger.sumNumber().doubleValue());
  }

  @Test
  void inputsAreNeverChanged() {
    Problem p = Problem.random(DataType.FLOAT);
    Problem copy = p.map(INDArray::dup);
    p.forward();
    p.backward();
    assertEquals(copy, p);
  }

  @ParameterizedTest
  @CsvSource({
    "3, 3, 1, 1, 1, 1, 1, 1, false",
    "3, 3, 2, 1, 1, 0, 1, 1, false",
    "2, 4, 1, 2, 0, 1, 1, 1, false",
    "3, 3, 1, 1, 2, 2, 2, 2, false",
    "1, 1, 1, 1, 0, 0, 1, 1, false",
    "3, 3, 1, 1, 0, 0, 1, 1, true",
    "3, 3, 2, 2, 0, 0, 1, 1, true",
    "2, 2, 1, 1, 7, 7, 1, 1, true",
    "2, 3, 3, 2, 0, 0, 2, 1, true",
    "1, 1, 3, 3, 0, 0, 1, 1, true",
    "2, 2, 5, 4, 0, 0, 1, 1, true",
  })
  void zeroOffsetAndUnitMaskAreNd4jsOwnConvolution(
      long kH, long kW, long sH, long sW, long pH, long pW, long dH, long dW, boolean same) {
    Nd4j.getRandom().setSeed(1);
    INDArray input = Nd4j.rand(DataType.DOUBLE, 2, 3, 9, 8);
    INDArray weights = Nd4j.rand(DataType.DOUBLE, 4, 3, kH, kW);
    INDArray bias = Nd4j.rand(DataType.DOUBLE, 4);
    DeformableConv2DConfig config =
        DeformableConv2DConfig.fromIArgs(
            new long[] {kH, kW, sH, sW, pH, pW, dH, dW, same ? 1 : 0, 0, 1, 1});
    INDArray expected = Nd4j.cnn().conv2d(input, weights, bias, Nd4jConvolution.like(config));
    long[] out = expected.shape();
    Problem p =
        Problem.builder()
            .input(input)
            .weights(weights)
            .bias(bias)
            .offset(Nd4j.zeros(DataType.DOUBLE, 2, 2 * kH * kW, out[2], out[3]))
            .mask(Nd4j.ones(DataType.DOUBLE, 2, kH * kW, out[2], out[3]))
            .config(config)
            .build();
    assertClose(expected, p.forward(), 1e-12, "output");
  }

  @Test
  void aSampleAnywhereIsFiniteAndOutsideCountsAsZero() {
    double[] extremes = {
      Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 1e30, -1e30, 1e10, -1e10
    };
    for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE, DataType.BFLOAT16}) {
      for (double extreme : extremes) {
        Problem p = Problem.random(type);
        p.getOffset().assign(extreme);
        INDArray output = p.forward();
        INDArray biasOnly = Nd4j.zeros(type, output.shape());
        Nd4j.exec(
            new org.nd4j.linalg.api.ops.impl.broadcast.BroadcastAddOp(
                biasOnly, p.getBias(), biasOnly, 1));
        assertEquals(biasOnly, output, type + " " + extreme);
        INDArray[] gradients = p.backward();
        for (int i = 0; i < 4; i++) {
          assertEquals(0, gradients[i].norm1Number().doubleValue(), type + " " + extreme);
        }
      }
    }
  }

  @Test
  void notANumberReachesWhatItTouches() {
    Problem p = Problem.random(DataType.FLOAT);
    p.getInput().putScalar(0, 0, 3, 3, Float.NaN);
    INDArray output = p.forward();
    assertTrue(Double.isNaN(output.getDouble(0, 0, 3, 3)));
    assertTrue(Double.isFinite(output.getDouble(1, 0, 3, 3)), "another image");
    assertTrue(Double.isFinite(output.getDouble(0, 4, 3, 3)), "another group");
    Problem masked = Problem.random(DataType.FLOAT);
    masked.getMask().putScalar(1, 0, 2, 2, Float.POSITIVE_INFINITY);
    assertTrue(!Double.isFinite(masked.forward().getDouble(1, 0, 2, 2)));
    assertTrue(Double.isFinite(masked.forward().getDouble(1, 0, 2, 3)));
  }

  @Test
  void anEmptyBatchGivesEmptyResultsAndZeroWeightGradients() {
    Problem full = Problem.random(DataType.FLOAT);
    Problem empty =
        full.toBuilder()
            .input(Nd4j.create(DataType.FLOAT, 0, 4, 6, 5))
            .offset(Nd4j.create(DataType.FLOAT, 0, 36, 6, 5))
            .mask(Nd4j.create(DataType.FLOAT, 0, 18, 6, 5))
            .gradOutput(Nd4j.create(DataType.FLOAT, 0, 6, 6, 5))
            .build();
    assertArrayEquals(new long[] {0, 6, 6, 5}, empty.forward().shape());
    INDArray[] gradients = empty.backward();
    assertArrayEquals(new long[] {0, 4, 6, 5}, gradients[0].shape());
    assertEquals(Nd4j.zeros(DataType.FLOAT, 6, 2, 3, 3), gradients[1]);
    assertArrayEquals(new long[] {0, 36, 6, 5}, gradients[2].shape());
    assertArrayEquals(new long[] {0, 18, 6, 5}, gradients[3].shape());
    assertEquals(Nd4j.zeros(DataType.FLOAT, 6), gradients[4]);
  }
}
