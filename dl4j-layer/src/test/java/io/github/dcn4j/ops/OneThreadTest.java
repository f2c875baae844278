package io.github.dcn4j.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.factory.Nd4j;

/** A thread that works alone computes what it computes with others. */
class OneThreadTest {
  @AfterEach
  void together() {
    new OneThread(false).run();
  }

  @Test
  void theSameBitsAloneAsTogether() {
    Nd4j.getRandom().setSeed(1);
    INDArray x = Nd4j.randn(DataType.FLOAT, 8, 16, 31, 33);
    INDArray w = Nd4j.randn(DataType.FLOAT, 16, 16, 3, 3);
    DeformableConv2DConfig config = DeformableConv2DConfig.builder().kH(3).kW(3).build();
    float[][] before = results(x, w, config);
    for (boolean alone : new boolean[] {true, true, false, false, true}) {
      new OneThread(alone).run();
      float[][] after = results(x, w, config);
      for (int i = 0; i < before.length; i++) {
        assertArrayEquals(before[i], after[i], "result " + i);
      }
    }
  }

  private static float[][] results(INDArray x, INDArray w, DeformableConv2DConfig config) {
    return new float[][] {
      new PlainConv2D(x, w, null, config).run()[0].data().asFloat(),
      x.add(w.get().mean(0, 2, 3).reshape(1, 16, 1, 1)).data().asFloat(),
      {x.sumNumber().floatValue(), x.std().getFloat(0)},
      x.mean(2, 3).data().asFloat()
    };
  }

  @Test
  void anotherNumberIsRefused() {
    DynamicCustomOp op =
        DynamicCustomOp.builder("dcn4j_one_thread")
            .addInputs(Nd4j.scalar(0))
            .addIntegerArguments(2)
            .build();
    RuntimeException e = assertThrows(RuntimeException.class, () -> Nd4j.exec(op));
    StringBuilder said = new StringBuilder();
    for (Throwable t = e; t != null; t = t.getCause()) {
      said.append(t.getMessage());
    }
    assertTrue(
        said.toString().contains("alone: expected 0, 1, or -1 to ask, got 2"), said.toString());
  }

  private static int threads(boolean alone) {
    return new OneThread(alone).run()[0].getInt(0);
  }

  @Test
  void itIsOfTheCallingThreadAlone() throws InterruptedException {
    int before = threads(false);
    assertTrue(before >= 1);
    assertEquals(1, threads(true));
    int[] others = new int[1];
    Thread other = new Thread(() -> others[0] = threads(false));
    other.start();
    other.join();
    assertEquals(before, others[0]);
    assertEquals(1, threads(true));
    assertEquals(before, threads(false));
  }
}
