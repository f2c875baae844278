package io.github.dcn4j.examples.detect;

import java.nio.file.Path;
import java.util.List;

/** Is told how training goes on; all calls come from the training thread. */
public interface TrainingObserver {
  /**
   * The training goes on where another one was interrupted.
   *
   * @param checkpoint the file that it was read from
   * @param state how far it is
   */
  default void resumed(Path checkpoint, TrainingState state) {}

  /**
   * A pass over the training images begins.
   *
   * @param epoch which pass, from 1
   * @param images how many images it has
   */
  default void epochStarted(int epoch, int images) {}

  /**
   * A minibatch has been learnt.
   *
   * @param images number of images seen so far in this pass
   * @param loss the minibatch's loss
   */
  default void imagesSeen(int images, double loss) {}

  /** All images of the pass have been learnt; the held-out images follow. */
  default void evaluationStarted() {}

  /**
   * The detector was measured after a pass. The checkpoint follows, so that a training which goes
   * on from it has been told of all passes before.
   *
   * @param results of all passes, this one last
   * @param best whether no pass before was as good
   */
  default void measured(ObjectDetector detector, List<EpochResult> results, boolean best) {}

  /** A pass and the evaluation after it are done. */
  default void epochEnded(EpochResult result) {}
}
