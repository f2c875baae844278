package io.github.dcn4j.examples.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.data.LabelledImage;
import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class DigitScenesTest {
  private static final int SIDE = DigitScenes.SIDE;
  private static final int SCENES = 60;

  private static int[] pixels(LabelledImage scene) {
    BufferedImage image = scene.getImage();
    return image.getRGB(0, 0, image.getWidth(), image.getHeight(), null, 0, image.getWidth());
  }

  @Test
  void sameSeedGivesSameScenesWhateverTheOrderAndThread() {
    DigitScenes first = DigitScenes.training(SCENES, 7);
    DigitScenes second = DigitScenes.training(SCENES, 7);
    List<LabelledImage> inOrder =
        IntStream.range(0, SCENES).mapToObj(first::get).collect(Collectors.toList());
    List<LabelledImage> inParallel =
        IntStream.range(0, SCENES)
            .parallel()
            .mapToObj(i -> second.get(SCENES - 1 - i))
            .collect(Collectors.toList());
    for (int i = 0; i < SCENES; i++) {
      LabelledImage other = inParallel.get(SCENES - 1 - i);
      assertArrayEquals(pixels(inOrder.get(i)), pixels(other), "scene " + i);
      assertEquals(inOrder.get(i).getBoxes(), other.getBoxes(), "scene " + i);
    }
  }

  @Test
  void seedEpochAndIndexEachChangeTheScene() {
    DigitScenes scenes = DigitScenes.training(SCENES, 7);
    int[] scene = pixels(scenes.get(0));
    assertFalse(Arrays.equals(scene, pixels(scenes.get(1))));
    assertFalse(Arrays.equals(scene, pixels(scenes.forEpoch(1).get(0))));
    assertFalse(Arrays.equals(scene, pixels(DigitScenes.training(SCENES, 8).get(0))));
    assertArrayEquals(scene, pixels(scenes.forEpoch(0).get(0)));
  }

  @Test
  void boxesHoldExactlyTheDigitsPixels() {
    DigitScenes scenes = DigitScenes.heldOut(SCENES, 3);
    for (int i = 0; i < SCENES; i++) {
      DigitScenes.Scene scene = scenes.compose(i);
      List<Box> boxes = scene.labelledImage.getBoxes();
      boolean[] covered = new boolean[SIDE * SIDE];
      for (int digit = 0; digit < boxes.size(); digit++) {
        assertTight(scene.digits.get(digit), boxes.get(digit), covered);
      }
      int[] pixels = pixels(scene.labelledImage);
      for (int at = 0; at < pixels.length; at++) {
        if (!covered[at]) {
          assertEquals(scene.background[at], pixels[at] & 0xFFFFFF, "a pixel without ink changed");
        }
      }
    }
  }

  private static void assertTight(WarpedDigit digit, Box box, boolean[] covered) {
    int left = SIDE;
    int right = 0;
    int top = SIDE;
    int bottom = 0;
    for (int y = 0; y < digit.height; y++) {
      for (int x = 0; x < digit.width; x++) {
        if (digit.coverage[y * digit.width + x] > 0) {
          int column = (int) box.getX1() + x;
          int row = (int) box.getY1() + y;
          left = Math.min(left, column);
          right = Math.max(right, column + 1);
          top = Math.min(top, row);
          bottom = Math.max(bottom, row + 1);
          covered[row * SIDE + column] = true;
        }
      }
    }
    assertEquals(Box.of(left, top, right, bottom, digit.label), box);
  }

  @Test
  void boxesLieInsideTheImageAndHardlyOverlap() {
    DigitScenes scenes = DigitScenes.training(SCENES * 5, 11);
    Set<Integer> counts = new HashSet<>();
    Set<Integer> labels = new HashSet<>();
    for (int i = 0; i < scenes.size(); i++) {
      List<Box> boxes = scenes.get(i).getBoxes();
      counts.add(boxes.size());
      for (Box box : boxes) {
        labels.add(box.getLabel());
        assertTrue(box.getX1() >= 0 && box.getY1() >= 0, box::toString);
        assertTrue(box.getX2() <= SIDE && box.getY2() <= SIDE, box::toString);
        for (Box other : boxes) {
          double smaller = Math.min(box.area(), other.area());
          assertTrue(box == other || box.intersection(other) <= 0.1 * smaller, box::toString);
        }
      }
    }
    assertEquals(Set.of(1, 2, 3, 4), counts);
    assertEquals(10, labels.size());
  }

  @Test
  void trainingAndHeldOutPartsShareNoDigitAndNoPhotograph() {
    HandwrittenDigits training = HandwrittenDigits.training();
    HandwrittenDigits heldOut = HandwrittenDigits.heldOut();
    assertEquals(10_000, training.size());
    assertEquals(2_000, heldOut.size());
    Set<List<Integer>> seen = new HashSet<>();
    for (int i = 0; i < training.size(); i++) {
      seen.add(ink(training, i));
    }
    for (int i = 0; i < heldOut.size(); i++) {
      assertFalse(seen.contains(ink(heldOut, i)), "digit " + i + " is in both parts");
    }
    List<String> photos = new ArrayList<>(Photos.TRAINING);
    photos.retainAll(Photos.HELD_OUT);
    assertEquals(List.of(), photos);
    assertNotEquals(0, Photos.read(Photos.HELD_OUT).size());
  }

  private static List<Integer> ink(HandwrittenDigits digits, int index) {
    List<Integer> ink = new ArrayList<>();
    for (int i = 0; i < HandwrittenDigits.SIDE * HandwrittenDigits.SIDE; i++) {
      ink.add(digits.ink(index, i / HandwrittenDigits.SIDE, i % HandwrittenDigits.SIDE));
    }
    return ink;
  }

  @Test
  void firstOfficialDigitsAreFiveAndSeven() {
    assertEquals(5, HandwrittenDigits.training().label(0));
    assertEquals(7, HandwrittenDigits.heldOut().label(0));
  }

  @Test
  void indexOutsideTheSetIsRefused() {
    DigitScenes scenes = DigitScenes.training(2, 1);
    assertThrows(IndexOutOfBoundsException.class, () -> scenes.get(2));
    assertThrows(IndexOutOfBoundsException.class, () -> scenes.get(-1));
  }
}
