package io.github.dcn4j.examples.data;

import io.github.dcn4j.examples.UserInputException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.stream.Collectors;
import lombok.RequiredArgsConstructor;
import lombok.extern.slf4j.Slf4j;

/**
 * What is wrong with the files of a data set, and what to do about it. Any thread may add to it.
 */
@Slf4j
@RequiredArgsConstructor
public final class BadFiles {
  /** Complaints that an exception repeats; the log has all. */
  private static final int NAMED = 5;

  /** What to do about files that cannot be used. */
  public enum Policy {
    /** Stop before anything is trained. */
    REFUSE,
    /** Leave them out. */
    SKIP
  }

  private final Policy policy;
  private final Set<String> complaints = new ConcurrentSkipListSet<>();
  private final Set<String> notes = new ConcurrentSkipListSet<>();

  /**
   * Uses a file, and remembers what is wrong if it cannot be used.
   *
   * @param use throws a {@link UserInputException} that names the file if something is wrong
   * @return whether nothing was
   */
  public boolean isFine(Runnable use) {
    try {
      use.run();
      return true;
    } catch (UserInputException e) {
      if (complaints.add(e.getMessage())) {
        log.warn("{}", e.getMessage());
      }
      return false;
    }
  }

  /**
   * To be called when all files have been looked at.
   *
   * @throws UserInputException naming the files, if there are bad ones and they are to be refused
   */
  public void settle() {
    if (policy == Policy.REFUSE && !complaints.isEmpty()) {
      int more = complaints.size() - NAMED;
      throw new UserInputException(
          complaints.stream().limit(NAMED).collect(Collectors.joining("; "))
              + (more > 0 ? "; and " + more + " more" : "")
              + " (--on-bad-file skip leaves out what cannot be used)");
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
