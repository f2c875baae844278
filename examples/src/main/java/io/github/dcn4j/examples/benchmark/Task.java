package io.github.dcn4j.examples.benchmark;

import java.io.Serializable;
import java.util.List;
import lombok.Builder;
import lombok.Getter;
import lombok.RequiredArgsConstructor;
import lombok.Value;

/** What one child process measures: everything that is fixed once a process has started. */
@Value
@Builder(toBuilder = true)
class Task implements Serializable {
  /** What the cases of a task are. */
  @Getter
  @RequiredArgsConstructor
  enum Kind {
    CONVOLUTION("Convolution"),
    DEPTHWISE("Depth-wise convolution beside a dense one"),
    SMALL_MAPS("The convolutions of the example's detector, 16 images of 128×128"),
    DCNV3("DCNv3's operator beside a plain depth-wise convolution, G groups"),
    ATTENTION(
        String.format(
            "Multi-scale deformable attention, G heads, %d levels, the first H=W, each other half"
                + " of that before, %d points a level, anywhere, a query a pixel",
            AttentionArrays.LEVELS, AttentionArrays.POINTS)),
    TYPES("Convolution in other types beside float"),
    TRAINING("One training iteration in DL4J, " + TrainingCase.LAYERS + " layers");

    private final String title;
  }

  Kind kind;

  /** The instruction set, as the environment variable DCN4J_KERNEL names it, or the default. */
  String kernel;

  int threads;
  List<ConvolutionShape> shapes;

  /** Measured rounds of a case, in each of which every contender runs once. */
  int rounds;

  /** Where the rounds would take longer than this, there are fewer, but no less than five. */
  double secondsPerCase;

  /** The program of the native peers; null without. */
  String nativePeers;
}
