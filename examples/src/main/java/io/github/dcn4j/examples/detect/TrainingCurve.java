package io.github.dcn4j.examples.detect;

import io.github.dcn4j.examples.checkpoint.AtomicFile;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.DoubleStream;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.Styler.YAxisPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** A chart of loss and mean average precision over the epochs. */
public final class TrainingCurve {
  private static final int WIDTH = 800;
  private static final int HEIGHT = 450;

  private TrainingCurve() {}

  /**
   * Draws the chart into a PNG file.
   *
   * @param results one for each epoch, at least one
   */
  public static void write(List<EpochResult> results, Path file) throws IOException {
    double[] epochs = results.stream().mapToDouble(EpochResult::getEpoch).toArray();
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title("Training")
            .xAxisTitle("epoch")
            .build();
    chart.setYAxisGroupTitle(0, "training loss");
    chart.setYAxisGroupTitle(1, "mAP on held-out images");
    chart.getStyler().setLegendPosition(LegendPosition.OutsideS);
    chart.getStyler().setLegendLayout(LegendLayout.Horizontal);
    chart.getStyler().setXAxisDecimalPattern("0");
    chart.getStyler().setYAxisGroupPosition(1, YAxisPosition.Right);
    chart.getStyler().setYAxisMin(0, 0.0);
    chart.getStyler().setYAxisMin(1, 0.0).setYAxisMax(1, 1.0);
    chart.addSeries("loss", epochs, results.stream().mapToDouble(EpochResult::getLoss).toArray());
    precision(chart, "mAP@0.5", epochs, results.stream().mapToDouble(EpochResult::getMap50));
    precision(chart, "mAP@[.5:.95]", epochs, results.stream().mapToDouble(EpochResult::getMap));
    chart.getSeriesMap().values().forEach(series -> series.setMarker(SeriesMarkers.CIRCLE));
    AtomicFile.write(
        file,
        part -> {
          try (OutputStream out = Files.newOutputStream(part)) {
            BitmapEncoder.saveBitmap(chart, out, BitmapFormat.PNG);
          }
        });
  }

  private static void precision(XYChart chart, String name, double[] epochs, DoubleStream values) {
    chart.addSeries(name, epochs, values.toArray()).setYAxisGroup(1);
  }
}
