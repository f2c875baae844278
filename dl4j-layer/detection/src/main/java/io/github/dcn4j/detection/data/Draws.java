package io.github.dcn4j.detection.data;

import java.util.SplittableRandom;
import lombok.experimental.UtilityClass;

/** Random numbers that depend on what they are for only, not on threads or the order of calls. */
@UtilityClass
public class Draws {
  /**
   * The random numbers of one image.
   *
   * @param seed of the whole training
   * @param epoch the pass over the images
   * @param index of the image in the pass
   */
  public static SplittableRandom of(long seed, int epoch, int index) {
    return new SplittableRandom(mix(mix(mix(seed) + epoch) + index));
  }

  /** Spreads nearby numbers over all 64 bits (the finaliser of MurmurHash3). */
  private static long mix(long z) {
    z = (z ^ (z >>> 33)) * 0xff51afd7ed558ccdL;
    z = (z ^ (z >>> 33)) * 0xc4ceb9fe1a85ec53L;
    return z ^ (z >>> 33);
  }
}
