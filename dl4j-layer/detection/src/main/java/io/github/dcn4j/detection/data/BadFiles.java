package io.github.dcn4j.detection.data;

import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.stream.Collectors;
import lombok.extern.slf4j.Slf4j;

/**
 * What is wrong with the files of a data set, and what to do about it. Any thread may add to it.
 */
@Slf4j
public final class BadFiles {
  /** Complaints that an exception repeats; the log has all. */
  private static final int NAMED = 5;

  /** What to do about files that cannot be used. */
  public enum Policy {
    /** Refuse all: {@link #settle} throws. */
    REFUSE,
    /** Leave them out. */
    SKIP
  }

  private final Policy policy;
  private final String advice;
  private final Set<String> complaints = new ConcurrentSkipListSet<>();
  private final Set<String> notes = new ConcurrentSkipListSet<>();

  /** With what to do about bad files. */
  public BadFiles(Policy policy) {
    this(policy, "BadFiles.Policy.SKIP leaves out what cannot be used");
  }

  /**
   * With what to do about bad files.
   *
   * @param advice what a user may do, where they are refused; ends the complaint
   */
  public BadFiles(Policy policy, String advice) {
    this.policy = policy;
    this.advice = advice;
  }

  /**
   * Uses a file, and remembers what is wrong if it cannot be used.
   *
   * @param use throws a {@link InvalidDataException} that names the file if something is wrong
   * @return whether nothing was
   */
  public boolean isFine(Runnable use) {
    try {
      use.run();
      return true;
    } catch (InvalidDataException e) {
      if (complaints.add(e.getMessage())) {
        log.warn("{}", e.getMessage());
      }
      return false;
    }
  }

  /**
   * To be called when all files have been looked at.
   *
   * @throws InvalidDataException naming the files, if there are bad ones and they are to be refused
   */
  public void settle() {
    if (policy == Policy.REFUSE && !complaints.isEmpty()) {
      int more = complaints.size() - NAMED;
      throw new InvalidDataException(
          complaints.stream().limit(NAMED).collect(Collectors.joining("; "))
              + (more > 0 ? "; and " + more + " more" : "")
              + " ("
              + advice
              + ")");
    }
  }

  /** Takes down something odd that stands in no training's way. */
  void note(String what) {
    notes.add(what);
  }

  /** What is odd, each note beginning with the file. */
  public List<String> notes() {
    return List.copyOf(notes);
  }

  /** What is wrong, each complaint beginning with the file, in the order of the files' names. */
  public List<String> complaints() {
    return List.copyOf(complaints);
  }
}
