package io.github.dcn4j.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Random;
import java.util.regex.Pattern;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Assume;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AddLifecycleHook;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A call that was legal but for one mistake gets its message, and does the next call no harm. */
@AddLifecycleHook(FixedSeed.class)
class IllegalCallsPropertyTest {
  /** Integers where arithmetic or sense ends, none of which asks for endless legal work. */
  private static final int[] EDGES = {
    Integer.MIN_VALUE, -2, -1, 0, 1, 2, 3, 5, 7, 1 << 30, Integer.MAX_VALUE
  };

  private static final Pattern REFUSAL = Pattern.compile("\\w+: \\w[\\w ]*: expected .*, got .*");

  @Provide
  Arbitrary<ConvolutionCase> convolutions() {
    return ConvolutionCase.all(1);
  }

  @Provide
  Arbitrary<PoolingCase> poolings() {
    return PoolingCase.all(1);
  }

  @Property
  void aMistakeInAConvolutionIsNamed(
      @ForAll("convolutions") ConvolutionCase drawn, @ForAll boolean backward, @ForAll long seed) {
    Problem p = drawn.problem();
    assertRefused(RawCall.of(p, backward), RawCall.of(p, backward), Mistakes.ofConvolution(), seed);
  }

  @Property
  void aMistakeInAPoolingIsNamed(
      @ForAll("poolings") PoolingCase drawn, @ForAll boolean backward, @ForAll long seed) {
    PoolingProblem p = drawn.problem();
    assertRefused(RawCall.of(p, backward), RawCall.of(p, backward), Mistakes.ofPooling(), seed);
  }

  private static void assertRefused(
      RawCall good, RawCall bad, List<Mistakes.Mistake> mistakes, long seed) {
    Random random = new Random(seed);
    INDArray[] before = good.exec();
    String expected = mistakes.get(random.nextInt(mistakes.size())).apply(bad, random);
    Assume.that(expected != null);
    String message = RawCall.messages(assertThrows(RuntimeException.class, bad::exec));
    assertTrue(
        Pattern.compile(bad.op + ": " + expected).matcher(message).find(),
        () -> "expected '" + expected + "' in\n" + message);
    assertSameBits(before, good.exec());
  }

  @Property
  void anyIntegersInAConvolutionWorkOrAreRefused(
      @ForAll("convolutions") ConvolutionCase drawn, @ForAll boolean backward, @ForAll long seed) {
    Problem p = drawn.problem();
    assertWorksOrRefused(RawCall.of(p, backward), RawCall.of(p, backward), new Random(seed), 12);
  }

  @Property
  void anyIntegersInAPoolingWorkOrAreRefused(
      @ForAll("poolings") PoolingCase drawn, @ForAll boolean backward, @ForAll long seed) {
    PoolingProblem p = drawn.problem();
    // All but samplePerPart: any number of samples is legal.
    assertWorksOrRefused(RawCall.of(p, backward), RawCall.of(p, backward), new Random(seed), 4);
  }

  private static void assertWorksOrRefused(
      RawCall good, RawCall bad, Random random, int mostIntegers) {
    INDArray[] before = good.exec();
    int changes = 1 + random.nextInt(3);
    for (int i = 0; i < changes; i++) {
      bad.integers.set(random.nextInt(mostIntegers), EDGES[random.nextInt(EDGES.length)]);
    }
    try {
      bad.exec();
    } catch (RuntimeException e) {
      String message = RawCall.messages(e);
      assertTrue(REFUSAL.matcher(message).find(), message);
    }
    assertSameBits(before, good.exec());
  }

  private static void assertSameBits(INDArray[] expected, INDArray[] actual) {
    assertEquals(expected.length, actual.length);
    for (int i = 0; i < expected.length; i++) {
      assertArrayEquals(Values.of(expected[i]), Values.of(actual[i]), "result " + i);
    }
  }
}
