package io.github.dcn4j.examples.compare;

import io.github.dcn4j.detection.data.DetectionDataset;
import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.examples.detect.ObjectDetector;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import lombok.experimental.UtilityClass;
import org.apache.commons.math3.stat.descriptive.rank.Median;

/** How long a detector takes for an image: pixels to boxes, in minibatches. */
@UtilityClass
public class InferenceTime {
  /** Images at a time. */
  public static final int BATCH = 25;

  private static final int WARM_UP = 5;
  private static final int RUNS = 15;

  /** The median of some runs over the data set's first images, in milliseconds an image. */
  public static double milliseconds(ObjectDetector detector, DetectionDataset dataset) {
    List<LabelledImage> images =
        IntStream.range(0, Math.min(BATCH, dataset.size()))
            .mapToObj(dataset::get)
            .collect(Collectors.toList());
    double[] times = new double[WARM_UP + RUNS];
    for (int i = 0; i < times.length; i++) {
      long start = System.nanoTime();
      detector.detect(images);
      times[i] = (System.nanoTime() - start) / 1e6 / images.size();
    }
    return new Median().evaluate(times, WARM_UP, RUNS);
  }
}
