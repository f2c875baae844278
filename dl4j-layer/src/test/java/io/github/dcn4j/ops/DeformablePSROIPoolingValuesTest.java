package io.github.dcn4j.ops;

import static io.github.dcn4j.Goldens.assertClose;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.Goldens;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** What the op computes, against the reference implementation's values. */
@Tag("every-kernel")
class DeformablePSROIPoolingValuesTest {
  static Stream<Goldens.Case> goldens() {
    return Goldens.cases("deformable_psroi_pooling");
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void agreesWithTheReferenceImplementationInDouble(Goldens.Case golden) {
    assertAgrees(golden, PoolingProblem.of(golden, DataType.DOUBLE), 1e-10);
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void agreesWithTheReferenceImplementationInFloat(Goldens.Case golden) {
    assertAgrees(golden, PoolingProblem.of(golden, DataType.FLOAT), 1e-4);
  }

  private static void assertAgrees(Goldens.Case golden, PoolingProblem p, double tolerance) {
    INDArray[] outputs = p.forwardWithCount();
    assertClose(golden.getArrays().get("output"), outputs[0], tolerance, "output");
    assertClose(golden.getArrays().get("count"), outputs[1], 0, "count");
    assertEquals(p.getInput().dataType(), outputs[1].dataType());
    INDArray[] gradients = p.backward();
    assertClose(golden.getArrays().get("grad_input"), gradients[0], tolerance, "grad_input");
    if (p.getTrans() == null) {
      assertEquals(1, gradients.length);
    } else {
      assertClose(golden.getArrays().get("grad_trans"), gradients[1], tolerance, "grad_trans");
    }
  }

  /** Rois stay in FLOAT: rounded to a half type they would be other rois. */
  @ParameterizedTest
  @MethodSource("goldens")
  void halfTypesAgreeWithFloatOnTheSameRoundedInputs(Goldens.Case golden) {
    for (DataType type : new DataType[] {DataType.FLOAT16, DataType.BFLOAT16}) {
      PoolingProblem half =
          PoolingProblem.of(golden, DataType.FLOAT).map(array -> array.castTo(type)).toBuilder()
              .rois(golden.array("rois", DataType.FLOAT))
              .build()
              .counted();
      PoolingProblem exact =
          half.castTo(DataType.FLOAT).toBuilder().rois(half.getRois()).build().counted();
      INDArray[] outputs = half.forwardWithCount();
      assertEquals(type, outputs[0].dataType());
      assertEquals(DataType.FLOAT, outputs[1].dataType());
      assertEquals(exact.getCount(), outputs[1]);
      assertClose(exact.forward(), outputs[0], 1e-2, type + " output");
      INDArray[] expected = exact.backward();
      INDArray[] actual = half.backward();
      for (int i = 0; i < expected.length; i++) {
        assertEquals(type, actual[i].dataType());
        assertClose(expected[i], actual[i], 1e-2, type + " gradient " + i);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT", "DOUBLE", "HALF", "BFLOAT16"})
  void roisMayBeFloatOrDoubleOrOfTheInputsType(DataType type) {
    PoolingProblem p = PoolingProblem.random(DataType.FLOAT).castTo(type);
    INDArray whole = p.getRois().castTo(DataType.INT32); // small integers are exact in every type
    PoolingProblem same = p.toBuilder().rois(whole.castTo(type)).build().counted();
    for (DataType roisType : new DataType[] {DataType.FLOAT, DataType.DOUBLE}) {
      PoolingProblem other = same.toBuilder().rois(whole.castTo(roisType)).build();
      assertArrayEquals(same.forwardWithCount(), other.forwardWithCount(), roisType.toString());
      assertArrayEquals(same.backward(), other.backward(), roisType.toString());
    }
  }

  @Test
  void accumulatesHalfTypesInFloat() {
    // 4096 rois at one pixel: in HALF the running sum of ones would stop at 2048.
    PoolingProblem p =
        PoolingProblem.builder()
            .input(Nd4j.ones(DataType.FLOAT16, 1, 1, 1, 1))
            .rois(Nd4j.zeros(DataType.FLOAT16, 4096, 5))
            .gradOutput(Nd4j.ones(DataType.FLOAT16, 4096, 1, 1, 1))
            .config(
                DeformablePSROIPoolingConfig.builder()
                    .spatialScale(1)
                    .outputDim(1)
                    .pooledSize(1)
                    .build())
            .build()
            .counted();
    assertEquals(4096, p.backward()[0].getDouble(0));
  }

  @ParameterizedTest
  @MethodSource("io.github.dcn4j.ops.Layouts#all")
  void memoryLayoutDoesNotMatter(UnaryOperator<INDArray> layout) {
    PoolingProblem p = PoolingProblem.random(DataType.DOUBLE);
    PoolingProblem laidOut = p.map(layout);
    assertArrayEquals(p.forwardWithCount(), laidOut.forwardWithCount());
    assertArrayEquals(p.backward(), laidOut.backward());
  }

  @ParameterizedTest
  @MethodSource("io.github.dcn4j.ops.Layouts#all")
  void writesIntoOutputsOfAnyLayout(UnaryOperator<INDArray> layout) {
    PoolingProblem p = PoolingProblem.random(DataType.DOUBLE);
    INDArray[] forward = {layout.apply(p.getGradOutput()), layout.apply(p.getCount().mul(0))};
    Nd4j.exec(Calls.forward(p).addOutputs(forward).build());
    assertArrayEquals(p.forwardWithCount(), forward);
    INDArray[] backward = {layout.apply(p.getInput()), layout.apply(p.getTrans())};
    Nd4j.exec(Calls.backward(p).addOutputs(backward).build());
    assertArrayEquals(p.backward(), backward);
  }

  @Test
  void leavesTheSurroundingsOfOutputViewsAlone() {
    PoolingProblem p = PoolingProblem.random(DataType.FLOAT);
    INDArray larger = Nd4j.valueArrayOf(new long[] {4, 18, 11, 13}, 5f, DataType.FLOAT);
    INDArray view =
        larger.get(
            NDArrayIndex.interval(1, 3),
            NDArrayIndex.interval(1, 17),
            NDArrayIndex.interval(1, 10),
            NDArrayIndex.interval(1, 12));
    INDArray gradTrans = p.getTrans().dup();
    Nd4j.exec(Calls.backward(p).addOutputs(view, gradTrans).build());
    assertEquals(p.backward()[0], view.dup());
    view.assign(5f);
    assertEquals(5 * larger.length(), larger.sumNumber().doubleValue());
  }

  @Test
  void inputsAreNeverChanged() {
    PoolingProblem p = PoolingProblem.random(DataType.FLOAT);
    PoolingProblem copy = p.map(INDArray::dup);
    p.forward();
    p.backward();
    assertEquals(copy, p);
  }

  @Test
  void withoutTransItIsPlainPoolingWhateverTransStdIs() {
    PoolingProblem p = PoolingProblem.random(DataType.DOUBLE);
    PoolingProblem zero = p.toBuilder().trans(p.getTrans().mul(0)).build().counted();
    PoolingProblem none = p.toBuilder().trans(null).build().counted();
    assertArrayEquals(zero.forwardWithCount(), none.forwardWithCount());
    assertEquals(zero.backward()[0], none.backward()[0]);
    assertEquals(1, none.backward().length);
  }

  @Test
  void reversedAndDegenerateRoisAreATenthOfAPixel() {
    PoolingProblem p = PoolingProblem.random(DataType.DOUBLE).toBuilder().trans(null).build();
    setRois(p, 0, 20, 12, -500, -500);
    PoolingProblem reversed = p.counted();
    // Bins of 0.02 pixels from (4.5, 2.5): all samples are there, near the mean of four pixels.
    assertEquals(9, reversed.getCount().minNumber().doubleValue());
    INDArray pixels =
        p.getInput().get(NDArrayIndex.point(0), NDArrayIndex.point(0)).dup(); // bin (0, 0), o = 0
    double mean =
        (pixels.getDouble(2, 4)
                + pixels.getDouble(2, 5)
                + pixels.getDouble(3, 4)
                + pixels.getDouble(3, 5))
            / 4;
    assertEquals(mean, reversed.forward().getDouble(0, 0, 0, 0), 0.03);
  }

  @Test
  void roisFarOutsideAreZeroWithoutGradients() {
    for (double[] box : new double[][] {{500, 3, 600, 30}, {-300, -300, -200, -200}}) {
      PoolingProblem p = PoolingProblem.random(DataType.FLOAT);
      setRois(p, 1, box[0], box[1], box[2], box[3]);
      assertNothingPooled(p.counted(), "outside");
    }
  }

  private static void setRois(PoolingProblem p, double... roi) {
    for (int r = 0; r < 6; r++) {
      for (int i = 0; i < 5; i++) {
        p.getRois().putScalar(r, i, roi[i]);
      }
    }
  }

  private static void assertNothingPooled(PoolingProblem p, String what) {
    assertEquals(0, p.getCount().maxNumber().doubleValue(), what);
    assertEquals(0, p.forward().norm1Number().doubleValue(), what);
    for (INDArray gradient : p.backward()) {
      assertEquals(0, gradient.norm1Number().doubleValue(), what);
    }
  }

  @Test
  void coordinatesAndTransOfAnyValueCountAsOutside() {
    double[] extremes = {
      Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 1e30, -1e30
    };
    for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE, DataType.BFLOAT16}) {
      for (double extreme : extremes) {
        PoolingProblem moved = PoolingProblem.random(type);
        moved.getTrans().assign(extreme);
        assertNothingPooled(moved.counted(), type + " trans " + extreme);
        PoolingProblem from = PoolingProblem.random(type);
        from.getRois()
            .put(
                new org.nd4j.linalg.indexing.INDArrayIndex[] {
                  NDArrayIndex.all(), NDArrayIndex.interval(1, 3)
                },
                extreme);
        assertNothingPooled(from.counted(), type + " x1, y1 " + extreme);
        PoolingProblem to = PoolingProblem.random(type);
        for (int r = 0; r < 6; r++) {
          to.getRois().putScalar(r, 3, extreme);
        }
        for (INDArray gradient : to.counted().backward()) { // finite, whatever is pooled
          assertTrue(Double.isFinite(gradient.sumNumber().doubleValue()), type + " x2 " + extreme);
        }
      }
    }
  }

  @Test
  void notANumberReachesWhatItTouches() {
    PoolingProblem p = PoolingProblem.random(DataType.FLOAT);
    p.getInput().putScalar(new long[] {0, 0, 3, 3}, Float.NaN); // group (0, 0) of channel 0
    INDArray output = p.forward();
    assertTrue(Double.isNaN(output.getDouble(0, 0, 2, 2)));
    assertTrue(Double.isFinite(output.getDouble(0, 0, 3, 3)), "another group");
    assertTrue(Double.isFinite(output.getDouble(0, 1, 2, 2)), "another channel");
    assertTrue(Double.isFinite(output.getDouble(1, 0, 2, 2)), "another image");
    assertFalse(Double.isNaN(p.backward()[0].sumNumber().doubleValue()), "it is linear");
  }

  @Test
  void noRoisGiveEmptyOutputsAndAZeroInputGradient() {
    PoolingProblem p = PoolingProblem.random(DataType.FLOAT);
    for (INDArray trans : new INDArray[] {Nd4j.create(DataType.FLOAT, 0, 4, 3, 3), null}) {
      PoolingProblem empty =
          p.toBuilder()
              .rois(Nd4j.create(DataType.FLOAT, 0, 5))
              .trans(trans)
              .gradOutput(Nd4j.create(DataType.FLOAT, 0, 4, 5, 5))
              .build()
              .counted();
      assertArrayEquals(new long[] {0, 4, 5, 5}, empty.forward().shape());
      assertArrayEquals(new long[] {0, 4, 5, 5}, empty.getCount().shape());
      INDArray[] gradients = empty.backward();
      assertEquals(Nd4j.zeros(DataType.FLOAT, 2, 16, 9, 11), gradients[0]);
      if (trans != null) {
        assertArrayEquals(new long[] {0, 4, 3, 3}, gradients[1].shape());
      }
    }
  }

  @Test
  void noImagesAndNoRoisGiveEmptyResults() {
    PoolingProblem empty =
        PoolingProblem.random(DataType.FLOAT).toBuilder()
            .input(Nd4j.create(DataType.FLOAT, 0, 16, 9, 11))
            .rois(Nd4j.create(DataType.FLOAT, 0, 5))
            .trans(null)
            .gradOutput(Nd4j.create(DataType.FLOAT, 0, 4, 5, 5))
            .build()
            .counted();
    assertArrayEquals(new long[] {0, 4, 5, 5}, empty.forward().shape());
    assertArrayEquals(new long[] {0, 16, 9, 11}, empty.backward()[0].shape());
  }
}
