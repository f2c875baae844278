package io.github.dcn4j.ops;

import net.jqwik.api.lifecycle.AroundPropertyHook;
import net.jqwik.api.lifecycle.PropertyExecutionResult;
import net.jqwik.api.lifecycle.PropertyExecutor;
import net.jqwik.api.lifecycle.PropertyLifecycleContext;

/**
 * Draws the same in every run. -Ddcn4j.seed=NUMBER draws other cases, -Djqwik.tries.default=NUMBER
 * draws more.
 */
final class FixedSeed implements AroundPropertyHook {
  @Override
  public PropertyExecutionResult aroundProperty(
      PropertyLifecycleContext context, PropertyExecutor property) {
    context.attributes().setSeed(System.getProperty("dcn4j.seed", "1"));
    return property.execute();
  }

  /** Before jqwik's own hooks. */
  @Override
  public int aroundPropertyProximity() {
    return -100;
  }
}
