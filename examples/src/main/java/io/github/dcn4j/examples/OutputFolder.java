package io.github.dcn4j.examples;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import lombok.extern.slf4j.Slf4j;

/** The folder that a training writes to; one training at a time. */
@Slf4j
final class OutputFolder implements Closeable {
  private static final String CHECKPOINTS = "checkpoints";

  private final Path folder;

  /** The system takes the lock back whenever the channel or the process ends. */
  private final FileChannel lock;

  private OutputFolder(Path folder, FileChannel lock) {
    this.folder = folder;
    this.lock = lock;
  }

  /**
   * Makes the folder if it is missing.
   *
   * @throws UserInputException if nothing can be written to it, or another training writes to it
   */
  static OutputFolder open(Path folder) {
    Path checkpoints = folder.resolve(CHECKPOINTS);
    try {
      Files.createDirectories(checkpoints);
    } catch (IOException e) {
      throw new UserInputException("--output: cannot make the folder " + checkpoints, e);
    }
    try {
      return new OutputFolder(folder, lock(folder, checkpoints.resolve("lock")));
    } catch (IOException e) {
      throw new UserInputException("--output: cannot write to the folder " + checkpoints, e);
    }
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
      log.warn("{} cannot be locked against a second training: {}", file, e.toString());
      return channel;
    }
    channel.close();
    throw new UserInputException("--output: another training is writing to " + folder);
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
    lock.close();
  }

  @Override
  public String toString() {
    return folder.toString();
  }
}
