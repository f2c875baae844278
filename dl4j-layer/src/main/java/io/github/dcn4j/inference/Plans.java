package io.github.dcn4j.inference;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import lombok.EqualsAndHashCode;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The plans of a session. To record a call costs more than to run it: so a plan is made at the
 * second call of its kind, and plans that others displaced come back late.
 */
final class Plans {
  /** Plans that are kept, the last used ones; fewer where they take more memory together. */
  private static final int MOST = 16;

  private static final long MOST_BYTES = 1L << 30;

  /** Kinds of calls whose number is known. */
  private static final int MOST_COUNTED = 256;

  /** Of one kind, the last of which is recorded. */
  private static final int CALLS = 2;

  /** More calls before a displaced plan is made again. */
  private static final int LATER = 32;

  private final Map<Key, Plan> plans = new LinkedHashMap<>(8, 0.75f, true);
  private final Map<Key, Integer> calls =
      new LinkedHashMap<>(8, 0.75f, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Key, Integer> eldest) {
          return size() > MOST_COUNTED;
        }
      };

  /** The plan, or null. */
  Plan get(Key key) {
    return plans.get(key);
  }

  /** Counts a call that ran by no plan; whether it is to be recorded. */
  boolean isDue(Key key) {
    return calls.merge(key, 1, Integer::sum) >= CALLS;
  }

  void put(Key key, Plan plan) {
    remove(key);
    plans.put(key, plan);
    long bytes = plans.values().stream().mapToLong(Plan::bytes).sum();
    Iterator<Map.Entry<Key, Plan>> eldest = plans.entrySet().iterator();
    while (plans.size() > MOST || bytes > MOST_BYTES && plans.size() > 1) {
      Map.Entry<Key, Plan> displaced = eldest.next();
      bytes -= displaced.getValue().bytes();
      displaced.getValue().close();
      eldest.remove();
      calls.put(displaced.getKey(), -LATER);
    }
  }

  /** Gives a plan up; calls of its kind are counted anew. */
  void remove(Key key) {
    Plan plan = plans.remove(key);
    if (plan != null) {
      plan.close();
      calls.remove(key);
    }
  }

  /** Gives all up. */
  void clear() {
    plans.values().forEach(Plan::close);
    plans.clear();
    calls.clear();
  }

  /** The memory of all plans. */
  long bytes() {
    return plans.values().stream().mapToLong(Plan::bytes).sum();
  }

  /** What a plan is for: some outputs, of inputs of certain types, shapes and orders. */
  @EqualsAndHashCode
  static final class Key {
    private final List<String> outputs;
    private final Map<String, List<Object>> inputs = new LinkedHashMap<>();

    Key(List<String> outputs, Map<String, INDArray> placeholders) {
      this.outputs = new ArrayList<>(outputs);
      placeholders.forEach((name, array) -> inputs.put(name, kind(array)));
    }

    private static List<Object> kind(INDArray array) {
      return List.of(
          array.dataType(),
          array.ordering(),
          Arrays.toString(array.shape()),
          Arrays.toString(array.stride()));
    }
  }
}
