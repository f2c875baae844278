package io.github.dcn4j.examples.checkpoint;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import lombok.experimental.UtilityClass;

/** Writes files that are there whole or not at all, whenever the process is killed. */
@UtilityClass
public class AtomicFile {
  /** What the name of a file ends in until it is whole. */
  static final String PART = ".part";

  /** Writes what is wanted to a file. */
  @FunctionalInterface
  public interface Content {
    /** Writes to a file that does not exist yet, or holds what a killed process left. */
    void writeTo(Path file) throws IOException;
  }

  /**
   * Writes a file, or replaces one: what was there stays until the new content is on the disk.
   *
   * <p>Until then the content is in a file of the same folder with {@code .part} at the end of its
   * name. A killed process leaves that; the next one that writes the file overwrites it.
   */
  public static void write(Path file, Content content) throws IOException {
    Path part = file.resolveSibling(file.getFileName() + PART);
    try {
      content.writeTo(part);
      force(part, StandardOpenOption.WRITE);
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException | RuntimeException | Error e) {
      deleteAfter(e, part);
      throw e;
    }
    force(file.toAbsolutePath().getParent(), StandardOpenOption.READ); // the new name, too
  }

  private static void force(Path file, OpenOption option) throws IOException {
    try (FileChannel channel = FileChannel.open(file, option)) {
      channel.force(true);
    }
  }

  private static void deleteAfter(Throwable failure, Path part) {
    try {
      Files.deleteIfExists(part);
    } catch (IOException e) {
      failure.addSuppressed(e);
    }
  }
}
