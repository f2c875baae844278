package io.github.dcn4j.examples.detect;

import io.github.dcn4j.detection.MeanAveragePrecision;
import io.github.dcn4j.examples.checkpoint.AtomicFile;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import lombok.experimental.UtilityClass;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** A chart of precision over recall, a line for each class. */
@UtilityClass
public class PrecisionRecallChart {
  private static final int WIDTH = 800;
  private static final int HEIGHT = 600;
  private static final double THRESHOLD = 0.5;

  /** Draws the chart into a PNG file, at IoU 0.5; classes without objects are left out. */
  public static void write(MeanAveragePrecision precision, List<String> labels, Path file)
      throws IOException {
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title("Precision and recall at IoU 0.5")
            .xAxisTitle("recall")
            .yAxisTitle("precision")
            .build();
    chart.getStyler().setXAxisMin(0.0).setXAxisMax(1.0).setYAxisMin(0.0).setYAxisMax(1.0);
    for (int label = 0; label < labels.size(); label++) {
      double[][] points = precision.precisionAndRecall(label, THRESHOLD);
      if (precision.objects(label) > 0 && points[0].length > 0) {
        chart.addSeries(labels.get(label), points[1], points[0]).setMarker(SeriesMarkers.NONE);
      }
    }
    AtomicFile.write(
        file,
        part -> {
          try (OutputStream out = Files.newOutputStream(part)) {
            BitmapEncoder.saveBitmap(chart, out, BitmapFormat.PNG);
          }
        });
  }
}
