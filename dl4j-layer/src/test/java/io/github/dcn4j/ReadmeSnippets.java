package io.github.dcn4j;

import io.github.dcn4j.layers.Conversion;
import io.github.dcn4j.layers.Convolution2D;
import io.github.dcn4j.layers.DeformableConvolution2D;
import io.github.dcn4j.layers.DeformableConvolution2DVertex;
import io.github.dcn4j.layers.DeformableConvolutionV3;
import io.github.dcn4j.layers.ModulatedDeformablePSROIPoolingVertex;
import io.github.dcn4j.layers.MultiScaleDeformableAttentionVertex;
import io.github.dcn4j.layers.SamplingPositions;
import io.github.dcn4j.layers.VertexParameters;
import io.github.dcn4j.onnx.OnnxModel;
import io.github.dcn4j.ops.DCNv3Config;
import io.github.dcn4j.ops.DeformableConv2DConfig;
import io.github.dcn4j.ops.NDDeformable;
import io.github.dcn4j.ops.SDDeformable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.weights.WeightInit;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions;

/** The code of README.md, which {@link ReadmeTest} finds here but for spaces, and runs. */
final class ReadmeSnippets {
  private ReadmeSnippets() {}

  static MultiLayerNetwork layers() {
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            new NeuralNetConfiguration.Builder()
                .updater(new Adam(1e-3))
                .list()
                .layer(
                    new Convolution2D.Builder(3)
                        .nOut(16)
                        .padding(1)
                        .activation(Activation.RELU)
                        .build())
                .layer(
                    new DeformableConvolution2D.Builder(3)
                        .nOut(16)
                        .padding(1)
                        .activation(Activation.RELU)
                        .deformableGroups(2) // channels in groups with offsets of their own
                        .offsetLearningRateMultiplier(0.1) // as many detectors train them
                        .build())
                .layer(
                    new OutputLayer.Builder(LossFunctions.LossFunction.MCXENT)
                        .nOut(10)
                        .activation(Activation.SOFTMAX)
                        .build())
                .setInputType(InputType.convolutional(28, 28, 1))
                .build());
    network.init();
    return network;
  }

  static MultiLayerNetwork projected() {
    DeformableConvolutionV3 v3 =
        new DeformableConvolutionV3.Builder(3)
            .nOut(64)
            .padding(1)
            .groups(4)
            .activation(Activation.IDENTITY)
            .build();
    DeformableConvolutionV3 v4 =
        new DeformableConvolutionV3.Builder(3)
            .version(4)
            .nOut(64)
            .padding(1)
            .groups(4)
            .activation(Activation.IDENTITY)
            .build();
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            new NeuralNetConfiguration.Builder()
                .list()
                .layer(v3)
                .layer(v4)
                .setInputType(InputType.convolutional(8, 8, 32))
                .build());
    network.init();
    return network;
  }

  static void conversion(MultiLayerNetwork trained) {
    MultiLayerNetwork deformable =
        Conversion.convert(trained, DeformableConvolution2D::from, "layer0");

    MultiLayerNetwork twoGroups =
        Conversion.convert(
            trained,
            layer -> {
              DeformableConvolution2D made = DeformableConvolution2D.from(layer);
              made.setInitialMask(0.9);
              made.setOffsetLearningRateMultiplier(0.1);
              return made;
            },
            "layer0");
    deformable.output(Nd4j.rand(1, 1, 28, 28)).subi(twoGroups.output(Nd4j.rand(1, 1, 28, 28)));
  }

  static void ops() {
    SameDiff sd = SameDiff.create();
    INDArray input = Nd4j.rand(2, 4, 8, 8);
    INDArray weights = Nd4j.rand(6, 4, 3, 3);
    INDArray offset = Nd4j.rand(2, 18, 8, 8);
    INDArray mask = Nd4j.rand(2, 9, 8, 8);
    INDArray bias = Nd4j.rand(6);
    SDVariable x = sd.constant(input);
    SDVariable w = sd.var("w", weights);
    SDVariable b = sd.var("b", bias);
    SDVariable o = sd.constant(offset);
    SDVariable m = sd.constant(mask);

    DeformableConv2DConfig config =
        DeformableConv2DConfig.builder().kH(3).kW(3).pH(1).pW(1).build();

    SDVariable y = new SDDeformable(sd).deformableConv2d("y", x, w, o, m, b, config);

    INDArray z = new NDDeformable().deformableConv2d(input, weights, offset, mask, bias, config);

    INDArray plain = new NDDeformable().conv2d(input, weights, bias, config);

    SDVariable offsetW = sd.var("offsetW", Nd4j.zeros(27, 4, 3, 3));
    SDVariable offsetB = sd.var("offsetB", Nd4j.zeros(27));
    SDVariable own =
        new SDDeformable(sd).deformableConv2dLayer("own", x, w, b, offsetW, offsetB, true, config);

    INDArray byName =
        Nd4j.exec(
            DynamicCustomOp.builder("deformable_conv2d")
                .addInputs(input, weights, offset, mask, bias)
                .addIntegerArguments(3, 3, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1)
                .build())[0];
    z.subi(plain).subi(byName).subi(y.eval()).subi(own.eval());
  }

  /** The output of the graph, that of the op, and the gradients. */
  static INDArray[] dcnv3() {
    SameDiff sd = SameDiff.create();
    INDArray input = Nd4j.rand(2, 8, 8, 32);
    INDArray offset = Nd4j.randn(2, 8, 8, 72);
    INDArray mask = Nd4j.rand(2, 8, 8, 36);
    INDArray gradOutput = input.like();
    SDVariable x = sd.constant(input);
    SDVariable o = sd.constant(offset);
    SDVariable m = sd.constant(mask);

    DCNv3Config v3Config = DCNv3Config.builder().kH(3).kW(3).pH(1).pW(1).groups(4).build();

    SDVariable y = new SDDeformable(sd).dcnv3("y", x, o, m, v3Config);

    INDArray output = new NDDeformable().dcnv3(input, offset, mask, v3Config);
    INDArray[] gradients = new NDDeformable().dcnv3Bp(input, offset, mask, gradOutput, v3Config);
    return new INDArray[] {y.eval(), output, gradients[0], gradients[1], gradients[2]};
  }

  /** The output of the graph, that of the op, and the gradients. */
  static INDArray[] multiScaleDeformableAttention() {
    SameDiff sd = SameDiff.create();
    INDArray value = Nd4j.rand(3, 80, 2, 8);
    INDArray samplingLocations = Nd4j.rand(3, 5, 2, 2, 4, 2);
    INDArray attentionWeights = Nd4j.rand(3, 5, 2, 2, 4);
    INDArray gradOutput = Nd4j.rand(3, 5, 16);

    SDVariable v = sd.constant(value);
    SDVariable at = sd.constant(samplingLocations);
    SDVariable a = sd.constant(attentionWeights);

    INDArray spatialShapes = Nd4j.createFromArray(new long[][] {{8, 8}, {4, 4}}); // (H, W) of each
    SDVariable shapes = sd.constant(spatialShapes);

    SDVariable y = new SDDeformable(sd).multiScaleDeformableAttention("y", v, shapes, at, a);

    INDArray output =
        new NDDeformable()
            .multiScaleDeformableAttention(
                value, spatialShapes, samplingLocations, attentionWeights);
    INDArray[] gradients =
        new NDDeformable()
            .multiScaleDeformableAttentionBp(
                value, spatialShapes, samplingLocations, attentionWeights, gradOutput);
    return new INDArray[] {y.eval(), output, gradients[0], gradients[1], gradients[2]};
  }

  static ComputationGraph vertices() {
    ComputationGraphConfiguration conf =
        new NeuralNetConfiguration.Builder()
            .updater(new Adam(1e-3))
            .graphBuilder()
            .addInputs("images", "rois")
            .setInputTypes(InputType.convolutional(32, 32, 3), InputType.feedForward(5))
            .addLayer("features", new Convolution2D.Builder(3).nOut(8).padding(1).build(), "images")
            .addLayer(
                "offset",
                new Convolution2D.Builder(3)
                    .nOut(18)
                    .padding(1)
                    .activation(Activation.IDENTITY)
                    .weightInit(WeightInit.ZERO)
                    .build(),
                "features")
            .addVertex(
                "dcn",
                new DeformableConvolution2DVertex.Builder(3).nOut(8).padding(1).build(),
                "features",
                "offset")
            .addVertex(
                "pooled",
                new ModulatedDeformablePSROIPoolingVertex.Builder()
                    .outputDim(8)
                    .pooledSize(3)
                    .spatialScale(1)
                    .transStd(0.1)
                    .fcDim(16)
                    .build(),
                "dcn",
                "rois")
            .addLayer(
                "classes",
                new OutputLayer.Builder(LossFunctions.LossFunction.MCXENT)
                    .nOut(4)
                    .activation(Activation.SOFTMAX)
                    .build(),
                "pooled")
            .setOutputs("classes")
            .build();
    ComputationGraph graph = new ComputationGraph(conf);
    graph.init();
    return graph;
  }

  static ComputationGraph attention() {
    ComputationGraphConfiguration conf =
        new NeuralNetConfiguration.Builder()
            .updater(new Adam(1e-4))
            .weightInit(WeightInit.XAVIER_UNIFORM)
            .graphBuilder()
            .addInputs("queries", "points", "images")
            .setInputTypes(
                InputType.recurrent(64, 100), // 100 queries of 64 numbers
                InputType.recurrent(2, 100), // their reference points, (x, y) in 0…1
                InputType.convolutional(32, 32, 3))
            .addLayer("fine", new Convolution2D.Builder(3).nOut(64).padding(1).build(), "images")
            .addLayer(
                "coarse",
                new Convolution2D.Builder(3).nOut(64).stride(2).padding(1).build(),
                "fine")
            .addVertex(
                "attention",
                new MultiScaleDeformableAttentionVertex.Builder()
                    .nHeads(8)
                    .nPoints(4)
                    .offsetLearningRateMultiplier(0.1)
                    .build(),
                "queries",
                "points",
                "fine",
                "coarse")
            .addVertex(
                "sum", new ElementWiseVertex(ElementWiseVertex.Op.Add), "queries", "attention")
            .addLayer(
                "classes",
                new RnnOutputLayer.Builder(LossFunctions.LossFunction.MCXENT)
                    .nOut(4)
                    .activation(Activation.SOFTMAX)
                    .build(),
                "sum")
            .setOutputs("classes")
            .build();
    ComputationGraph graph = new ComputationGraph(conf);
    graph.init();
    return graph;
  }

  static void transfer(ComputationGraph graph) {
    ComputationGraph changed =
        new TransferLearning.GraphBuilder(graph)
            .nOutReplace("classes", 7, WeightInit.XAVIER)
            .build();
    VertexParameters.copy(graph, changed); // TransferLearning copies those of layers alone
    VertexParameters.setLearningRate(changed, 1e-4); // of layers and vertices
  }

  static int[] sampling(ComputationGraph network, INDArray images, double y, double x) {
    SamplingPositions sampling = SamplingPositions.of(network, "convolution4", images);
    INDArray positions = sampling.getPositions(); // [N, G, kH·kW, oH, oW, 2] in the layer's input
    INDArray weights = sampling.getWeights(); // [N, G, kH·kW, oH, oW], the mask; ones for v1
    INDArray inImage = sampling.getImagePositions(); // the positions in the network's input
    int[] pixel = sampling.outputPixelAt(y, x); // the output pixel nearest to a point of the image
    assert positions.size(3) == weights.size(3) && inImage.size(3) == weights.size(3);
    return pixel;
  }

  static SameDiff onnx(INDArray image) throws IOException {
    OnnxModel model = OnnxModel.read(Path.of("model.onnx"));
    SameDiff sd = model.toSameDiff();
    INDArray y = sd.output(Map.of(model.inputs().get(0), image), model.outputs()).get("y");

    SameDiff trainable = model.toTrainableSameDiff(); // weights and biases are variables
    trainable.constant("y of the other", y);
    return trainable;
  }
}
