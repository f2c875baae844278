package io.github.dcn4j.onnx;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import onnx.Onnx;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.ir.MapperNamespace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.samediff.frameworkimport.onnx.OnnxProtobufExtensionsKt;
import org.nd4j.samediff.frameworkimport.onnx.definitions.OnnxOpDeclarationsKt;
import org.nd4j.samediff.frameworkimport.onnx.importer.OnnxFrameworkImporter;
import org.nd4j.samediff.frameworkimport.onnx.ir.OnnxIRGraph;
import org.nd4j.samediff.frameworkimport.onnx.process.OnnxMappingProcessLoader;
import org.nd4j.samediff.frameworkimport.opdefs.OpDescriptorLoaderHolder;
import org.nd4j.samediff.frameworkimport.registry.OpMappingRegistry;
import org.nd4j.samediff.frameworkimport.registry.OpRegistryHolder;

/**
 * Teaches ND4J's ONNX importer the standard op {@code DeformConv} (opset 19 and later).
 *
 * <p>Most users want {@link OnnxModel#toSameDiff()}, which also smooths what else ND4J's importer
 * stumbles over. This class is for those who call that importer themselves:
 *
 * <pre>{@code
 * SameDiff sd = DeformConvImport.importer().runImport("model.onnx", new HashMap<>(), false);
 * }</pre>
 *
 * <p>Needs the optional dependency {@code org.nd4j:samediff-import-onnx}.
 */
public final class DeformConvImport {
  static final String FRAMEWORK = "onnx";
  static final String DEFORM_CONV = "DeformConv";

  /** Not of the standard: {@link GraphPreparation} makes it of BatchNormalization. */
  static final String FROZEN_BATCH_NORMALIZATION = "DCN4JFrozenBatchNormalization";

  /** Not of the standard: {@link GraphPreparation} makes them of Split. */
  static final String SPLIT_PART = "DCN4JSplitPart";

  /** Not of the standard: {@link GraphPreparation} makes it of GlobalAveragePool. */
  static final String GLOBAL_AVERAGE = "DCN4JGlobalAverage";

  /** Not of the standard: {@link GraphPreparation} makes it of MatMul and Gemm. */
  static final String MATRIX_PRODUCT = "DCN4JMatrixProduct";

  private static final List<Onnx.NodeProto> DEFINITIONS =
      Arrays.asList(
          definition(DEFORM_CONV, "X", "W", "offset", "B", "mask")
              .addAttribute(integers("dilations"))
              .addAttribute(integer("group"))
              .addAttribute(integers("kernel_shape"))
              .addAttribute(integer("offset_group"))
              .addAttribute(integers("pads"))
              .addAttribute(integers("strides"))
              .build(),
          definition(FROZEN_BATCH_NORMALIZATION, "X", "scale", "B", "input_mean", "input_var")
              .addAttribute(attribute("epsilon", Onnx.AttributeProto.AttributeType.FLOAT))
              .build(),
          definition(SPLIT_PART, "X")
              .addAttribute(integer("axis"))
              .addAttribute(integer("begin"))
              .addAttribute(integer("end"))
              .addAttribute(integer("index"))
              .addAttribute(integer("parts"))
              .build(),
          definition(GLOBAL_AVERAGE, "X").build(),
          definition(MATRIX_PRODUCT, "A", "B")
              .addAttribute(integer("transA"))
              .addAttribute(integer("transB"))
              .build());

  private DeformConvImport() {}

  /** A new importer that knows {@code DeformConv}. The first takes some seconds. */
  public static synchronized OnnxFrameworkImporter importer() {
    // Before the importer is made, which copies them
    Map<String, Onnx.NodeProto> definitions =
        OpDescriptorLoaderHolder.INSTANCE.listForFramework(FRAMEWORK);
    DEFINITIONS.forEach(definition -> definitions.put(definition.getOpType(), definition));
    OnnxOpDeclarationsKt.getDeclarations(); // fills the registry of the next line
    register(OpRegistryHolder.INSTANCE.onnx());
    OnnxFrameworkImporter importer = new OnnxFrameworkImporter();
    register(importer.getRegistry());
    return importer;
  }

  /**
   * Imports a graph whose names ND4J takes.
   *
   * @param examples arrays for inputs, to run the graph on while importing
   */
  static SameDiff importGraph(Onnx.GraphProto graph, Map<String, INDArray> examples) {
    OnnxFrameworkImporter importer = importer();
    SameDiff sd =
        importer
            .getOnnxImporter()
            .importGraph(
                new OnnxIRGraph(graph, importer.getRegistry()),
                null,
                null,
                OnnxProtobufExtensionsKt.convertToOnnxTensors(examples),
                importer.getRegistry());
    return sd.disableEagerMode();
  }

  private static Onnx.NodeProto.Builder definition(String type, String... inputs) {
    return Onnx.NodeProto.newBuilder()
        .setName(type)
        .setOpType(type)
        .addAllInput(Arrays.asList(inputs))
        .addOutput("Y");
  }

  private static Onnx.AttributeProto integer(String name) {
    return attribute(name, Onnx.AttributeProto.AttributeType.INT);
  }

  private static Onnx.AttributeProto integers(String name) {
    return attribute(name, Onnx.AttributeProto.AttributeType.INTS);
  }

  private static Onnx.AttributeProto attribute(
      String name, Onnx.AttributeProto.AttributeType type) {
    return Onnx.AttributeProto.newBuilder().setName(name).setType(type).build();
  }

  /** Maps the ops to nothing, which leaves them to their hooks. */
  private static void register(
      OpMappingRegistry<
              Onnx.GraphProto,
              Onnx.NodeProto,
              Onnx.NodeProto,
              Onnx.TensorProto,
              Onnx.TensorProto.DataType,
              Onnx.AttributeProto,
              Onnx.AttributeProto>
          registry) {
    if (registry.hasMappingOpProcess(DEFORM_CONV)) {
      return;
    }
    MapperNamespace.MappingDefinitionSet.Builder mappings =
        MapperNamespace.MappingDefinitionSet.newBuilder();
    for (Onnx.NodeProto definition : DEFINITIONS) {
      mappings.addMappings(
          MapperNamespace.MapperDeclaration.newBuilder()
              .setFrameworkName(FRAMEWORK)
              .setOpName("noop")
              .setInputFrameworkOpName(definition.getOpType()));
    }
    registry.loadFromDefinitions(mappings.build(), new OnnxMappingProcessLoader(registry));
  }
}
