package io.github.dcn4j.inference;

import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import lombok.RequiredArgsConstructor;
import lombok.extern.slf4j.Slf4j;
import org.nd4j.autodiff.listeners.Listener;
import org.nd4j.autodiff.listeners.debugging.ControlflowListener;
import org.nd4j.autodiff.samediff.ArrayHolder;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.config.ExecutionResult;
import org.nd4j.autodiff.samediff.internal.SameDiffOp;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The ops of a graph in their order, for inputs of certain shapes. */
@Slf4j
final class Plan {
  private final SameDiff sd;
  private final Step[] steps;
  private final Threads threads = new Threads();
  private final Map<String, Slot> results;

  /** Constants and variables, as the plan has them. */
  private final Map<String, INDArray> stored;

  /** Where inputs go. */
  private final List<Binding> bindings = new ArrayList<>();

  /** Where outputs are made that no step reads. */
  private final Map<Slot, Binding> makers = new IdentityHashMap<>();

  /** The graph's ops, and what each reads and makes. */
  private final SameDiffOp[] ops;

  private final List<List<String>> wiring = new ArrayList<>();
  private final Buffers owned;

  @RequiredArgsConstructor
  private static final class Binding {
    private final Step step;
    private final int index;
    private final Slot slot;
  }

  Plan(
      SameDiff sd,
      List<Step> steps,
      Map<String, Slot> results,
      Map<String, INDArray> stored,
      Buffers owned) {
    this.sd = sd;
    this.steps = steps.toArray(new Step[0]);
    this.results = results;
    this.stored = stored;
    this.owned = owned;
    ops = sd.getOps().values().toArray(new SameDiffOp[0]);
    for (SameDiffOp op : ops) {
      wiring.add(copy(op.getInputsToOp()));
      wiring.add(copy(op.getOutputsOfOp()));
    }
    for (Step step : steps) {
      for (int i = 0; i < step.inputs().size(); i++) {
        if (step.inputs().get(i).placeholder != null) {
          bindings.add(new Binding(step, i, step.inputs().get(i)));
        }
      }
      for (int i = 0; i < step.outputs().size(); i++) {
        Slot slot = step.outputs().get(i);
        if (slot.output && slot.lastRead < 0) {
          makers.put(slot, new Binding(step, i, slot));
        }
      }
    }
  }

  /** Whether listeners have nothing to do at ops that can be planned. */
  static boolean ignores(List<Listener> listeners) {
    return listeners == null
        || listeners.stream().allMatch(listener -> listener instanceof ControlflowListener);
  }

  private static List<String> copy(List<String> names) {
    return names == null ? null : new ArrayList<>(names);
  }

  /** The memory that it holds. */
  long bytes() {
    return owned.bytes();
  }

  /** Makes what it uses of a call's memory its own; the rest is left there. */
  void takeOver(Buffers allocated) {
    Buffers used = new Buffers();
    for (Step step : steps) {
      step.inputs().forEach(slot -> used.add(slot.array));
      step.outputs().forEach(slot -> used.add(slot.array));
    }
    results.values().forEach(slot -> used.add(slot.root().array));
    used.retainAll(allocated);
    owned.addAll(used);
    allocated.removeAll(used);
  }

  /** Gives its memory back; it runs no more. */
  void close() {
    owned.close();
  }

  /** Whether the graph is still the one that was planned. */
  boolean isOf(SameDiff graph) {
    if (graph != sd || ops.length != sd.getOps().size()) {
      return false;
    }
    int i = 0;
    for (SameDiffOp op : sd.getOps().values()) {
      if (op != ops[i]
          || !Objects.equals(op.getInputsToOp(), wiring.get(2 * i))
          || !Objects.equals(op.getOutputsOfOp(), wiring.get(2 * i + 1))) {
        return false;
      }
      i++;
    }
    ArrayHolder constants = sd.getConstantArrays();
    ArrayHolder variables = sd.getVariablesArrays();
    for (Map.Entry<String, INDArray> array : stored.entrySet()) {
      String name = array.getKey();
      if (constants.getArray(name) != array.getValue()
          && (constants.hasArray(name) || variables.getArray(name) != array.getValue())) {
        return false;
      }
    }
    return true;
  }

  /** The outputs, in new arrays; null if something turned out not to be as it was planned. */
  ExecutionResult run(Map<String, INDArray> placeholders) {
    Map<Slot, INDArray> made = new IdentityHashMap<>();
    try {
      for (Binding binding : bindings) {
        binding.step.setInput(binding.index, placeholders.get(binding.slot.placeholder));
      }
      for (Binding maker : makers.values()) {
        INDArray like = maker.slot.array;
        INDArray array =
            like.isEmpty()
                ? like
                : Nd4j.createUninitializedDetached(like.dataType(), like.ordering(), like.shape());
        maker.step.setOutput(maker.index, array);
        made.put(maker.slot, array);
      }
      for (Step step : steps) {
        threads.set(step.threads());
        if (!step.run()) {
          return null;
        }
      }
    } catch (RuntimeException e) { // SameDiff says better what is wrong
      log.debug("An op of a plan failed", e);
      return null;
    } finally {
      threads.set(Threads.Kind.TOGETHER);
    }
    List<String> names = new ArrayList<>(results.size());
    List<INDArray> arrays = new ArrayList<>(results.size());
    Set<Slot> given = Collections.newSetFromMap(new IdentityHashMap<>());
    results.forEach(
        (name, slot) -> {
          names.add(name);
          arrays.add(
              slot.placeholder == null
                  ? result(slot, given.add(slot.root()) ? made.get(slot.root()) : null, made)
                  : placeholders.get(slot.placeholder));
        });
    return ExecutionResult.createFrom(names, arrays);
  }

  /**
   * The slot's numbers in an array that nothing else has: a new one that is the caller's, or a
   * copy.
   */
  private static INDArray result(Slot slot, INDArray callers, Map<Slot, INDArray> made) {
    Slot root = slot.root();
    INDArray from = callers == null ? made.getOrDefault(root, root.array) : callers;
    INDArray array = slot == root ? from : from.reshape('c', slot.array.shape());
    return callers != null || array.isEmpty() ? array : array.dup();
  }
}
