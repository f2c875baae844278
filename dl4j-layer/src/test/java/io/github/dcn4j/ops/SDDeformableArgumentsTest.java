package io.github.dcn4j.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.factory.Nd4j;

/** What SameDiff's methods refuse, they refuse by name and before they add an op. */
class SDDeformableArgumentsTest {
  private static final DeformableConv2DConfig CONVOLUTION =
      DeformableConv2DConfig.builder().kH(3).kW(3).build();

  private final SameDiff sd = SameDiff.create();
  private final SDVariable stray = SameDiff.create().var("stray", Nd4j.zeros(1));

  static Stream<Method> methods() {
    return Arrays.stream(SDDeformable.class.getDeclaredMethods())
        .filter(method -> Modifier.isPublic(method.getModifiers()));
  }

  @ParameterizedTest
  @MethodSource("methods")
  void everyArgumentIsRefusedByItsName(Method method) {
    Parameter[] parameters = method.getParameters();
    Object[] good = Arrays.stream(parameters).map(this::good).toArray();
    boolean varied = false;
    for (int i = 0; i < parameters.length; i++) {
      String name = parameters[i].getName();
      Class<?> type = parameters[i].getType();
      if (type == SDVariable.class) {
        assertRefused(
            name + ": expected a variable of this graph, got stray of another",
            method,
            with(i, stray, good));
      }
      boolean object = type == SDVariable.class || OpConfig.class.isAssignableFrom(type);
      if (object && !isOptional(method, name)) {
        assertRefused(name + ": expected a value, got null", method, with(i, null, good));
        varied = true;
      }
    }
    assertTrue(varied);
  }

  private static boolean isOptional(Method method, String name) {
    return Set.of("bias", "offsetBias", "trans").contains(name)
        || name.equals("mask") && method.getName().equals("deformableConv2d");
  }

  private Object good(Parameter parameter) {
    Class<?> type = parameter.getType();
    if (type == SDVariable.class) {
      return sd.var(parameter.getName(), Nd4j.zeros(1));
    } else if (type == DeformableConv2DConfig.class) {
      return CONVOLUTION;
    } else if (type == DCNv3Config.class) {
      return DCNv3Config.builder().kH(3).kW(3).build();
    } else if (type == DeformablePSROIPoolingConfig.class) {
      return DeformablePSROIPoolingConfig.builder()
          .spatialScale(1)
          .outputDim(1)
          .pooledSize(1)
          .build();
    }
    return type == boolean.class ? (Object) true : "result";
  }

  private static Object[] with(int place, Object value, Object[] arguments) {
    Object[] changed = arguments.clone();
    changed[place] = value;
    return changed;
  }

  private void assertRefused(String message, Method method, Object... arguments) {
    int ops = sd.getOps().size();
    Calls.assertMessage(
        message,
        () -> {
          try {
            method.invoke(new SDDeformable(sd), arguments);
          } catch (InvocationTargetException e) {
            throw e.getCause();
          }
        });
    assertEquals(ops, sd.getOps().size(), method + " with " + Arrays.toString(arguments));
  }

  @Test
  void theLayerRefusesWhatOneOfItsOpsWould() {
    Method layer =
        methods().filter(method -> method.getName().endsWith("Layer")).findFirst().orElseThrow();
    Object[] good = Arrays.stream(layer.getParameters()).map(this::good).toArray();
    assertRefused(
        "deformable_conv2d: groups: expected an integer of 32 bits, got 4294967297",
        layer,
        with(good.length - 1, CONVOLUTION.toBuilder().groups((1L << 32) + 1).build(), good));
    assertRefused(
        "deformableGroups, kH, kW: expected 1 to 715827882 sampled taps, got 0 x 3 x 3",
        layer,
        with(good.length - 1, CONVOLUTION.toBuilder().deformableGroups(0).build(), good));
    int most = Integer.MAX_VALUE;
    assertRefused(
        "deformableGroups, kH, kW: expected 1 to 715827882 sampled taps, got 1 x "
            + most
            + " x "
            + most,
        layer,
        with(good.length - 1, CONVOLUTION.toBuilder().kH(most).kW(most).build(), good));
  }
}
