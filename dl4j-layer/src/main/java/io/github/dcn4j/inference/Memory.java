package io.github.dcn4j.inference;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import lombok.RequiredArgsConstructor;
import org.nd4j.linalg.api.buffer.DataBuffer;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Gives the arrays of a plan memory that others no longer need. */
@RequiredArgsConstructor
final class Memory {
  /** Smaller arrays keep the memory that they were recorded with. */
  private static final long FEWEST_SHARED = 256;

  /** An array takes no memory of more than so many times its size. */
  private static final long MOST_WASTE = 4;

  private final List<Step> steps;
  private final List<DataBuffer> free = new ArrayList<>();
  private final Map<Slot, DataBuffer> taken = new IdentityHashMap<>();
  private final Buffers all = new Buffers();

  /** Numbers in 'c' order without gaps. */
  static boolean isPacked(INDArray array) {
    return array.ordering() == 'c' && !array.isView() && !array.isEmpty() && array.rank() > 0;
  }

  /** Assigns it, and says all that it is. */
  Buffers assign() {
    for (int i = 0; i < steps.size(); i++) {
      for (Slot slot : steps.get(i).inputs()) {
        slot.root().lastRead = i;
      }
    }
    for (int i = 0; i < steps.size(); i++) {
      Step step = steps.get(i);
      step.outputs().forEach(this::take);
      for (Slot slot : step.inputs()) {
        give(slot.root(), i);
        if (slot.source != null) {
          slot.array = slot.source.array.reshape('c', slot.array.shape());
        }
      }
      for (Slot slot : step.outputs()) {
        give(slot.root(), i);
      }
    }
    return all;
  }

  private void take(Slot slot) {
    if (slot.source != null || slot.output || !isShared(slot.array)) {
      return;
    }
    INDArray array = slot.array;
    DataBuffer buffer =
        free.stream()
            .filter(b -> b.dataType() == array.dataType())
            .filter(b -> b.length() >= array.length())
            .filter(b -> b.length() <= MOST_WASTE * array.length())
            .min(Comparator.comparingLong(DataBuffer::length))
            .orElse(null);
    if (buffer == null) {
      buffer = Nd4j.createUninitializedDetached(array.dataType(), array.length()).data();
      all.add(buffer);
    } else {
      DataBuffer found = buffer;
      free.removeIf(b -> b == found);
    }
    taken.put(slot, buffer);
    slot.array = Nd4j.create(buffer, array.shape(), array.stride(), 0, 'c');
  }

  private static boolean isShared(INDArray array) {
    return isPacked(array) && array.length() >= FEWEST_SHARED;
  }

  private void give(Slot slot, int step) {
    if (slot.lastRead <= step && taken.containsKey(slot)) {
      free.add(taken.remove(slot));
    }
  }
}
