package io.github.dcn4j.detection.anchors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.detection.Box;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

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

  @Test
  void nothingToClusterIsNamed() {
    Box box = Box.of(0, 0, 2, 2, 0);
    assertMessage("boxes: expected at least one", () -> Anchors.cluster(List.of(), 3, 1));
    assertMessage("count: expected at least 1, got 0", () -> Anchors.cluster(List.of(box), 0, 1));
    assertMessage(
        "boxes: expected a width and a height above 0",
        () -> Anchors.cluster(List.of(box, Box.of(1, 1, 1, 5, 0)), 1, 1));
  }

  @Test
  void sizesThatAreNoneAreNamed() {
    for (double[][] sizes :
        new double[][][] {
          null, {}, {{1}}, {{1, 2, 3}}, {{1, 0}}, {{1, -2}}, {{1, Double.NaN}}, {null}
        }) {
      assertMessage("sizes: expected [anchors]", () -> new AnchorGrid(sizes, 4, 8));
    }
    assertMessage("cells, cell", () -> new AnchorGrid(new double[][] {{1, 1}}, 0, 8));
    assertMessage("cells, cell", () -> new AnchorGrid(new double[][] {{1, 1}}, 4, Double.NaN));
  }

  private static void assertMessage(String beginning, Executable call) {
    String message = assertThrows(IllegalArgumentException.class, call).getMessage();
    assertTrue(message.startsWith(beginning), message);
  }
}
