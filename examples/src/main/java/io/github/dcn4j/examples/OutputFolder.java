package io.github.dcn4j.examples;

import io.github.dcn4j.detection.data.FileNames;
import io.github.dcn4j.examples.checkpoint.AtomicFile;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import lombok.extern.slf4j.Slf4j;

/** The folder that a training writes to; one training at a time. */
@Slf4j
final class OutputFolder implements Closeable {
  private static final String CHECKPOINTS = "checkpoints";
  private static final String LOCK = "lock";

  private final Path folder;

  /** The folders that were made for this training, the innermost first. */
  private final List<Path> made;

  /** The system takes the lock back whenever the channel or the process ends. */
  private final FileChannel lock;

  private OutputFolder(Path folder, List<Path> made, FileChannel lock) {
    this.folder = folder;
    this.made = made;
    this.lock = lock;
  }

  /**
   * Makes the folder if it is missing. If nothing comes to lie in it, {@link #close} takes it away
   * again.
   *
   * @throws UserInputException if nothing can be written to it, or another training writes to it
   */
  static OutputFolder open(Path folder) {
    Path checkpoints = folder.resolve(CHECKPOINTS);
    List<Path> made = new ArrayList<>();
    try {
      for (Path missing = checkpoints.toAbsolutePath();
          missing != null && Files.notExists(missing);
          missing = missing.getParent()) {
        made.add(missing);
      }
      Files.createDirectories(checkpoints);
    } catch (IOException e) {
      throw cannotMake(checkpoints, e);
    }
    try {
      return new OutputFolder(folder, made, lock(folder, checkpoints.resolve(LOCK)));
    } catch (IOException e) {
      throw new UserInputException(
          "--output: cannot write to the folder "
              + FileNames.text(checkpoints)
              + ": "
              + AtomicFile.reason(e),
          e);
    }
  }

  /**
   * Makes a folder that no training writes to, if it is missing.
   *
   * @throws UserInputException with the reason, if it cannot be made
   */
  static void make(Path folder) {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw cannotMake(folder, e);
    }
  }

  private static UserInputException cannotMake(Path folder, IOException e) {
    return new UserInputException(
        "--output: cannot make the folder " + FileNames.text(folder) + ": " + AtomicFile.reason(e),
        e);
  }

  private static FileChannel lock(Path folder, Path file) throws IOException {
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      FileLock lock = channel.tryLock();
      if (lock != null) {
        return channel;
      }
    } catch (OverlappingFileLockException e) {
      log.debug("locked by this process", e);
    } catch (IOException e) {
      log.warn(
          "{} cannot be locked against a second training: {}", FileNames.text(file), e.toString());
      return channel;
    }
    channel.close();
    throw new UserInputException(
        "--output: another training is writing to " + FileNames.text(folder));
  }

  /** A file of the results. */
  Path resolve(String name) {
    return folder.resolve(name);
  }

  /** The folder for the checkpoints of a network. */
  Path checkpoints(String network) {
    return folder.resolve(CHECKPOINTS).resolve(network);
  }

  /** The networks that have a folder for checkpoints, of whatever training. */
  List<String> networks() throws IOException {
    try (Stream<Path> folders = Files.list(folder.resolve(CHECKPOINTS))) {
      return folders
          .filter(Files::isDirectory)
          .map(network -> network.getFileName().toString())
          .sorted()
          .collect(Collectors.toList());
    }
  }

  @Override
  public void close() throws IOException {
    removeWhatIsEmpty();
    lock.close();
  }

  /** Of the folders that were made those that hold nothing but the lock, which is held still. */
  private void removeWhatIsEmpty() throws IOException {
    Path checkpoints = folder.resolve(CHECKPOINTS);
    if (made.isEmpty() || !isEmptyButForTheLock(checkpoints)) {
      return;
    }
    Files.deleteIfExists(checkpoints.resolve(LOCK));
    for (Path empty : made) {
      try {
        Files.delete(empty);
      } catch (DirectoryNotEmptyException e) {
        return; // and so are those around it
      }
    }
  }

  private static boolean isEmptyButForTheLock(Path checkpoints) throws IOException {
    try (Stream<Path> files = Files.list(checkpoints)) {
      return files.allMatch(file -> file.endsWith(LOCK));
    }
  }

  @Override
  public String toString() {
    return FileNames.text(folder);
  }
}
