package io.github.dcn4j.examples.checkpoint;

import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.UTFDataFormatException;
import java.util.Map;
import lombok.experimental.UtilityClass;

/**
 * Looks at what {@code Nd4j.write} wrote before {@code Nd4j.read} believes it: that one allocates
 * whatever size the bytes claim, and takes shapes that reach beyond their numbers.
 */
@UtilityClass
class FlatArray {
  private static final int MAX_RANK = 2;

  /** Types of numbers, and how many bytes one takes. */
  private static final Map<String, Integer> WIDTHS =
      Map.of("FLOAT", Float.BYTES, "DOUBLE", Double.BYTES);

  /**
   * Makes sure that bytes are a row of numbers that lie one after another.
   *
   * @param name what to call them in messages
   */
  static void check(String name, byte[] bytes) throws IOException {
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
      Header shape = Header.read(in);
      long rank = in.readLong();
      // rank, sizes, strides, flags, step from number to number, order
      require(
          name,
          shape.type.equals("LONG")
              && rank >= 1
              && rank <= MAX_RANK
              && shape.length == 2 * rank + 4);
      long length = readRow(name, in, (int) rank, bytes.length);
      in.readLong();
      long step = in.readLong();
      in.readLong();
      Header numbers = Header.read(in);
      require(
          name,
          WIDTHS.containsKey(numbers.type)
              && step == 1
              && numbers.length == length
              && in.available() == length * WIDTHS.get(numbers.type));
    } catch (EOFException | UTFDataFormatException e) {
      throw new IOException("the entry '" + name + "' holds no array", e);
    }
  }

  /**
   * Reads sizes and strides, of which ND4J works out how much memory to take and what lies where.
   *
   * @param max no size or stride is larger
   * @return how many numbers there are
   */
  private static long readRow(String name, DataInputStream in, int rank, int max)
      throws IOException {
    long[] sizes = new long[rank];
    long length = 1;
    for (int i = 0; i < rank; i++) {
      sizes[i] = in.readLong();
      require(name, sizes[i] >= 1 && sizes[i] <= max && (length == 1 || sizes[i] == 1));
      length *= sizes[i];
    }
    for (long size : sizes) {
      long stride = in.readLong(); // that of a single number may be anything, but ND4J reads it
      require(name, size == 1 ? stride >= 0 && stride <= max : stride == 1);
    }
    return length;
  }

  private static void require(String name, boolean fine) throws IOException {
    if (!fine) {
      throw new IOException("the entry '" + name + "' holds no row of numbers");
    }
  }

  /** What stands before a buffer. */
  private static final class Header {
    private final long length;
    private final String type;

    private Header(long length, String type) {
      this.length = length;
      this.type = type;
    }

    static Header read(DataInputStream in) throws IOException {
      in.readUTF(); // how it was allocated
      long length = in.readLong();
      return new Header(length, in.readUTF());
    }
  }
}
