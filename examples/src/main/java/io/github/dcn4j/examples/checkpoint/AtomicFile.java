package io.github.dcn4j.examples.checkpoint;

import io.github.dcn4j.detection.data.FileNames;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import lombok.experimental.UtilityClass;

/** Writes files that are there whole or not at all, whenever the process is killed. */
@UtilityClass
public class AtomicFile {
  /** What the name of a file ends in until it is whole. */
  static final String PART = ".part";

  /** What those exceptions mean that bring no words. */
  private static final Map<Class<?>, String> REASONS =
      Map.of(
          AccessDeniedException.class, "permission denied",
          DirectoryNotEmptyException.class, "a folder of this name is in the way",
          FileAlreadyExistsException.class, "a file of this name is in the way",
          NoSuchFileException.class, "there is no such file or folder");

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
   *
   * @throws FileSystemException naming the file and the reason, such as a full disk
   */
  public static void write(Path file, Content content) throws IOException {
    Path part = file.resolveSibling(file.getFileName() + PART);
    try {
      content.writeTo(part);
      force(part, StandardOpenOption.WRITE);
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
      force(file.toAbsolutePath().getParent(), StandardOpenOption.READ); // the new name, too
    } catch (IOException e) {
      deleteAfter(e, part);
      throw withName(file, e);
    } catch (RuntimeException | Error e) {
      deleteAfter(e, part);
      throw e;
    }
  }

  /** What went wrong with a file, in words, without its name. */
  public static String reason(IOException e) {
    if (e instanceof FileSystemException) {
      String reason = ((FileSystemException) e).getReason();
      return reason != null ? reason : REASONS.getOrDefault(e.getClass(), e.toString());
    }
    return e.getCause() instanceof IOException // as of ImageIO
        ? reason((IOException) e.getCause())
        : String.valueOf(e.getMessage());
  }

  private static FileSystemException withName(Path file, IOException e) {
    FileSystemException named = new FileSystemException(FileNames.text(file), null, reason(e));
    named.initCause(e);
    return named;
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
