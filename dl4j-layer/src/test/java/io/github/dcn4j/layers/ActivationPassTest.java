package io.github.dcn4j.layers;

import static io.github.dcn4j.layers.Networks.random;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.activations.IActivation;
import org.nd4j.linalg.activations.impl.ActivationReLU;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class ActivationPassTest {
  private static final INDArray Z = random(1, DataType.FLOAT, 2, 3, 4, 5);
  private static final INDArray EPSILON = random(2, DataType.FLOAT, 2, 3, 4, 5);

  private static void assertGoesBackAsTheFunctionItself(IActivation function) {
    INDArray expected = function.backprop(Z.dup(), EPSILON.dup()).getFirst();
    INDArray channelsLast = EPSILON.permute(0, 2, 3, 1).dup('c').permute(0, 3, 1, 2);
    for (INDArray epsilon : new INDArray[] {EPSILON.dup('c'), EPSILON.dup('f'), channelsLast}) {
      INDArray gradient =
          ActivationPass.backward(function, Z.dup('c'), epsilon, LayerWorkspaceMgr.noWorkspaces());
      assertEquals(expected, gradient, function.toString());
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"RELU", "LEAKYRELU", "TANH", "SIGMOID", "ELU", "SWISH", "SOFTPLUS"})
  void allFunctionsGoBackAsOnContiguousArrays(Activation activation) {
    assertGoesBackAsTheFunctionItself(activation.getActivationFunction());
  }

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"DOUBLE", "FLOAT", "HALF"})
  void reluHasNoSlopeAtZero(DataType type) {
    INDArray z = Nd4j.createFromArray(-1f, -0f, 0f, 2f).castTo(type).reshape(1, 1, 2, 2);
    INDArray epsilon = Nd4j.createFromArray(3f, 4f, 5f, 6f).castTo(type).reshape(1, 1, 2, 2);
    INDArray gradient =
        ActivationPass.backward(new ActivationReLU(), z, epsilon, LayerWorkspaceMgr.noWorkspaces());
    assertEquals(Nd4j.createFromArray(0f, 0f, 0f, 6f).castTo(type).reshape(1, 1, 2, 2), gradient);
  }

  @ParameterizedTest
  @EnumSource(names = {"RELU", "RELU6"})
  void aReluWithAThresholdOrAMaximumKeepsThem(Activation activation) {
    assertGoesBackAsTheFunctionItself(activation.getActivationFunction());
    assertGoesBackAsTheFunctionItself(new ActivationReLU(0.5, 0.2, 0.1));
  }
}
