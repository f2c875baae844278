package io.github.dcn4j.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.junit.jupiter.api.Test;

/** Networks that were stored before the classes' insides changed. */
class StoredConfigurationTest {
  private static final String STORED = "/stored/graph-0.1.json";

  @Test
  void aStoredConfigurationIsReadAsItWas() throws IOException {
    ComputationGraphConfiguration expected =
        new NeuralNetConfiguration.Builder()
            .seed(7)
            .graphBuilder()
            .addInputs("images", "rois")
            .setInputTypes(
                InputType.convolutional(16, 16, 8, CNN2DFormat.NHWC), InputType.feedForward(5))
            .addLayer(
                "dcn",
                new DeformableConvolution2D.Builder(3)
                    .nOut(8)
                    .padding(1)
                    .deformableGroups(2)
                    .offsetLearningRateMultiplier(0.1)
                    .initialMask(0.9)
                    .build(),
                "images")
            .addVertex(
                "plain",
                new DeformablePSROIPoolingVertex.Builder()
                    .outputDim(8)
                    .pooledSize(3)
                    .partSize(2)
                    .spatialScale(0.5)
                    .samplePerPart(2)
                    .transStd(0.2)
                    .build(),
                "dcn",
                "rois")
            .addVertex(
                "pooled",
                new ModulatedDeformablePSROIPoolingVertex.Builder()
                    .outputDim(8)
                    .pooledSize(3)
                    .spatialScale(0.25)
                    .transStd(0.1)
                    .fcDim(6)
                    .build(),
                "dcn",
                "rois")
            .addVertex("both", new MergeVertex(), "plain", "pooled")
            .addLayer("classes", Networks.threeClasses().build(), "both")
            .setOutputs("classes")
            .build();
    try (InputStream in = getClass().getResourceAsStream(STORED)) {
      String json = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      assertEquals(expected, ComputationGraphConfiguration.fromJson(json));
    }
  }
}
