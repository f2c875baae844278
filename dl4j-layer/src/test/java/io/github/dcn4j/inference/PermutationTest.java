package io.github.dcn4j.inference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A permutation of merged axes moves what the one of all axes moves. */
class PermutationTest {
  @Test
  void channelsToPixelsHasFiveAxesOfSix() {
    Permutation few = Permutation.of(new long[] {1, 24, 2, 2, 5, 7}, new long[] {0, 1, 4, 2, 5, 3});
    assertArrayEquals(new long[] {24, 2, 2, 5, 7}, few.from());
    assertArrayEquals(new long[] {0, 3, 1, 4, 2}, few.order());
    assertArrayEquals(new long[] {24, 5, 2, 7, 2}, few.to());
  }

  @Test
  void anyPermutationOfAnySizes() {
    Random random = new Random(2);
    for (int n = 0; n < 300; n++) {
      int rank = 2 + random.nextInt(5);
      long[] shape = new long[rank];
      List<Integer> axes = new ArrayList<>();
      for (int i = 0; i < rank; i++) {
        shape[i] = 1 + random.nextInt(4);
        axes.add(i);
      }
      Collections.shuffle(axes, random);
      INDArray x = Nd4j.arange(Nd4j.create(shape).length()).castTo(DataType.FLOAT).reshape(shape);
      int[] all = axes.stream().mapToInt(i -> i).toArray();
      long[] given = axes.stream().mapToLong(i -> random.nextBoolean() ? i : i - rank).toArray();
      Permutation few = Permutation.of(shape, given);
      assertTrue(few.order().length <= rank);
      INDArray expected = x.permute(all).dup('c');
      if (few.order().length > 0) {
        int[] order = new int[few.order().length];
        for (int i = 0; i < order.length; i++) {
          order[i] = (int) few.order()[i];
        }
        INDArray view = Permutation.view(x, few.from());
        assertNotNull(view);
        INDArray actual = view.permute(order).dup('c');
        assertArrayEquals(few.to(), actual.shape());
        assertArrayEquals(expected.data().asFloat(), actual.data().asFloat());
      } else {
        assertEquals(1, x.length());
      }
    }
  }

  @Test
  void numbersThatDoNotLieTogetherHaveNoView() {
    INDArray x = Nd4j.rand(DataType.FLOAT, 3, 4);
    assertNull(Permutation.view(x.permute(1, 0), new long[] {12}));
    assertNull(Permutation.view(x.dup('f'), new long[] {12}));
  }
}
