package io.github.dcn4j.examples.data;

import java.awt.image.BufferedImage;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.zip.GZIPInputStream;

/**
 * The bundled part of MNIST: real handwritten digits, 28×28 grey values each.
 *
 * <p>The two parts come from MNIST's two official files and share neither images nor writers.
 */
public final class HandwrittenDigits {
  /** Rows and columns of one digit. */
  public static final int SIDE = 28;

  private static final int IMAGES_MAGIC = 2051;
  private static final int LABELS_MAGIC = 2049;

  private final byte[] pixels;
  private final byte[] labels;

  private HandwrittenDigits(byte[] pixels, byte[] labels) {
    this.pixels = pixels;
    this.labels = labels;
  }

  /** The first 10,000 digits of the official training file. */
  public static HandwrittenDigits training() {
    return read("train");
  }

  /** The first 2,000 digits of the official test file. */
  public static HandwrittenDigits heldOut() {
    return read("t10k");
  }

  /** Number of digits. */
  public int size() {
    return labels.length;
  }

  /** Which digit it is, 0 to 9. */
  public int label(int index) {
    return labels[index];
  }

  /** A digit as a picture of 28×28 pixels, {@link BufferedImage#TYPE_INT_RGB}, white on black. */
  public BufferedImage picture(int index) {
    BufferedImage picture = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
    for (int row = 0; row < SIDE; row++) {
      for (int column = 0; column < SIDE; column++) {
        picture.setRGB(column, row, ink(index, row, column) * 0x010101);
      }
    }
    return picture;
  }

  /** Amount of ink, 0 to 255, at a row and column; 0 outside the 28×28 pixels. */
  int ink(int index, int row, int column) {
    if (row < 0 || row >= SIDE || column < 0 || column >= SIDE) {
      return 0;
    }
    return pixels[(index * SIDE + row) * SIDE + column] & 0xFF;
  }

  private static HandwrittenDigits read(String part) {
    byte[] labels;
    try (DataInputStream in = open("digits/" + part + "-labels.idx1.gz", LABELS_MAGIC)) {
      labels = in.readNBytes(in.readInt());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    try (DataInputStream in = open("digits/" + part + "-images.idx3.gz", IMAGES_MAGIC)) {
      int count = in.readInt();
      if (count != labels.length || in.readInt() != SIDE || in.readInt() != SIDE) {
        throw new IOException("bundled " + part + " digits and labels do not belong together");
      }
      return new HandwrittenDigits(in.readNBytes(count * SIDE * SIDE), labels);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static DataInputStream open(String resource, int magic) throws IOException {
    InputStream raw = HandwrittenDigits.class.getResourceAsStream(resource);
    if (raw == null) {
      throw new IOException("the jar lacks its resource " + resource);
    }
    DataInputStream in = new DataInputStream(new BufferedInputStream(new GZIPInputStream(raw)));
    if (in.readInt() != magic) {
      in.close();
      throw new IOException(resource + " is not an IDX file of the expected kind");
    }
    return in;
  }
}
