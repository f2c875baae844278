package io.github.dcn4j.layers;

import static io.github.dcn4j.layers.Networks.assertClose;
import static io.github.dcn4j.layers.Networks.bendOffsets;
import static io.github.dcn4j.layers.Networks.classifier;
import static io.github.dcn4j.layers.Networks.images;
import static io.github.dcn4j.layers.Networks.labels;
import static io.github.dcn4j.layers.Networks.random;
import static io.github.dcn4j.layers.Networks.settings;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.UnaryOperator;
import org.deeplearning4j.exception.DL4JInvalidConfigException;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.CacheMode;
import org.deeplearning4j.nn.conf.GradientNormalization;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.WorkspaceMode;
import org.deeplearning4j.nn.conf.constraint.MaxNormConstraint;
import org.deeplearning4j.nn.conf.constraint.NonNegativeConstraint;
import org.deeplearning4j.nn.conf.constraint.UnitNormConstraint;
import org.deeplearning4j.nn.conf.dropout.Dropout;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.SubsamplingLayer;
import org.deeplearning4j.nn.conf.weightnoise.DropConnect;
import org.deeplearning4j.nn.conf.weightnoise.IWeightNoise;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.deeplearning4j.util.NetworkUtils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.AdaDelta;
import org.nd4j.linalg.learning.config.AdaGrad;
import org.nd4j.linalg.learning.config.AdaMax;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.Nadam;
import org.nd4j.linalg.learning.config.Nesterovs;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.learning.config.RmsProp;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.schedule.ScheduleType;
import org.nd4j.linalg.schedule.StepSchedule;

/** How the layer trains: updaters, regularisation, noise, workspaces and reproducibility. */
class DeformableConvolution2DTrainingTest {
  private static final InputType INPUT = InputType.convolutional(6, 6, 4);
  private static final INDArray X = images(DataType.DOUBLE, CNN2DFormat.NCHW, 3, 4, 6, 6);
  private static final INDArray Y = labels(DataType.DOUBLE, 3);

  private static DeformableConvolution2D.Builder layer() {
    return new DeformableConvolution2D.Builder(3, 3)
        .nOut(6)
        .padding(1, 1)
        .activation(Activation.TANH);
  }

  private static NeuralNetConfiguration.Builder sgd(double learningRate) {
    return settings(DataType.DOUBLE).updater(new Sgd(learningRate));
  }

  private static MultiLayerNetwork net(
      NeuralNetConfiguration.Builder settings, ConvolutionLayer layer) {
    MultiLayerNetwork net = classifier(settings, layer, INPUT);
    if (layer instanceof DeformableConvolution2D) {
      bendOffsets(net, 0);
    }
    return net;
  }

  private static Map<String, INDArray> gradients(MultiLayerNetwork net) {
    net.setInput(X);
    net.setLabels(Y);
    net.computeGradientAndScore();
    return net.gradient().gradientForVariable();
  }

  /** What a fit step adds to a parameter. */
  private static INDArray step(MultiLayerNetwork net, String param) {
    INDArray before = net.getParam(param).dup();
    net.fit(X, Y);
    return net.getParam(param).sub(before);
  }

  @Test
  void theMultiplierScalesTheLearningRateOfTheOffsetsAlone() {
    for (String param : new String[] {"0_W", "0_b", "0_offsetW", "0_offsetB"}) {
      MultiLayerNetwork net = net(sgd(0.1), layer().offsetLearningRateMultiplier(0.25).build());
      INDArray gradient = gradients(net).get(param).dup().div(3); // of the mean over the batch
      double rate = param.contains("offset") ? 0.025 : 0.1;
      assertClose(param, gradient.mul(-rate), step(net, param), 1e-10);
    }
  }

  @Test
  void theMultiplierScalesSchedules() {
    StepSchedule schedule = new StepSchedule(ScheduleType.ITERATION, 0.1, 0.5, 2);
    IUpdater updater = new Sgd(schedule);
    MultiLayerNetwork scaled =
        net(
            settings(DataType.DOUBLE).updater(updater),
            layer().offsetLearningRateMultiplier(0.25).build());
    for (int i = 0; i < 5; i++) {
      INDArray gradient = gradients(scaled).get("0_offsetW").dup().div(3);
      double rate = 0.25 * schedule.valueAt(i, 0);
      assertClose("iteration " + i, gradient.mul(-rate), step(scaled, "0_offsetW"), 1e-9);
    }
  }

  @Test
  void theMultiplierWorksWithEveryUpdaterThatHasALearningRate() {
    List<IUpdater> updaters =
        List.of(
            new Sgd(0.1),
            new Adam(0.01),
            new AdaMax(0.01),
            new Nadam(0.01),
            new Nesterovs(0.1, 0.9),
            new RmsProp(0.01),
            new AdaGrad(0.01));
    for (IUpdater updater : updaters) {
      MultiLayerNetwork one =
          net(settings(DataType.DOUBLE).updater(updater.clone()), layer().build());
      MultiLayerNetwork tenth =
          net(
              settings(DataType.DOUBLE).updater(updater.clone()),
              layer().offsetLearningRateMultiplier(0.1).build());
      String name = updater.getClass().getSimpleName();
      assertClose(name, step(one, "0_offsetW").mul(0.1), step(tenth, "0_offsetW"), 1e-9);
      MultiLayerNetwork none =
          net(
              settings(DataType.DOUBLE).updater(updater.clone()),
              layer().offsetLearningRateMultiplier(0).build());
      assertEquals(0, step(none, "0_offsetB").amaxNumber().doubleValue(), name);
    }
    assertThrows(
        DL4JInvalidConfigException.class,
        () ->
            net(
                settings(DataType.DOUBLE).updater(new AdaDelta()),
                layer().offsetLearningRateMultiplier(0.1).build()));
    net(settings(DataType.DOUBLE).updater(new AdaDelta()), layer().build()).fit(X, Y);
  }

  /** Beside the updater acts weight decay; NoOp takes the gradient as it is. */
  @Test
  void aMultiplierOfZeroHoldsTheOffsetsWhateverElseActs() {
    for (NeuralNetConfiguration.Builder settings :
        List.of(
            settings(DataType.DOUBLE).updater(new NoOp()),
            sgd(0.1).weightDecay(0.1, false).weightDecayBias(0.2, false),
            sgd(0.1).weightDecay(0.1, true),
            settings(DataType.DOUBLE).updater(new AdaDelta()).weightDecay(0.1, false),
            settings(DataType.DOUBLE).updater(new NoOp()).l1(0.1).l2Bias(0.2).weightDecay(0.3),
            sgd(0.1).biasUpdater(new NoOp()).weightDecayBias(0.2, false))) {
      MultiLayerNetwork net = net(settings, layer().offsetLearningRateMultiplier(0).build());
      for (String param : new String[] {"0_offsetW", "0_offsetB"}) {
        assertEquals(0, step(net, param).amaxNumber().doubleValue(), param);
      }
      assertTrue(step(net, "0_W").amaxNumber().doubleValue() > 0);
    }
  }

  @Test
  void theMultiplierScalesTheGradientThatNoOpTakes() {
    MultiLayerNetwork net =
        net(
            settings(DataType.DOUBLE).updater(new NoOp()),
            layer().offsetLearningRateMultiplier(0.25).build());
    INDArray gradient = gradients(net).get("0_offsetW").dup().div(3);
    assertClose("offsetW", gradient.mul(-0.25), step(net, "0_offsetW"), 1e-10);
  }

  @Test
  void theMultiplierFollowsALearningRateSetLater() {
    MultiLayerNetwork net =
        net(
            settings(DataType.DOUBLE).updater(new Nesterovs(0.1, 0.9)),
            layer().offsetLearningRateMultiplier(0.5).build());
    net.fit(X, Y);
    NetworkUtils.setLearningRate(net, 0.0);
    assertEquals(
        0.0, net.getLayer(0).conf().getLayer().getUpdaterByParam("offsetW").getLearningRate(0, 0));
    NetworkUtils.setLearningRate(net, 0.2);
    assertEquals(
        0.1, net.getLayer(0).conf().getLayer().getUpdaterByParam("offsetW").getLearningRate(0, 0));
    assertEquals(
        0.2, net.getLayer(0).conf().getLayer().getUpdaterByParam("W").getLearningRate(0, 0));
  }

  @Test
  void biasUpdatersServeBothBiases() {
    MultiLayerNetwork net =
        net(sgd(0.1).biasUpdater(new Sgd(0.02)), layer().offsetLearningRateMultiplier(0.5).build());
    double[] rates = {0.1, 0.02, 0.05, 0.01};
    String[] params = {"W", "b", "offsetW", "offsetB"};
    for (int i = 0; i < 4; i++) {
      assertEquals(
          rates[i],
          net.getLayer(0).conf().getLayer().getUpdaterByParam(params[i]).getLearningRate(0, 0),
          1e-15);
    }
  }

  @Test
  void penaltiesActOnTheWeightsAndBiasPenaltiesOnTheBiases() {
    MultiLayerNetwork free = net(sgd(1), layer().build());
    MultiLayerNetwork weights = net(sgd(1), layer().l2(0.3).build());
    MultiLayerNetwork biases = net(sgd(1), layer().l2Bias(0.3).build());
    for (String param : new String[] {"0_W", "0_b", "0_offsetW", "0_offsetB"}) {
      INDArray before = free.getParam(param).dup();
      boolean isWeight = param.endsWith("W");
      INDArray base = step(net(sgd(1), layer().build()), param);
      INDArray shrink = base.sub(before.mul(0.3));
      assertClose(
          param, isWeight ? shrink : base, step(net(sgd(1), layer().l2(0.3).build()), param), 1e-9);
      assertClose(
          param,
          isWeight ? base : shrink,
          step(net(sgd(1), layer().l2Bias(0.3).build()), param),
          1e-9);
    }
    double sum = weights.getParam("0_W").norm2Number().doubleValue();
    double offsets = weights.getParam("0_offsetW").norm2Number().doubleValue();
    assertEquals(
        0.15 * (sum * sum + offsets * offsets), weights.calcRegularizationScore(true), 1e-9);
    assertTrue(biases.calcRegularizationScore(true) > 0);
  }

  @Test
  void constraintsActOnTheMainConvolutionAndNeverOnTheOffsets() {
    int[] dims = {1, 2, 3};
    MultiLayerNetwork deformable =
        net(
            sgd(0.5),
            layer()
                .constrainWeights(new UnitNormConstraint(dims))
                .constrainBias(new NonNegativeConstraint())
                .build());
    INDArray free = step(net(sgd(0.5), layer().build()), "0_offsetW");
    assertClose("offsetW", free, step(deformable, "0_offsetW"), 1e-12);
    INDArray norms = deformable.getParam("0_W").norm2(dims);
    assertClose("norms", Nd4j.ones(DataType.DOUBLE, 6), norms, 1e-9);
    assertTrue(deformable.getParam("0_b").minNumber().doubleValue() >= 0);
    assertTrue(deformable.getParam("0_offsetB").minNumber().doubleValue() < 0);
  }

  @Test
  void constraintsOnAllParametersAndGlobalOnesSpareFreshOffsets() {
    MultiLayerNetwork all =
        classifier(
            sgd(0.5), layer().constrainAllParameters(new NonNegativeConstraint()).build(), INPUT);
    MultiLayerNetwork unit =
        classifier(sgd(0.5).constrainWeights(new UnitNormConstraint(1)), layer().build(), INPUT);
    for (MultiLayerNetwork net : new MultiLayerNetwork[] {all, unit}) {
      net.fit(X, Y);
      net.fit(X, Y);
      assertFalse(net.params().isNaN().any());
      assertTrue(net.getParam("0_offsetW").minNumber().doubleValue() < 0);
      assertTrue(net.getParam("0_offsetB").minNumber().doubleValue() < 0);
    }
    assertTrue(all.getParam("0_W").minNumber().doubleValue() >= 0);
    assertTrue(all.getParam("0_b").minNumber().doubleValue() >= 0);
    assertClose("norms", Nd4j.ones(DataType.DOUBLE, 6, 3, 3), unit.getParam("0_W").norm2(1), 1e-9);
  }

  @Test
  void dropoutActsOnTheInputInTrainingOnly() {
    MultiLayerNetwork plain = net(sgd(0.1), layer().build());
    MultiLayerNetwork dropping = net(sgd(0.1), layer().dropOut(new Dropout(0.5)).build());
    assertEquals(plain.output(X), dropping.output(X));
    assertNotEquals(plain.feedForward(X, true).get(1), dropping.feedForward(X, true).get(1));
    dropping.fit(X, Y);
    assertFalse(dropping.params().isNaN().any());
  }

  @Test
  void gradientsPassThroughDropout() {
    // The input gradient is zero exactly where the input was dropped, and is scaled elsewhere.
    MultiLayerNetwork net = net(sgd(0.1), layer().dropOut(new Dropout(0.5)).build());
    net.setInput(X);
    net.feedForward(true, false);
    INDArray dropped = net.getLayer(0).input().dup();
    INDArray epsilon = random(5, DataType.DOUBLE, 3, 6, 6, 6);
    net.initGradientsView();
    INDArray got =
        net.getLayer(0).backpropGradient(epsilon, LayerWorkspaceMgr.noWorkspaces()).getSecond();
    int zeros = 0;
    for (long i = 0; i < dropped.length(); i++) {
      if (dropped.getDouble(i) == 0) {
        assertEquals(0, Math.abs(got.getDouble(i)));
        zeros++;
      }
    }
    assertTrue(zeros > 100 && zeros < dropped.length() - 100, zeros + " dropped");
    MultiLayerNetwork without = net(sgd(0.1), layer().build());
    without.setInput(dropped);
    without.feedForward(true, false);
    without.initGradientsView();
    INDArray base =
        without.getLayer(0).backpropGradient(epsilon, LayerWorkspaceMgr.noWorkspaces()).getSecond();
    assertClose("gradient", base.mul(2).mul(dropped.neq(0).castTo(DataType.DOUBLE)), got, 1e-12);
  }

  /** No noise, but a record of the parameters that would get it. */
  private static final class Recorder implements IWeightNoise {
    final Set<String> params = new TreeSet<>();

    @Override
    public INDArray getParameter(
        Layer layer,
        String param,
        int iteration,
        int epoch,
        boolean train,
        LayerWorkspaceMgr workspaceMgr) {
      params.add(param);
      return layer.getParam(param);
    }

    @Override
    public IWeightNoise clone() {
      return this;
    }
  }

  @Test
  void weightNoiseActsOnTheMainConvolutionAlone() {
    MultiLayerNetwork plain = net(sgd(0.1), layer().build());
    MultiLayerNetwork noisy = net(sgd(0.1), layer().weightNoise(new DropConnect(0.5)).build());
    assertEquals(plain.output(X), noisy.output(X));
    assertNotEquals(plain.feedForward(X, true).get(1), noisy.feedForward(X, true).get(1));
    noisy.fit(X, Y);
    assertFalse(noisy.params().isNaN().any());
    Recorder recorder = new Recorder();
    net(sgd(0.1), layer().weightNoise(recorder).build()).fit(X, Y);
    assertEquals(Set.of("W", "b"), recorder.params);
  }

  @ParameterizedTest
  @EnumSource(GradientNormalization.class)
  void gradientNormalizationWorks(GradientNormalization normalization) {
    MultiLayerNetwork net =
        net(
            sgd(0.1).gradientNormalization(normalization).gradientNormalizationThreshold(0.01),
            layer().build());
    net.fit(X, Y);
    assertFalse(net.params().isNaN().any());
  }

  @Test
  void workspaceAndCacheModesGiveEqualResults() {
    List<INDArray> results = new ArrayList<>();
    for (WorkspaceMode mode : new WorkspaceMode[] {WorkspaceMode.NONE, WorkspaceMode.ENABLED}) {
      for (CacheMode cache : new CacheMode[] {CacheMode.NONE, CacheMode.HOST}) {
        MultiLayerNetwork net =
            Networks.pooled(
                settings(DataType.DOUBLE)
                    .updater(new Adam(0.01))
                    .trainingWorkspaceMode(mode)
                    .inferenceWorkspaceMode(mode)
                    .cacheMode(cache),
                INPUT,
                layer().build(),
                new SubsamplingLayer.Builder().kernelSize(2, 2).stride(2, 2).build(),
                layer().deformableGroups(2).dropOut(0.8).activation(Activation.RELU).build());
        Nd4j.getRandom().setSeed(5);
        for (int i = 0; i < 5; i++) {
          net.fit(X, Y);
        }
        results.add(Nd4j.concat(0, net.params().ravel(), net.output(X).ravel()));
      }
    }
    for (INDArray result : results) {
      assertEquals(results.get(0), result);
    }
  }

  @Test
  void multiLayerNetworkAndGraphTrainAlike() {
    MultiLayerNetwork net =
        net(
            settings(DataType.DOUBLE).updater(new Adam(0.01)),
            layer().offsetLearningRateMultiplier(0.1).build());
    ComputationGraph graph = net.toComputationGraph();
    for (int i = 0; i < 4; i++) {
      net.fit(X, Y);
      graph.fit(new DataSet(X, Y));
    }
    assertEquals(net.params(), graph.params());
    assertEquals(net.output(X), graph.outputSingle(X));
  }

  @Test
  void backwardAfterAForwardPassThatKeptNothingGivesTheSameGradients() {
    for (Activation activation : new Activation[] {Activation.TANH, Activation.IDENTITY}) {
      MultiLayerNetwork net = net(sgd(0.1), layer().activation(activation).build());
      INDArray epsilon = random(5, DataType.DOUBLE, 3, 6, 6, 6);
      net.initGradientsView();
      List<INDArray> results = new ArrayList<>();
      for (boolean training : new boolean[] {true, false}) {
        net.setInput(X);
        net.feedForward(training, false);
        INDArray next =
            net.getLayer(0).backpropGradient(epsilon, LayerWorkspaceMgr.noWorkspaces()).getSecond();
        results.add(Nd4j.concat(0, net.getLayer(0).getGradientsViewArray().ravel(), next.ravel()));
      }
      assertEquals(results.get(0), results.get(1));
    }
  }

  @Test
  void aStepThatIsRepeatedAfterChangedParametersUsesThem() {
    MultiLayerNetwork net = net(sgd(0.1), layer().build());
    INDArray first = gradients(net).get("0_W").dup();
    net.setParam("0_W", net.getParam("0_W").mul(2));
    INDArray second = gradients(net).get("0_W").dup();
    net.setParam("0_W", net.getParam("0_W").div(2));
    assertNotEquals(first, second);
    assertEquals(first, gradients(net).get("0_W"));
  }

  @Test
  void gradientsAreBitIdenticalForAnyNumberOfThreadsRunAfterRun() {
    for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE}) {
      MultiLayerNetwork net =
          classifier(
              settings(type),
              layer().nOut(16).deformableGroups(2).build(),
              InputType.convolutional(20, 19, 8));
      bendOffsets(net, 0);
      Networks.assertSameGradientsForAnyNumberOfThreads(
          net, images(type, CNN2DFormat.NCHW, 4, 8, 20, 19), labels(type, 4));
    }
  }

  @Test
  void clonedNetworksRunInSeveralThreadsAtOnce() throws Exception {
    MultiLayerNetwork net = net(settings(DataType.DOUBLE).updater(new Adam(0.01)), layer().build());
    MultiLayerNetwork reference = net.clone();
    INDArray expected = train(reference);
    ExecutorService pool = Executors.newFixedThreadPool(4);
    try {
      List<Future<INDArray>> results = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        MultiLayerNetwork copy = net.clone();
        results.add(pool.submit(() -> train(copy)));
      }
      for (Future<INDArray> result : results) {
        assertEquals(0, expected.sub(result.get()).amaxNumber().doubleValue());
      }
    } finally {
      pool.shutdown();
    }
  }

  private static INDArray train(MultiLayerNetwork net) {
    for (int i = 0; i < 10; i++) {
      net.fit(X.dup(), Y.dup());
    }
    return Nd4j.concat(0, net.params().ravel(), net.output(X.dup()).ravel()).detach();
  }

  @Test
  void floatHalfAndDoubleNetworksLearn() {
    for (DataType type : new DataType[] {DataType.DOUBLE, DataType.FLOAT, DataType.FLOAT16}) {
      for (CNN2DFormat format : CNN2DFormat.values()) {
        MultiLayerNetwork net =
            classifier(
                settings(type).updater(new Sgd(0.1)),
                layer().build(),
                InputType.convolutional(6, 6, 4, format));
        INDArray x = images(type, format, 3, 4, 6, 6);
        INDArray y = labels(type, 3);
        net.fit(x, y);
        double first = net.score();
        for (int i = 0; i < 30; i++) {
          net.fit(x, y);
        }
        assertTrue(
            net.score() < 0.5 * first, type + " " + format + ": " + first + " to " + net.score());
        assertNotEquals(0, net.getParam("0_offsetW").amaxNumber().doubleValue(), "offsets learn");
      }
    }
  }

  @Test
  void aMaxNormConstraintEqualsThatOfConvolutionLayer() {
    UnaryOperator<INDArray> norms = w -> w.norm2(1, 2, 3);
    MultiLayerNetwork a =
        net(sgd(0.5), layer().constrainWeights(new MaxNormConstraint(0.3, 1, 2, 3)).build());
    a.fit(X, Y);
    assertTrue(norms.apply(a.getParam("0_W")).maxNumber().doubleValue() <= 0.3 + 1e-9);
    assertTrue(a.getParam("0_offsetB").norm2Number().doubleValue() > 0.3);
  }
}
