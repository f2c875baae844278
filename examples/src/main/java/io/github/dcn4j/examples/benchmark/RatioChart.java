package io.github.dcn4j.examples.benchmark;

import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import lombok.experimental.UtilityClass;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;

/**
 * A chart of what a forward pass costs, in costs of ONNX Runtime's plain convolution. ND4J's own
 * convolution, several times as slow as all others, is left to the table.
 */
@UtilityClass
class RatioChart {
  private static final int WIDTH = 900;
  private static final int HEIGHT = 450;
  private static final Color[] COLORS = {
    new Color(0x1F77B4), new Color(0xFFB14E), new Color(0xB0B0B0)
  };

  /**
   * Draws the chart into a PNG file.
   *
   * @param result of a task in which ONNX Runtime's plain convolution took part
   */
  static void write(TaskResult result, Path file) throws IOException {
    CategoryChart chart =
        new CategoryChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(
                "Forward pass, "
                    + result.getTask().getKernel()
                    + ", threads: "
                    + result.getTask().getThreads())
            .xAxisTitle(ConvolutionShape.NAMES)
            .yAxisTitle("time, plain convolution = 1")
            .build();
    chart.getStyler().setLegendPosition(LegendPosition.OutsideS);
    chart.getStyler().setLegendLayout(LegendLayout.Horizontal);
    chart.getStyler().setYAxisDecimalPattern("0.00");
    chart.getStyler().setAvailableSpaceFill(0.8);
    chart.getStyler().setYAxisMin(0.0);
    chart.getStyler().setLabelsVisible(true).setLabelsPosition(0.9);
    chart.getStyler().setLabelsFontColorAutomaticEnabled(false);
    chart.getStyler().setChartBackgroundColor(Color.WHITE);
    chart.getStyler().setPlotGridVerticalLinesVisible(false);
    chart.getStyler().setSeriesColors(COLORS);
    add(chart, result, "DCN4J deformable", Contender.FORWARD);
    add(chart, result, "ONNX Runtime DeformConv", Contender.ONNX_DEFORM_CONV);
    add(chart, result, "ONNX Runtime plain Conv", Contender.ONNX_CONV);
    BitmapEncoder.saveBitmap(chart, file.toString(), BitmapFormat.PNG);
  }

  private static void add(
      CategoryChart chart, TaskResult result, String name, Contender contender) {
    List<String> shapes =
        result.getCases().stream().map(TaskResult.Case::getShape).collect(Collectors.toList());
    List<Double> ratios =
        result.getCases().stream().map(c -> ratio(c, contender)).collect(Collectors.toList());
    chart.addSeries(name, shapes, ratios);
  }

  private static double ratio(TaskResult.Case c, Contender contender) {
    return c.getTimings().get(contender).getBest()
        / c.getTimings().get(Contender.ONNX_CONV).getBest();
  }
}
