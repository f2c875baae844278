package io.github.dcn4j.inference;

import org.nd4j.linalg.api.ndarray.INDArray;

/** An array of a plan: given with each call, known before, or made by a step. */
final class Slot {
  /** While the call was recorded; later the plan's own. */
  INDArray array;

  /** The input's name, or null. */
  final String placeholder;

  /** Whether its values never change. */
  final boolean constant;

  /** The same numbers in another shape; null for itself. */
  final Slot source;

  /** Whether somebody outside the plan wants it. */
  boolean output;

  /** The step that reads it last; -1 if none does. */
  int lastRead = -1;

  Slot(INDArray array, String placeholder, boolean constant, Slot source) {
    this.array = array;
    this.placeholder = placeholder;
    this.constant = constant;
    this.source = source == null ? null : source.root();
  }

  Slot root() {
    return source == null ? this : source;
  }
}
