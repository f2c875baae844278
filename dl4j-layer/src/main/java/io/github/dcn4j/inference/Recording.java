package io.github.dcn4j.inference;

import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import lombok.RequiredArgsConstructor;
import lombok.Value;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.autodiff.samediff.config.ExecutionResult;
import org.nd4j.autodiff.samediff.internal.memory.NoOpMemoryMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.shape.LongShapeDescriptor;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The ops of one call of a graph, in their order, each with its arrays. It is the manager of the
 * session's memory meanwhile: arrays that are never used twice are known by their identity.
 */
@RequiredArgsConstructor
final class Recording extends NoOpMemoryMgr {
  /** A call that takes more memory than these bytes is not recorded further. */
  private static final long MOST_BYTES = 1L << 31;

  /** One op of the call. */
  @Value
  static class Entry {
    DifferentialFunction op;
    List<INDArray> inputs;
    List<INDArray> outputs;
  }

  private final SameDiff sd;
  private final Map<String, INDArray> placeholders;
  private final List<Entry> entries = new ArrayList<>();
  private final List<INDArray> allocated = new ArrayList<>();
  private boolean complete = true;
  private long bytes;

  /** Of a call to come; null if one array stands for two, which could not be told apart. */
  static Recording of(SameDiff sd, Map<String, INDArray> placeholders) {
    Recording recording = new Recording(sd, placeholders);
    Set<INDArray> given = Collections.newSetFromMap(new IdentityHashMap<>());
    given.addAll(placeholders.values());
    boolean distinct =
        given.size() == placeholders.size()
            && recording.stored().values().stream().noneMatch(given::contains);
    return distinct ? recording : null;
  }

  void add(DifferentialFunction op, List<INDArray> inputs, ExecutionResult result) {
    if (!complete) {
      return;
    }
    if (inputs == null || !result.hasSingle() || !OpKinds.canBePlanned(op)) {
      stop();
      return;
    }
    List<INDArray> outputs = new ArrayList<>();
    for (String name : op.outputVariablesNames()) {
      outputs.add(result.getOutputs().get(name).orElse(null));
    }
    if (outputs.contains(null)) {
      stop();
      return;
    }
    entries.add(new Entry(op, inputs, outputs));
  }

  private void stop() {
    complete = false;
    entries.clear();
  }

  /** Whether a plan can be made of it. */
  boolean isComplete() {
    return complete;
  }

  List<Entry> entries() {
    return entries;
  }

  /** The memory that the call took. */
  Buffers allocated() {
    return Buffers.of(allocated);
  }

  Map<String, INDArray> placeholders() {
    return placeholders;
  }

  /** Constants and variables by name. */
  Map<String, INDArray> stored() {
    Map<String, INDArray> stored = new LinkedHashMap<>();
    for (SDVariable variable : sd.variables()) {
      VariableType type = variable.getVariableType();
      if (type == VariableType.CONSTANT || type == VariableType.VARIABLE) {
        stored.put(variable.name(), variable.getArr());
      }
    }
    return stored;
  }

  @Override
  public INDArray allocate(boolean detached, DataType type, long... shape) {
    return counted(super.allocate(detached, type, shape));
  }

  @Override
  public INDArray allocate(boolean detached, LongShapeDescriptor shape) {
    // In the order that SameDiff's own manager has, whatever the op would like.
    return shape.isEmpty()
        ? counted(super.allocate(detached, shape))
        : counted(Nd4j.createUninitializedDetached(shape.dataType(), 'c', shape.getShape()));
  }

  private INDArray counted(INDArray array) {
    allocated.add(array);
    bytes += array.length() * Math.max(1, array.dataType().width());
    if (bytes > MOST_BYTES) {
      stop();
    }
    return array;
  }
}
