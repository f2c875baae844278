package io.github.dcn4j.examples.data;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.data.DetectionDataset;
import io.github.dcn4j.detection.data.Draws;
import io.github.dcn4j.detection.data.LabelledImage;
import java.awt.image.BufferedImage;
import java.awt.image.DataBufferInt;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Scenes of one to four warped handwritten digits on pieces of photographs, composed on demand.
 *
 * <p>A scene depends on the seed, the pass of training and its index only, not on threads or on the
 * order of calls. Each digit lies wholly inside the image; its box is exact; and no more than a
 * tenth of a digit's box is shared with another's.
 */
public final class DigitScenes implements DetectionDataset {
  /** Side of a scene, in pixels. */
  public static final int SIDE = 128;

  private static final List<String> LABELS =
      IntStream.range(0, 10).mapToObj(Integer::toString).collect(Collectors.toUnmodifiableList());

  private static final int MAX_DIGITS = 4;
  private static final int PLACES_TO_TRY = 20;
  private static final int COLOURS_TO_TRY = 20;

  /** Largest share of the smaller of two boxes that the other may cover. */
  private static final double MAX_OVERLAP = 0.1;

  /** Least difference in brightness (0 to 255) between a digit and what is behind it. */
  private static final double MIN_CONTRAST = 100;

  /** Sides of the square of photograph that becomes the background, in its pixels. */
  private static final int MIN_CROP = 112;

  private static final int MAX_CROP = 256;

  private final HandwrittenDigits digits;
  private final List<BufferedImage> photos;
  private final boolean varied;
  private final int size;
  private final long seed;
  private final int epoch;

  private DigitScenes(
      HandwrittenDigits digits,
      List<BufferedImage> photos,
      boolean varied,
      int size,
      long seed,
      int epoch) {
    this.digits = digits;
    this.photos = photos;
    this.varied = varied;
    this.size = size;
    this.seed = seed;
    this.epoch = epoch;
  }

  /**
   * Scenes of MNIST's official training digits on the training photographs.
   *
   * @param size number of scenes in a pass of training, each pass having its own
   * @param seed decides everything that is random
   */
  public static DigitScenes training(int size, long seed) {
    return new DigitScenes(
        HandwrittenDigits.training(), Photos.read(Photos.TRAINING), true, size, seed, 0);
  }

  /**
   * Scenes of MNIST's official test digits on the other photographs.
   *
   * @param size number of scenes
   * @param seed decides everything that is random
   */
  public static DigitScenes heldOut(int size, long seed) {
    return new DigitScenes(
        HandwrittenDigits.heldOut(), Photos.read(Photos.HELD_OUT), false, size, seed, 0);
  }

  @Override
  public List<String> labels() {
    return LABELS;
  }

  @Override
  public int size() {
    return size;
  }

  @Override
  public DigitScenes forEpoch(int epoch) {
    return new DigitScenes(digits, photos, varied, size, seed, epoch);
  }

  @Override
  public LabelledImage get(int index) {
    return compose(index).labelledImage;
  }

  /** A scene with the masks of its digits, in the order of its boxes. */
  Scene compose(int index) {
    if (index < 0 || index >= size) {
      throw new IndexOutOfBoundsException("scene " + index + " of " + size);
    }
    SplittableRandom random = Draws.of(seed, epoch, index);
    BufferedImage image = background(random);
    int[] pixels = ((DataBufferInt) image.getRaster().getDataBuffer()).getData();
    int[] behind = pixels.clone();
    List<Box> boxes = new ArrayList<>();
    List<WarpedDigit> drawn = new ArrayList<>();
    // Of two throws the higher: an image of several digits teaches more for the same work.
    int wanted = 1 + Math.max(random.nextInt(MAX_DIGITS), random.nextInt(MAX_DIGITS));
    // A digit that finds no place is left out; but the first always has one.
    for (int i = 0; i < wanted; i++) {
      WarpedDigit digit = WarpedDigit.draw(digits, random.nextInt(digits.size()), random);
      Box box = place(digit, boxes, random);
      if (box != null) {
        paint(digit, box, pixels, colour(box, behind, random));
        boxes.add(box);
        drawn.add(digit);
      }
    }
    String name = "scene " + epoch + "/" + index;
    return new Scene(new LabelledImage(name, image, List.copyOf(boxes)), drawn, behind);
  }

  private static Box place(WarpedDigit digit, List<Box> taken, SplittableRandom random) {
    for (int i = 0; i < PLACES_TO_TRY; i++) {
      int x = random.nextInt(SIDE - digit.width + 1);
      int y = random.nextInt(SIDE - digit.height + 1);
      Box box = Box.of(x, y, x + digit.width, y + digit.height, digit.label);
      if (taken.stream().allMatch(other -> overlap(box, other) <= MAX_OVERLAP)) {
        return box;
      }
    }
    return null;
  }

  private static double overlap(Box a, Box b) {
    return a.intersection(b) / Math.min(a.area(), b.area());
  }

  private static void paint(WarpedDigit digit, Box box, int[] pixels, int colour) {
    for (int y = 0; y < digit.height; y++) {
      for (int x = 0; x < digit.width; x++) {
        float share = digit.coverage[y * digit.width + x];
        if (share > 0) {
          int at = ((int) box.getY1() + y) * SIDE + (int) box.getX1() + x;
          pixels[at] = blend(pixels[at], colour, share);
        }
      }
    }
  }

  private static int blend(int below, int above, float share) {
    int mixed = 0;
    for (int shift = 0; shift <= 16; shift += 8) {
      int from = below >> shift & 0xFF;
      int to = above >> shift & 0xFF;
      mixed |= Math.round(from + share * (to - from)) << shift;
    }
    return mixed;
  }

  /** A random colour that differs in brightness from the mean of what is behind the box. */
  private static int colour(Box box, int[] pixels, SplittableRandom random) {
    double sum = 0;
    for (int y = (int) box.getY1(); y < box.getY2(); y++) {
      for (int x = (int) box.getX1(); x < box.getX2(); x++) {
        sum += brightness(pixels[y * SIDE + x]);
      }
    }
    double behind = sum / box.area();
    for (int i = 0; i < COLOURS_TO_TRY; i++) {
      int colour = random.nextInt(1 << 24);
      if (Math.abs(brightness(colour) - behind) >= MIN_CONTRAST) {
        return colour;
      }
    }
    return behind > 127 ? 0x000000 : 0xFFFFFF;
  }

  /** Brightness as the eye weighs the colours (ITU-R BT.601), 0 to 255. */
  private static double brightness(int rgb) {
    return 0.299 * (rgb >> 16 & 0xFF) + 0.587 * (rgb >> 8 & 0xFF) + 0.114 * (rgb & 0xFF);
  }

  /**
   * A square of a photograph, perhaps mirrored, its colours shifted a little. For training also
   * turned and in wholly different colours: there are few photographs, and a detector must not
   * learn them by heart.
   */
  private BufferedImage background(SplittableRandom random) {
    BufferedImage photo = photos.get(random.nextInt(photos.size()));
    int limit = Math.min(MAX_CROP, Math.min(photo.getWidth(), photo.getHeight()));
    int crop = MIN_CROP + random.nextInt(limit - MIN_CROP + 1);
    int left = random.nextInt(photo.getWidth() - crop + 1);
    int top = random.nextInt(photo.getHeight() - crop + 1);
    boolean mirrored = random.nextBoolean();
    boolean upsideDown = varied && random.nextBoolean();
    boolean turned = varied && random.nextBoolean();
    int firstChannel = varied ? random.nextInt(3) : 0;
    double tint = varied ? 0.3 : 0.1;
    double brightness = 0.5 + 0.8 * random.nextDouble();
    double[] gain = new double[3];
    for (int i = 0; i < gain.length; i++) {
      gain[i] = brightness * (1 - tint + 2 * tint * random.nextDouble());
    }
    int[] source = ((DataBufferInt) photo.getRaster().getDataBuffer()).getData();
    BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
    int[] pixels = ((DataBufferInt) image.getRaster().getDataBuffer()).getData();
    double step = (crop - 1.0) / (SIDE - 1);
    for (int y = 0; y < SIDE; y++) {
      for (int x = 0; x < SIDE; x++) {
        int across = mirrored ? SIDE - 1 - x : x;
        int along = upsideDown ? SIDE - 1 - y : y;
        // The minimum keeps rounding from leaving the photograph.
        double column = left + Math.min(crop - 1, step * (turned ? along : across));
        double row = top + Math.min(crop - 1, step * (turned ? across : along));
        pixels[y * SIDE + x] = sample(source, photo.getWidth(), column, row, firstChannel, gain);
      }
    }
    return image;
  }

  /** The colour between four pixels, its channels rotated and each multiplied by its gain. */
  private static int sample(
      int[] source, int width, double column, double row, int firstChannel, double[] gain) {
    int left = (int) column;
    int top = (int) row;
    double fx = column - left;
    double fy = row - top;
    int at = top * width + left;
    // At the last column or row the fraction is 0: stay inside the photograph.
    int right = fx > 0 ? at + 1 : at;
    int down = fy > 0 ? width : 0;
    int mixed = 0;
    for (int channel = 0; channel < 3; channel++) {
      int shift = (firstChannel + channel) % 3 * 8;
      double upper = (1 - fx) * (source[at] >> shift & 0xFF) + fx * (source[right] >> shift & 0xFF);
      double lower =
          (1 - fx) * (source[at + down] >> shift & 0xFF)
              + fx * (source[right + down] >> shift & 0xFF);
      double value = ((1 - fy) * upper + fy * lower) * gain[channel];
      mixed |= (int) Math.min(255, Math.round(value)) << 8 * channel;
    }
    return mixed;
  }

  /** A scene with what it was made from. */
  static final class Scene {
    final LabelledImage labelledImage;
    final List<WarpedDigit> digits;

    /** The pixels before any digit was drawn. */
    final int[] background;

    Scene(LabelledImage labelledImage, List<WarpedDigit> digits, int[] background) {
      this.labelledImage = labelledImage;
      this.digits = digits;
      this.background = background;
    }
  }
}
