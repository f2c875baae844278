package io.github.dcn4j.inference;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.autodiff.listeners.At;
import org.nd4j.autodiff.listeners.Listener;
import org.nd4j.autodiff.listeners.Operation;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.config.ExecutionResult;
import org.nd4j.autodiff.samediff.config.SDValue;
import org.nd4j.autodiff.samediff.internal.FrameIter;
import org.nd4j.autodiff.samediff.internal.InferenceSession;
import org.nd4j.autodiff.samediff.internal.SessionMemMgr;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.OpContext;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Runs a SameDiff graph by a plan: SameDiff works out at every call which op comes next, which
 * shapes it has and which array it may write to; here that is done once for inputs of the same
 * shapes, and what follows is the ops alone, on arrays that are kept.
 *
 * <pre>{@code
 * PlannedSession.attach(sd); // for this thread; OnnxModel.toSameDiff() does it
 * sd.output(Map.of("x", image), "y");
 * }</pre>
 *
 * <p>The results are those of SameDiff, bit for bit, in arrays of the caller's. Training, listeners
 * and graphs with control flow or random numbers run as without it, and so does a call whose sizes
 * inside the graph turn out to be others than those of the plan. Changes to the graph and new
 * arrays for its variables and constants are noticed, and so are other values in the arrays of
 * variables; the values in those of constants must not change.
 */
public final class PlannedSession extends InferenceSession {
  /** Plans that failed in a row because sizes depend on what is in the arrays. */
  private static final int MOST_FAILURES = 3;

  private final Plans plans = new Plans();
  private final PackedWeights weights = new PackedWeights();

  /** What the ops of the call that is on are; null if nobody wants to know. */
  private Recording recording;

  private CountedArrays constants;
  private int seenChanges;
  private int failures;
  private long plannedCalls;

  private PlannedSession(SameDiff sd) {
    super(sd);
  }

  /** Lets a graph run by plans where this thread calls it. Other threads call it as they did. */
  public static void attach(SameDiff sd) {
    sd.getSessions().put(Thread.currentThread().getId(), new PlannedSession(sd));
  }

  /** The calls so far that ran by a plan. */
  long plannedCalls() {
    return plannedCalls;
  }

  /** The memory that plans hold. */
  long plannedBytes() {
    return plans.bytes();
  }

  @Override
  @SuppressWarnings("try") // the scope is only to be open
  public ExecutionResult output(
      List<String> variables,
      Map<String, INDArray> placeholders,
      Map<String, SDValue> otherPlaceholders,
      MultiDataSet batch,
      Collection<String> requiredActivations,
      List<Listener> listeners,
      At at) {
    boolean plain =
        failures < MOST_FAILURES
            && placeholders != null
            && otherPlaceholders.isEmpty()
            && batch == null
            && (requiredActivations == null || requiredActivations.isEmpty())
            && Plan.ignores(listeners)
            && (at == null || at.operation() == Operation.INFERENCE)
            && areAsDeclared(placeholders);
    if (!plain) {
      return super.output(
          variables, placeholders, otherPlaceholders, batch, requiredActivations, listeners, at);
    }
    try (MemoryWorkspace none = Nd4j.getWorkspaceManager().scopeOutOfWorkspaces()) {
      return planned(
          variables, placeholders, otherPlaceholders, batch, requiredActivations, listeners, at);
    }
  }

  private ExecutionResult planned(
      List<String> variables,
      Map<String, INDArray> placeholders,
      Map<String, SDValue> otherPlaceholders,
      MultiDataSet batch,
      Collection<String> requiredActivations,
      List<Listener> listeners,
      At at) {
    forgetOldConstants();
    Plans.Key key = new Plans.Key(variables, placeholders);
    Plan plan = plans.get(key);
    boolean unlike = false;
    if (plan != null && plan.isOf(sameDiff)) {
      ExecutionResult result = plan.run(placeholders);
      if (result != null) {
        failures = 0;
        plannedCalls++;
        keep(arrays(variables, result));
        return result;
      }
      unlike = true;
    } else {
      plans.remove(key);
    }
    recording = unlike || plans.isDue(key) ? Recording.of(sameDiff, placeholders) : null;
    SessionMemMgr manager = getMmgr();
    try {
      if (recording != null) {
        setMmgr(recording);
      }
      ExecutionResult result =
          super.output(
              variables,
              placeholders,
              otherPlaceholders,
              batch,
              requiredActivations,
              listeners,
              at);
      failures += unlike ? 1 : 0; // none if SameDiff failed too
      if (recording != null) {
        Map<String, INDArray> results = arrays(variables, result);
        plan(key, variables, results.values());
        keep(results);
      }
      return result;
    } finally {
      setMmgr(manager);
      if (recording != null) {
        getArrayUseTracker().clear();
      }
      recording = null;
    }
  }

  /** Plans hold what was computed of constants. */
  private void forgetOldConstants() {
    CountedArrays present = CountedArrays.of(sameDiff);
    if (present != constants || present.changes() != seenChanges) {
      constants = present;
      seenChanges = present.changes();
      plans.clear();
      weights.clear();
    }
  }

  private void plan(Plans.Key key, List<String> variables, Collection<INDArray> results) {
    Plan plan =
        recording.isComplete() ? new Planning(sameDiff, recording, weights).plan(variables) : null;
    Buffers unused = recording.allocated();
    unused.removeAll(Buffers.of(results));
    if (plan == null) {
      failures = MOST_FAILURES;
    } else {
      plan.takeOver(unused);
      plans.put(key, plan);
    }
    unused.close();
  }

  private static Map<String, INDArray> arrays(List<String> names, ExecutionResult result) {
    Map<String, INDArray> arrays = new HashMap<>();
    for (String name : names) {
      arrays.put(
          name,
          result.hasSingle()
              ? result.getOutputs().get(name).orElseThrow()
              : result.getValueOutputs().get(name).getTensorValue());
    }
    return arrays;
  }

  /** Lets {@code getVariable(name).getArr()} find the results, as after a call without a plan. */
  private void keep(Map<String, INDArray> results) {
    nodeValueOutputs.clear();
    results.forEach(
        (name, array) -> nodeValueOutputs.put(VarId.createDefault(name), SDValue.create(array)));
  }

  private boolean areAsDeclared(Map<String, INDArray> placeholders) {
    for (Map.Entry<String, INDArray> placeholder : placeholders.entrySet()) {
      boolean known = sameDiff.hasVariable(placeholder.getKey());
      INDArray array = placeholder.getValue();
      if (!known
          || array == null
          || array.isAttached()
          || sameDiff.getVariable(placeholder.getKey()).dataType() != array.dataType()) {
        return false;
      }
    }
    return true;
  }

  @Override
  public ExecutionResult doExec(
      DifferentialFunction op,
      OpContext context,
      FrameIter frame,
      Set<VarId> inputs,
      Set<VarId> allInputs,
      Set<String> constantsAndPlaceholders,
      Map<String, SDValue> otherPlaceholders) {
    List<INDArray> arguments =
        recording == null || context == null ? null : new ArrayList<>(context.getInputArrays());
    ExecutionResult result =
        super.doExec(
            op, context, frame, inputs, allInputs, constantsAndPlaceholders, otherPlaceholders);
    if (recording != null) {
      recording.add(op, arguments, result);
    }
    return result;
  }
}
