package io.github.dcn4j.examples.checkpoint;

import io.github.dcn4j.detection.data.FileNames;
import io.github.dcn4j.examples.UserInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import lombok.extern.slf4j.Slf4j;
import org.deeplearning4j.nn.api.Model;

/**
 * The last two checkpoints of one training, in a folder of their own.
 *
 * <p>A checkpoint that is not whole is passed over for the one before it. A kill does not leave
 * such a one ({@link AtomicFile}); a failing disk may.
 */
@Slf4j
public final class CheckpointFolder {
  private static final String SUFFIX = ".checkpoint";

  private final Path folder;
  private final Map<String, String> options;

  /** The one that was written or resumed last, and the one before it. */
  private Path last;

  private Path beforeLast;

  /**
   * The checkpoints in a folder, which need not exist yet.
   *
   * @param options what decides the result of the training, by name
   */
  public CheckpointFolder(Path folder, Map<String, String> options) {
    this.folder = folder;
    this.options = options;
  }

  /**
   * Reads the newest whole checkpoint, of whatever options.
   *
   * @param type of the state of the training
   * @return nothing if there are no checkpoints at all
   * @throws UserInputException if there are some, and none is whole; or if another version of this
   *     program wrote the newest whole one
   */
  public <S> Optional<Checkpoint<S>> newest(Class<S> type) {
    List<Path> files = files(SUFFIX);
    Collections.reverse(files);
    for (Path file : files) {
      try {
        return Optional.of(Checkpoint.read(file, type));
      } catch (IOException e) {
        log.warn(
            "{} is not whole, the one before it is tried: {}", FileNames.text(file), e.toString());
      }
    }
    if (!files.isEmpty()) {
      throw new UserInputException(
          FileNames.text(folder)
              + ": no checkpoint in it is whole; delete it to train from the start");
    }
    return Optional.empty();
  }

  /**
   * Reads the newest whole checkpoint for a training that goes on from it.
   *
   * @param type of the state of the training
   * @return nothing if there are no checkpoints at all
   * @throws UserInputException as {@link #newest(Class)}; or if the options differ
   */
  public <S> Optional<Checkpoint<S>> resume(Class<S> type) {
    Optional<Checkpoint<S>> newest = newest(type);
    newest.ifPresent(
        checkpoint -> {
          checkpoint.requireOptions(options);
          last = checkpoint.getFile();
        });
    return newest;
  }

  /**
   * Writes a checkpoint, and deletes all but it and the one before it.
   *
   * <p>If that fails, as where the disk is full, the training can go on: the ones before it stay.
   *
   * @param step minibatches learnt so far; orders the checkpoints
   * @param state of the training beside the network, anything that {@link Json} writes and reads
   */
  public void save(long step, Object state, Model network) {
    Path file = folder.resolve(String.format(Locale.ROOT, "%010d%s", step, SUFFIX));
    try {
      Files.createDirectories(folder);
      Checkpoint.write(file, options, state, network);
      if (!file.equals(last)) {
        beforeLast = last;
        last = file;
      }
      deleteAllBut(Arrays.asList(last, beforeLast));
    } catch (IOException e) {
      log.warn(
          "cannot write the checkpoint {}, the training goes on: {}",
          FileNames.text(file),
          AtomicFile.reason(e));
    }
  }

  /** Whether there are no checkpoints at all, so that the training begins from the start. */
  public boolean isEmpty() {
    return files(SUFFIX).isEmpty();
  }

  /** Deletes all checkpoints, for a training from the start. */
  public void clear() throws IOException {
    deleteAllBut(List.of());
  }

  private void deleteAllBut(List<Path> kept) throws IOException {
    List<Path> files = new ArrayList<>(files(AtomicFile.PART)); // what a kill left
    files.addAll(files(SUFFIX));
    files.removeAll(kept);
    for (Path file : files) {
      Files.delete(file);
    }
  }

  /** From the oldest to the newest. */
  private List<Path> files(String suffix) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> all = Files.list(folder)) {
      return all.filter(file -> file.getFileName().toString().endsWith(suffix))
          .sorted()
          .collect(Collectors.toList());
    } catch (IOException e) {
      throw new UserInputException(
          FileNames.text(folder) + ": cannot be listed: " + e.getMessage(), e);
    }
  }
}
