package io.github.dcn4j.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.dcn4j.FreshJvm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Arrays of more than 2^31 elements, forward and backward; each test in a JVM of its own, which
 * gives the memory back. Skipped where 12 GB are not free.
 */
@Tag("endurance")
@Tag("large")
class LargeArraysTest {
  /** IMAGES × CHANNELS × SIDE × SIDE are more than 2^31 elements. */
  private static final int IMAGES = 128;

  private static final int CHANNELS = 4;
  private static final int SIDE = 2049;

  /** Between the pixels that are looked at, of which the last is the last of all. */
  private static final int STEP = 64;

  private static final int STEPS = (SIDE - 1) / STEP + 1;

  private static void runWithMemory(Class<?> main, String... arguments) throws Exception {
    long available = availableGigabytes();
    assumeTrue(available >= 12, available + " GB free");
    FreshJvm.Result result =
        FreshJvm.run(
            main,
            FreshJvm.classPath(),
            List.of(
                "-Xmx512m",
                "-Dorg.bytedeco.javacpp.maxbytes=12G",
                "-Dorg.bytedeco.javacpp.maxphysicalbytes=12G"),
            Duration.ofMinutes(10),
            arguments);
    assertEquals(0, result.getExitCode(), result.getOutput());
    assertEquals("all", result.lineAfter("right: "));
  }

  private static long availableGigabytes() throws IOException {
    try (Stream<String> lines = Files.lines(Path.of("/proc/meminfo"))) {
      return lines
          .filter(line -> line.startsWith("MemAvailable:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) >> 20)
          .findFirst()
          .orElse(0);
    }
  }

  /** Of a place that is looked at. */
  private interface Place {
    void at(int image, int channel, int i, int j);
  }

  private static void forEachPlace(Place place) {
    for (int n = 0; n < IMAGES; n++) {
      for (int c = 0; c < CHANNELS; c++) {
        for (int i = 0; i < STEPS; i++) {
          for (int j = 0; j < STEPS; j++) {
            place.at(n, c, i, j);
          }
        }
      }
    }
  }

  /** The value there: a small integer, exact in HALF. */
  private static int value(int image, int channel, int i, int j) {
    return 1 + (29 * image + 31 * channel + 7 * i + 3 * j) % 17;
  }

  private static long[] place(boolean channelsLast, long n, long c, long i, long j) {
    return channelsLast
        ? new long[] {n, STEP * i, STEP * j, c}
        : new long[] {n, c, STEP * i, STEP * j};
  }

  /** Images with these values at the places that are looked at, and 0 elsewhere. */
  private static INDArray images(boolean channelsLast) {
    INDArray images =
        channelsLast
            ? Nd4j.create(DataType.FLOAT16, IMAGES, SIDE, SIDE, CHANNELS)
            : Nd4j.create(DataType.FLOAT16, IMAGES, CHANNELS, SIDE, SIDE);
    assertTrue(images.length() > 1L << 31);
    forEachPlace(
        (n, c, i, j) -> images.putScalar(place(channelsLast, n, c, i, j), value(n, c, i, j)));
    return images;
  }

  /** Samples every STEP-th pixel; the channels' weights are 1, 2, … Argument: the data format. */
  static final class LargeInput {
    public static void main(String[] arguments) {
      boolean last = arguments[0].equals("NHWC");
      Problem p =
          Problem.builder()
              .input(images(last))
              .weights(
                  Nd4j.createFromArray(1f, 2f, 3f, 4f)
                      .castTo(DataType.FLOAT16)
                      .reshape(1, CHANNELS, 1, 1))
              .offset(zeros(last, 2))
              .gradOutput(zeros(last, 1).addi(1))
              .config(
                  DeformableConv2DConfig.builder()
                      .kH(1)
                      .kW(1)
                      .sH(STEP)
                      .sW(STEP)
                      .dataFormat(arguments[0])
                      .build())
              .build();
      INDArray output = p.forward();
      INDArray gradInput = p.backward()[0];
      forEachPlace(
          (n, c, i, j) -> {
            double sum = 0;
            for (int k = 0; k < CHANNELS; k++) {
              sum += (k + 1) * value(n, k, i, j);
            }
            assertEquals(sum, last ? output.getDouble(n, i, j, 0) : output.getDouble(n, 0, i, j));
            assertEquals(c + 1, gradInput.getDouble(place(last, n, c, i, j)));
          });
      System.out.println("right: all");
    }

    private static INDArray zeros(boolean channelsLast, int channels) {
      return channelsLast
          ? Nd4j.create(DataType.FLOAT16, IMAGES, STEPS, STEPS, channels)
          : Nd4j.create(DataType.FLOAT16, IMAGES, channels, STEPS, STEPS);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"NCHW", "NHWC"})
  void aConvolutionReadsAndWritesEveryPartOfALargeInput(String dataFormat) throws Exception {
    runWithMemory(LargeInput.class, dataFormat);
  }

  /** 1 × 1 taps, one input channel, so many output channels that the output is large. */
  static final class LargeOutput {
    private static final int OUT_CHANNELS = 1 << 17;

    public static void main(String[] arguments) {
      INDArray weights =
          Values.array(ramp(OUT_CHANNELS, 101), DataType.BFLOAT16, OUT_CHANNELS, 1, 1, 1);
      INDArray input = Values.array(ramp(128 * 129, 2), DataType.BFLOAT16, 1, 1, 128, 129);
      Problem p =
          Problem.builder()
              .input(input)
              .weights(weights)
              .offset(Nd4j.zeros(DataType.BFLOAT16, 1, 2, 128, 129))
              .config(DeformableConv2DConfig.builder().kH(1).kW(1).build())
              .build();
      INDArray output = p.forward();
      assertTrue(output.length() > 1L << 31);
      for (int o = 0; o < OUT_CHANNELS; o += o < OUT_CHANNELS - 1000 ? 997 : 1) {
        for (int pixel = 0; pixel < 128 * 129; pixel += 613) {
          assertEquals(
              o % 101 * (pixel % 2), output.getDouble(0, o, pixel / 129, pixel % 129), "o " + o);
        }
      }
      // The same array as the gradient: each is a sum of squares, exact in FLOAT.
      INDArray gradWeights = p.toBuilder().gradOutput(output).build().backward()[1];
      for (int o = 0; o < OUT_CHANNELS; o++) {
        double exact = o % 101 * (128 * 129 / 2);
        assertEquals(exact, gradWeights.getDouble(o, 0, 0, 0), exact / 256, "o " + o);
      }
      System.out.println("right: all");
    }

    /** 0, 1, … in turns. */
    private static double[] ramp(int length, int turn) {
      double[] values = new double[length];
      for (int i = 0; i < length; i++) {
        values[i] = i % turn;
      }
      return values;
    }
  }

  @Test
  void aConvolutionWritesAndReadsEveryPartOfALargeOutput() throws Exception {
    runWithMemory(LargeOutput.class);
  }

  /** A roi for each pixel that is looked at, with one sample: at the pixel's middle. */
  static final class LargePooledInput {
    public static void main(String[] arguments) {
      int count = IMAGES * STEPS * STEPS;
      double[] rois = new double[5 * count];
      for (int r = 0; r < count; r++) {
        rois[5 * r] = r / (STEPS * STEPS);
        rois[5 * r + 1] = rois[5 * r + 3] = STEP * (r % STEPS);
        rois[5 * r + 2] = rois[5 * r + 4] = STEP * (r / STEPS % STEPS);
      }
      PoolingProblem p =
          PoolingProblem.builder()
              .input(images(false))
              .rois(Values.array(rois, DataType.FLOAT, count, 5))
              .trans(Nd4j.ones(DataType.FLOAT16, count, 2, 1, 1))
              .gradOutput(Nd4j.ones(DataType.FLOAT16, count, CHANNELS, 1, 1))
              .config(
                  DeformablePSROIPoolingConfig.builder()
                      .spatialScale(1.0)
                      .outputDim((long) CHANNELS)
                      .pooledSize(1L)
                      .samplePerPart(1L)
                      .transStd(0.5) // of a roi of one pixel, which begins half a pixel before
                      .build())
              .build()
              .counted();
      INDArray output = p.forward();
      INDArray gradInput = p.backward()[0];
      forEachPlace(
          (n, c, i, j) -> {
            long roi = (long) STEPS * (STEPS * n + i) + j;
            assertEquals(value(n, c, i, j), output.getDouble(roi, c, 0, 0));
            assertEquals(1, gradInput.getDouble(place(false, n, c, i, j)));
          });
      System.out.println("right: all");
    }
  }

  @Test
  void aPoolingReadsAndWritesEveryPartOfALargeInput() throws Exception {
    runWithMemory(LargePooledInput.class);
  }
}
