package io.github.dcn4j.inference;

import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.nd4j.linalg.api.buffer.DataBuffer;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The memory of arrays, told apart by identity. */
final class Buffers {
  private final Set<DataBuffer> all = Collections.newSetFromMap(new IdentityHashMap<>());

  /** What an array lies in, which others may share; null if it has no numbers. */
  private static DataBuffer under(INDArray array) {
    DataBuffer buffer = array.isEmpty() ? null : array.data();
    return buffer == null || buffer.originalDataBuffer() == null
        ? buffer
        : buffer.originalDataBuffer();
  }

  void add(INDArray array) {
    all.add(under(array));
  }

  void add(DataBuffer buffer) {
    all.add(buffer);
  }

  void addAll(Buffers others) {
    all.addAll(others.all);
  }

  void removeAll(Buffers others) {
    all.removeAll(others.all);
  }

  void retainAll(Buffers others) {
    all.retainAll(others.all);
  }

  /** Of arrays; nothing of those that are null. */
  static Buffers of(Collection<INDArray> arrays) {
    Buffers buffers = new Buffers();
    arrays.stream().filter(Objects::nonNull).forEach(buffers::add);
    return buffers;
  }

  long bytes() {
    return all.stream()
        .filter(Objects::nonNull)
        .collect(Collectors.summingLong(b -> b.length() * b.getElementSize()));
  }

  /** Gives the memory back at once: nobody may use it any more. */
  void close() {
    all.stream().filter(b -> b != null && b.closeable()).forEach(DataBuffer::close);
    all.clear();
  }
}
