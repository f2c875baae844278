package io.github.dcn4j.examples.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class ComparisonTest {
  private final Comparison comparison = new Comparison("layers");

  @Test
  void meansAndDeviationsAreOverTheSeedsOfAKind() {
    comparison.add(new Outcome("b", 1, 0.01, 0.5, 0.25, 100, 4));
    comparison.add(new Outcome("a", 1, 0.02, 0.75, 0.5, 10, 2));
    comparison.add(new Outcome("b", 2, 0.01, 0.7, 0.35, 102, 5));
    // The deviation of two numbers is their difference by the square root of 2.
    String expected =
        String.join(
            System.lineSeparator(),
            "| layers | mAP@0.5 | mAP@[.5:.95] | training, s | detection, ms an image |",
            "| --- | --- | --- | --- | --- |",
            "| b | 0.600 ± 0.141 | 0.300 ± 0.071 | 101 ± 1 | 4.5 ± 0.7 |",
            "| a | 0.750 | 0.500 | 10 | 2.0 |",
            "");
    assertEquals(expected, comparison.markdown());
  }

  @Test
  void eachTrainingHasALine() {
    comparison.add(new Outcome("v1", 7, 0.002, 0.5, 0.25, 1.5, 4));
    String expected =
        String.join(
            System.lineSeparator(),
            "kind,seed,learning_rate,map50,map,training_seconds,image_milliseconds",
            "v1,7,0.002,0.50000,0.25000,1.50,4.000",
            "");
    assertEquals(expected, comparison.csv());
  }
}
