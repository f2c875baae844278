package io.github.dcn4j.onnx;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.internal.SameDiffOp;
import org.nd4j.ir.OpNamespace;
import org.nd4j.samediff.frameworkimport.ImportGraph;
import org.nd4j.samediff.frameworkimport.hooks.PreImportHook;
import org.nd4j.samediff.frameworkimport.hooks.annotations.HookResult;
import org.nd4j.samediff.frameworkimport.registry.OpMappingRegistry;
import org.nd4j.shade.protobuf.GeneratedMessageV3;
import org.nd4j.shade.protobuf.ProtocolMessageEnum;

/**
 * What ND4J's importer asks of a hook, narrowed to the one question that differs.
 *
 * <p>The importer does not see this class, as it is not public: hooks name {@link PreImportHook}
 * themselves, or they are not found.
 */
abstract class ImportHook implements PreImportHook {
  /**
   * Adds what computes a node.
   *
   * @param output the name of the node's output, which the result must have
   * @param inputs the names of its inputs; empty for one that is left out
   * @param attributes a Number or a list of them each
   */
  abstract SDVariable build(
      SameDiff sd, String output, List<String> inputs, Map<String, ? extends Object> attributes);

  @Override
  public final Map<String, List<SDVariable>> doImport(
      SameDiff sd,
      Map<String, ? extends Object> attributes,
      List<String> outputNames,
      SameDiffOp op,
      OpMappingRegistry<
              GeneratedMessageV3,
              GeneratedMessageV3,
              GeneratedMessageV3,
              GeneratedMessageV3,
              ProtocolMessageEnum,
              GeneratedMessageV3,
              GeneratedMessageV3>
          registry,
      ImportGraph<
              GeneratedMessageV3,
              GeneratedMessageV3,
              GeneratedMessageV3,
              GeneratedMessageV3,
              GeneratedMessageV3,
              GeneratedMessageV3,
              ProtocolMessageEnum>
          importGraph,
      Map<String, ? extends GeneratedMessageV3> dynamicVariables) {
    SDVariable result = build(sd, outputNames.get(0), op.getInputsToOp(), attributes);
    return Collections.singletonMap(result.name(), Collections.singletonList(result));
  }

  @Override
  public final HookResult preProcess(
      SameDiffOp op,
      SameDiff sd,
      Map<String, ? extends Object> attributes,
      OpNamespace.OpDescriptor descriptor,
      List<String> outputNames,
      boolean isFinalOutput,
      OpMappingRegistry<
              GeneratedMessageV3,
              GeneratedMessageV3,
              GeneratedMessageV3,
              GeneratedMessageV3,
              ProtocolMessageEnum,
              GeneratedMessageV3,
              GeneratedMessageV3>
          registry,
      ImportGraph<
              GeneratedMessageV3,
              GeneratedMessageV3,
              GeneratedMessageV3,
              GeneratedMessageV3,
              GeneratedMessageV3,
              GeneratedMessageV3,
              ProtocolMessageEnum>
          importGraph,
      Map<String, ? extends GeneratedMessageV3> dynamicVariables) {
    return DefaultImpls.preProcess(
        this,
        op,
        sd,
        attributes,
        descriptor,
        outputNames,
        isFinalOutput,
        registry,
        importGraph,
        dynamicVariables);
  }

  @Override
  public final Map<String, List<SDVariable>> handleOutputs(
      List<String> outputNames,
      SameDiff sd,
      SameDiffOp op,
      Map<String, ? extends Object> attributes,
      OpMappingRegistry<
              GeneratedMessageV3,
              GeneratedMessageV3,
              GeneratedMessageV3,
              GeneratedMessageV3,
              ProtocolMessageEnum,
              GeneratedMessageV3,
              GeneratedMessageV3>
          registry,
      ImportGraph<
              GeneratedMessageV3,
              GeneratedMessageV3,
              GeneratedMessageV3,
              GeneratedMessageV3,
              GeneratedMessageV3,
              GeneratedMessageV3,
              ProtocolMessageEnum>
          importGraph,
      Map<String, ? extends GeneratedMessageV3> dynamicVariables) {
    return DefaultImpls.handleOutputs(
        this, outputNames, sd, op, attributes, registry, importGraph, dynamicVariables);
  }
}
