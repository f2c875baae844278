package io.github.dcn4j.detection.anchors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dcn4j.detection.Box;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class AnchorsTest {
  @Test
  void clustersOfBoxSizesAreFound() {
    List<Box> boxes = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      boxes.add(Box.of(i, 0, i + 2, 2, 0));
      boxes.add(Box.of(0, i, 20, i + 8, 1));
    }
    double[][] anchors = Anchors.cluster(boxes, 2, 1);
    assertEquals(2, anchors.length);
    assertArrayEquals(new double[] {2, 2}, anchors[0], 1e-9);
    assertArrayEquals(new double[] {20, 8}, anchors[1], 1e-9);
  }

  @Test
  void noMoreAnchorsThanDifferentSizes() {
    List<Box> boxes = List.of(Box.of(0, 0, 2, 2, 0), Box.of(4, 4, 6, 6, 1));
    assertEquals(1, Anchors.cluster(boxes, 3, 1).length);
  }
}
