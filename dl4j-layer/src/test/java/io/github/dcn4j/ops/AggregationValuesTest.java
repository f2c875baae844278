package io.github.dcn4j.ops;

import static io.github.dcn4j.Goldens.assertClose;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dcn4j.Goldens;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What DCNv3 and multi-scale deformable attention compute, against independent values. */
@Tag("every-kernel")
class AggregationValuesTest {
  static Stream<Goldens.Case> dcnv3() {
    return Goldens.cases("dcnv3");
  }

  static Stream<Goldens.Case> attention() {
    return Goldens.cases("multi_scale_deformable_attention");
  }

  @ParameterizedTest
  @MethodSource("dcnv3")
  void dcnv3AgreesWithTorchvision(Goldens.Case golden) {
    assertAgrees(type -> Aggregation.ofDcnv3(golden, type), golden, "input", "offset", "mask");
  }

  @ParameterizedTest
  @MethodSource("attention")
  void attentionAgreesWithItsFormula(Goldens.Case golden) {
    assertAgrees(
        type -> Aggregation.ofAttention(golden, type),
        golden,
        "value",
        "sampling_locations",
        "attention_weights");
  }

  private static void assertAgrees(
      Function<DataType, Aggregation> ofType, Goldens.Case golden, String... inputs) {
    assertAgrees(golden, ofType.apply(DataType.DOUBLE), 1e-10, inputs);
    assertAgrees(golden, ofType.apply(DataType.FLOAT), 1e-4, inputs);
    assertHalfTypesAgree(golden, ofType.apply(DataType.FLOAT));
  }

  private static void assertAgrees(
      Goldens.Case golden, Aggregation call, double tolerance, String... inputs) {
    INDArray[] results = call.all();
    assertClose(golden.getArrays().get("output"), results[0], tolerance, "output");
    assertEquals(inputs.length + 1, results.length);
    for (int i = 0; i < inputs.length; i++) {
      String gradient = "grad_" + inputs[i];
      assertClose(golden.getArrays().get(gradient), results[i + 1], tolerance, gradient);
    }
  }

  /**
   * Against DOUBLE on the same rounded arrays, to what rounding a result may change; and the output
   * against the reference's, to what rounding the arrays may: positions have 11 and 8 bits.
   */
  private static void assertHalfTypesAgree(Goldens.Case golden, Aggregation call) {
    for (DataType type : new DataType[] {DataType.FLOAT16, DataType.BFLOAT16}) {
      Aggregation half = call.map(array -> array.castTo(type));
      INDArray[] expected = half.map(array -> array.castTo(DataType.DOUBLE)).all();
      INDArray[] actual = half.all();
      for (int i = 0; i < expected.length; i++) {
        assertEquals(type, actual[i].dataType());
        assertClose(expected[i], actual[i], 1e-2, type + " result " + i);
      }
      double tolerance = type == DataType.FLOAT16 ? 1e-2 : 8e-2;
      assertClose(golden.getArrays().get("output"), actual[0], tolerance, type + " output");
    }
  }

  static Stream<Aggregation> both() {
    return Aggregation.both(DataType.FLOAT);
  }

  @ParameterizedTest
  @MethodSource("both")
  void arraysMayLieInMemoryAsTheyLike(Aggregation call) {
    INDArray[] expected = call.all();
    Layouts.all()
        .forEach(
            (UnaryOperator<INDArray> layout) ->
                assertArrayEquals(expected, call.map(layout).all()));
  }

  @ParameterizedTest
  @MethodSource("both")
  void outputsOfTheCallerMayLieInMemoryAsTheyLike(Aggregation call) {
    INDArray[] expected = call.all();
    Layouts.all()
        .forEach(
            layout -> {
              INDArray output = layout.apply(call.forward().assign(7));
              Nd4j.exec(call.call(false).addOutputs(output).build());
              assertEquals(expected[0], output);
              INDArray[] gradients = call.backward();
              for (int i = 0; i < gradients.length; i++) {
                gradients[i] = layout.apply(gradients[i].assign(7));
              }
              Nd4j.exec(call.call(true).addOutputs(gradients).build());
              for (int i = 0; i < gradients.length; i++) {
                assertEquals(expected[i + 1], gradients[i]);
              }
            });
  }

  @ParameterizedTest
  @MethodSource("both")
  void noImagesGiveEmptyResults(Aggregation call) {
    Aggregation none =
        call.map(
            array -> {
              long[] shape = array.shape().clone();
              shape[0] = 0;
              return Nd4j.create(DataType.FLOAT, shape);
            });
    for (INDArray result : none.all()) {
      assertEquals(0, result.size(0));
      assertEquals(0, result.length());
    }
  }

  @Test
  void attentionTakesSizesOfIntAndLong() {
    Aggregation call = Aggregation.attention(DataType.FLOAT);
    INDArray sizes = call.getInputs().get(1);
    for (DataType type : new DataType[] {DataType.INT32, DataType.INT64}) {
      INDArray typed = sizes.castTo(type);
      assertArrayEquals(call.all(), call.with(1, typed).all());
      assertArrayEquals(call.all(), call.with(1, typed.dup('f')).all());
    }
  }

  /** Two taps 3 apart, spread about their center 1 by 2: they read at -1 and 5. */
  @Test
  void theCenterOfAnEvenKernelIsRoundedDown() {
    DCNv3Config config = DCNv3Config.builder().kH(1).kW(2).dW(3).offsetScale(2).build();
    INDArray input = Nd4j.createFromArray(1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0);
    INDArray output =
        new NDDeformable()
            .dcnv3(
                input.reshape(1, 1, 8, 1),
                Nd4j.zeros(DataType.DOUBLE, 1, 1, 5, 4),
                Nd4j.ones(DataType.DOUBLE, 1, 1, 5, 2),
                config);
    assertEquals(Nd4j.createFromArray(32.0, 65.0, 130.0, 4.0, 8.0), output.ravel());
  }

  /** DCNv4's aggregation has no softmax: any numbers are weights. */
  @Test
  void masksAreMultipliedInAsTheyAre() {
    Aggregation call = Aggregation.dcnv3(DataType.DOUBLE);
    INDArray tripled = call.with(2, call.getInputs().get(2).mul(-3)).forward();
    assertClose(call.forward().mul(-3), tripled, 1e-14, "output");
  }
}
