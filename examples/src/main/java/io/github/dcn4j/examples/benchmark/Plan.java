package io.github.dcn4j.examples.benchmark;

import java.util.ArrayList;
import java.util.List;
import lombok.Builder;
import lombok.Getter;

/** What is measured in one run of the benchmark. */
@Builder
final class Plan {
  /** The instruction set that the library chooses. */
  static final String DEFAULT_KERNEL = "default";

  /** What runs in full, and then all instruction sets. */
  static final List<String> KERNELS = List.of(DEFAULT_KERNEL, "avx512", "avx2", "baseline");

  /** The C = 64, 256 and 512 of common backbones, then few channels, then a pointwise one. */
  private static final List<ConvolutionShape> SHAPES =
      List.of(
          new ConvolutionShape(2, 64, 128, 64, 2),
          new ConvolutionShape(1, 256, 64, 256, 1),
          new ConvolutionShape(1, 512, 32, 512, 1),
          new ConvolutionShape(8, 64, 56, 64, 1),
          new ConvolutionShape(2, 3, 224, 64, 1),
          new ConvolutionShape(8, 16, 112, 16, 1),
          new ConvolutionShape(1, 256, 64, 256, 1).withKernel(1));

  private static final ConvolutionShape DENSE = SHAPES.get(1);
  private static final List<ConvolutionShape> DEPTHWISE_SHAPES =
      List.of(DENSE, DENSE.withGroups(256), DENSE.withGroups(64));

  /** What DetectorNetwork's five layers see. */
  private static final List<ConvolutionShape> DETECTOR_SHAPES =
      List.of(
          new ConvolutionShape(16, 12, 64, 32, 1).withStride(2),
          new ConvolutionShape(16, 32, 32, 64, 1).withStride(2),
          new ConvolutionShape(16, 64, 16, 64, 1),
          new ConvolutionShape(16, 64, 16, 128, 1).withStride(2),
          new ConvolutionShape(16, 128, 8, 128, 1));

  private static final List<ConvolutionShape> TRAINING_SHAPES =
      List.of(new ConvolutionShape(8, 64, 56, 64, 1), new ConvolutionShape(8, 16, 32, 16, 1));

  private static final ConvolutionShape DCNV3_SHAPE = new ConvolutionShape(8, 64, 56, 64, 4);

  /** The encoder's of Deformable DETR, for images of 512×512. */
  private static final ConvolutionShape ATTENTION_SHAPE = new ConvolutionShape(2, 256, 64, 256, 8);

  /** How many shapes stand for all where not all are measured. */
  private static final int SAMPLE = 2;

  private static final double SECONDS_PER_CASE = 6;
  private static final double QUICK_SECONDS_PER_CASE = 3;

  /** Shapes of the user's; null for the plan's own. */
  private final List<ConvolutionShape> shapes;

  /** Thread counts, the most important first. */
  private final List<Integer> threads;

  private final int rounds;
  private final boolean quick;

  /** The program of the native peers; null without. */
  @Getter private final String nativePeers;

  /** Everything that the first instruction set is to do. */
  List<Task> full(String kernel) {
    List<ConvolutionShape> all = shapes == null ? SHAPES : shapes;
    List<Task> tasks = new ArrayList<>();
    if (quick) {
      tasks.add(task(Task.Kind.CONVOLUTION, kernel, sample(all)));
      tasks.add(dcnv3(kernel));
      tasks.add(attention(kernel));
      tasks.add(task(Task.Kind.TYPES, kernel, List.of(all.get(0))));
      tasks.add(training(kernel));
      return tasks;
    }
    for (int count : threads) {
      tasks.add(task(Task.Kind.CONVOLUTION, kernel, all).toBuilder().threads(count).build());
    }
    if (shapes == null) {
      tasks.add(task(Task.Kind.DEPTHWISE, kernel, DEPTHWISE_SHAPES).toBuilder().threads(1).build());
      tasks.add(task(Task.Kind.SMALL_MAPS, kernel, DETECTOR_SHAPES));
    }
    tasks.add(dcnv3(kernel));
    tasks.add(attention(kernel));
    tasks.add(task(Task.Kind.TYPES, kernel, sample(all)));
    tasks.add(training(kernel));
    return tasks;
  }

  /** What the others are to do. */
  List<Task> brief(String kernel) {
    return quick
        ? List.of()
        : List.of(task(Task.Kind.CONVOLUTION, kernel, sample(shapes == null ? SHAPES : shapes)));
  }

  private static List<ConvolutionShape> sample(List<ConvolutionShape> shapes) {
    // Lists of our own: what List.subList returns is not serialisable.
    return List.copyOf(shapes.subList(0, Math.min(SAMPLE, shapes.size())));
  }

  private Task task(Task.Kind kind, String kernel, List<ConvolutionShape> measured) {
    return Task.builder()
        .kind(kind)
        .kernel(kernel)
        .threads(threads.get(0))
        .shapes(measured)
        .rounds(rounds)
        .secondsPerCase(quick ? QUICK_SECONDS_PER_CASE : SECONDS_PER_CASE)
        .nativePeers(nativePeers)
        .build();
  }

  /** Of the user's first shape: as many channels out as in, and its groups don't matter. */
  private Task dcnv3(String kernel) {
    ConvolutionShape shape = shapes == null ? DCNV3_SHAPE : shapes.get(0);
    return task(
        Task.Kind.DCNV3, kernel, List.of(shape.withOutChannels(shape.getChannels()).withGroups(1)));
  }

  /** Of the user's first shape: its kernel and stride don't matter either. */
  private Task attention(String kernel) {
    ConvolutionShape shape = shapes == null ? ATTENTION_SHAPE : shapes.get(0);
    int channels = shape.getChannels();
    return task(
        Task.Kind.ATTENTION,
        kernel,
        List.of(
            new ConvolutionShape(
                shape.getImages(),
                channels,
                shape.getSide(),
                channels,
                shape.getDeformableGroups())));
  }

  private Task training(String kernel) {
    List<ConvolutionShape> own = quick ? TRAINING_SHAPES.subList(1, 2) : TRAINING_SHAPES;
    List<ConvolutionShape> chosen = shapes == null ? own : shapes.subList(0, 1);
    return task(Task.Kind.TRAINING, kernel, List.copyOf(chosen));
  }
}
