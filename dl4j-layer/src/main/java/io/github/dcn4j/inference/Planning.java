package io.github.dcn4j.inference;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;

/**
 * Makes a plan of a recorded call: leaves out what is known already, and lets arrays share memory.
 */
final class Planning {
  /** Written among the arguments of a reshape that reads in 'f' order. */
  private static final long COLUMN_MAJOR = -102;

  private final SameDiff sd;
  private final Recording recording;
  private final Map<INDArray, Slot> slots = new IdentityHashMap<>();
  private final Map<String, INDArray> stored = new LinkedHashMap<>();
  private final Map<String, Slot> placeholders = new LinkedHashMap<>();
  private final Map<String, Slot> named = new HashMap<>();
  private final List<Step> steps = new ArrayList<>();

  /** Memory of the plan's. */
  private final Buffers owned = new Buffers();

  private final PackedWeights weights;

  Planning(SameDiff sd, Recording recording, PackedWeights weights) {
    this.sd = sd;
    this.recording = recording;
    this.weights = weights;
  }

  /** The plan for some outputs, or null if there can be none. */
  Plan plan(List<String> outputs) {
    Map<String, INDArray> all = recording.stored();
    all.keySet().stream().filter(name -> !isConstant(name)).forEach(n -> addStored(n, all.get(n)));
    all.keySet().stream().filter(this::isConstant).forEach(n -> addStored(n, all.get(n)));
    recording.placeholders().forEach(this::addPlaceholder);
    for (Recording.Entry entry : recording.entries()) {
      if (!add(entry)) {
        return null;
      }
    }
    Map<String, Slot> results = new LinkedHashMap<>();
    for (String output : outputs) {
      Slot slot = named.get(output);
      if (slot == null) {
        return null;
      }
      if (slot.placeholder == null && !stored.containsKey(output) && !results.containsValue(slot)) {
        slot.array = own(slot.array); // the recorded one is the caller's
      }
      slot.root().output = true;
      results.put(output, slot);
    }
    List<Step> needed = Fusion.of(needed());
    weights.replace(needed);
    owned.addAll(new Memory(needed).assign());
    needed.forEach(Step::prepare);
    return new Plan(sd, needed, results, new LinkedHashMap<>(stored), owned);
  }

  private INDArray own(INDArray array) {
    if (array.isEmpty()) {
      return array;
    }
    INDArray copy = array.dup(array.ordering());
    owned.add(copy);
    return copy;
  }

  private void addStored(String name, INDArray array) {
    stored.put(name, array);
    named.put(name, slots.computeIfAbsent(array, a -> new Slot(a, null, isConstant(name), null)));
  }

  private boolean isConstant(String name) {
    return sd.getVariable(name).getVariableType() == VariableType.CONSTANT;
  }

  private void addPlaceholder(String name, INDArray array) {
    Slot slot = new Slot(array, name, false, null);
    slots.put(array, slot);
    named.put(name, slot);
    placeholders.put(name, slot);
  }

  private boolean add(Recording.Entry entry) {
    DifferentialFunction op = entry.getOp();
    List<Slot> inputs = entry.getInputs().stream().map(slots::get).collect(Collectors.toList());
    if (inputs.contains(null)) {
      return false;
    }
    boolean othersKnown = inputs.stream().skip(1).allMatch(slot -> slot.constant);
    if (OpKinds.hasParameters(op)) {
      return false;
    }
    boolean known = OpKinds.isOfShapes(op) || inputs.stream().allMatch(slot -> slot.constant);
    boolean reshaping = othersKnown && isView(op, inputs, entry.getOutputs().get(0));
    List<Slot> outputs = new ArrayList<>();
    boolean made = false;
    String[] names = op.outputVariablesNames();
    for (int i = 0; i < names.length; i++) {
      INDArray array = entry.getOutputs().get(i);
      Slot slot = slots.get(array);
      if (slot == null) {
        made = true;
        slot = new Slot(array, null, known, reshaping ? inputs.get(0) : null);
        slots.put(array, slot);
      }
      named.put(names[i], slot);
      outputs.add(slot);
    }
    if (made && !known && !reshaping) {
      steps.add(new Step(op, inputs, outputs, OpKinds.isSettled(op, inputs.size(), othersKnown)));
    }
    return true;
  }

  /** Whether an op's output may be another view of the memory of its first input. */
  private static boolean isView(DifferentialFunction op, List<Slot> inputs, INDArray output) {
    if (!OpKinds.isReshaping(op) || inputs.isEmpty()) {
      return false;
    }
    Slot from = inputs.get(0);
    for (long argument : ((DynamicCustomOp) op).iArgs()) {
      if (argument == COLUMN_MAJOR) {
        return false;
      }
    }
    return from.root().placeholder == null
        && !from.constant
        && Memory.isPacked(from.array)
        && Memory.isPacked(output)
        && from.array.length() == output.length()
        && from.array.dataType() == output.dataType();
  }

  /** The steps that the outputs need. */
  private List<Step> needed() {
    List<Step> needed = new ArrayList<>();
    Map<Slot, Boolean> wanted = new IdentityHashMap<>();
    for (int i = steps.size() - 1; i >= 0; i--) {
      Step step = steps.get(i);
      boolean wants =
          step.outputs().stream()
              .anyMatch(slot -> slot.root().output || wanted.containsKey(slot.root()));
      if (wants) {
        needed.add(0, step);
        step.inputs().forEach(slot -> wanted.put(slot.root(), true));
      }
    }
    return needed;
  }
}
