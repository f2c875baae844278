package io.github.dcn4j.examples.compare;

import io.github.dcn4j.examples.checkpoint.AtomicFile;
import java.awt.Color;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import lombok.experimental.UtilityClass;
import org.apache.commons.math3.stat.descriptive.SummaryStatistics;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;

/** A chart of both precisions of each kind of network, with their deviations over the seeds. */
@UtilityClass
public class ComparisonChart {
  private static final int WIDTH = 700;
  private static final int HEIGHT = 400;

  /** Draws the chart into a PNG file. */
  public static void write(Comparison comparison, Path file) throws IOException {
    CategoryChart chart =
        new CategoryChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title("Held-out images: mean and standard deviation over the seeds")
            .yAxisTitle("mean average precision")
            .build();
    chart.getStyler().setLegendPosition(LegendPosition.OutsideS);
    chart.getStyler().setLegendLayout(LegendLayout.Horizontal);
    chart.getStyler().setAvailableSpaceFill(0.6);
    chart.getStyler().setYAxisMin(0.0).setYAxisMax(1.0);
    chart.getStyler().setYAxisDecimalPattern("0.0").setYAxisTickMarkSpacingHint(40);
    chart.getStyler().setChartBackgroundColor(Color.WHITE);
    chart.getStyler().setPlotGridVerticalLinesVisible(false);
    add(chart, "mAP@0.5", comparison.statistics(Outcome::getMap50));
    add(chart, "mAP@[.5:.95]", comparison.statistics(Outcome::getMap));
    AtomicFile.write(
        file,
        part -> {
          try (OutputStream out = Files.newOutputStream(part)) {
            BitmapEncoder.saveBitmap(chart, out, BitmapFormat.PNG);
          }
        });
  }

  private static void add(CategoryChart chart, String name, Map<String, SummaryStatistics> kinds) {
    List<Double> means =
        kinds.values().stream().map(SummaryStatistics::getMean).collect(Collectors.toList());
    List<Double> deviations =
        kinds.values().stream()
            .map(SummaryStatistics::getStandardDeviation)
            .collect(Collectors.toList());
    chart.addSeries(name, new ArrayList<>(kinds.keySet()), means, deviations);
  }
}
