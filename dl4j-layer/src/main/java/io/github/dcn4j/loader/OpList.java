package io.github.dcn4j.loader;

import java.lang.reflect.Field;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import lombok.extern.slf4j.Slf4j;
import org.nd4j.linalg.api.ops.CustomOpDescriptor;
import org.nd4j.linalg.api.ops.executioner.OpExecutioner;
import org.nd4j.linalg.factory.Nd4j;

/**
 * ND4J's list of native ops.
 *
 * <p>ND4J asks its native library for the list once, and does not see ops that came later. They do
 * come later where ND4J started without this library in sight: as a part that several web
 * applications share, or in a jar whose merging lost the entry under {@code META-INF/services}.
 */
@Slf4j
final class OpList {
  private OpList() {}

  /** Loads the library with {@code load} and lists its ops, unless the list has them already. */
  static void addLate(List<ListedOp> ops, Runnable load) {
    OpExecutioner executioner = Nd4j.getExecutioner();
    // One lock for all class loaders that share this ND4J, and the one that guards the list.
    synchronized (executioner) {
      Map<String, CustomOpDescriptor> listed = executioner.getCustomOperations();
      if (ops.stream().allMatch(op -> listed.containsKey(op.getName()))) {
        log.debug("The native ops are there: another class loader has loaded them");
        return;
      }
      Field list = list(executioner.getClass());
      load.run();
      Map<String, CustomOpDescriptor> all = new HashMap<>(listed);
      ops.forEach(op -> all.putIfAbsent(op.getName(), op.getDescriptor()));
      try {
        list.set(executioner, Collections.unmodifiableMap(all));
      } catch (IllegalAccessException e) {
        throw tooLate(e);
      }
    }
  }

  private static Field list(Class<?> executioner) {
    try {
      Field list = executioner.getDeclaredField("customOps");
      list.setAccessible(true);
      return list;
    } catch (ReflectiveOperationException | RuntimeException e) {
      throw tooLate(e);
    }
  }

  private static IllegalStateException tooLate(Exception e) {
    return new IllegalStateException(
        "DCN4J: ND4J started without this library in sight, and its list of ops can't be changed ("
            + e
            + "). Expected META-INF/services/org.nd4j.linalg.env.EnvironmentalAction of the jar"
            + " dl4j-layer on the class path that ND4J starts with; where jars are merged, merge"
            + " such files.",
        e);
  }
}
