package io.github.dcn4j.layers;

import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Equation 3 of Deformable DETR (arXiv 2010.04159) with the projections of its module, as loops
 * over float64: an oracle that shares no code with the vertex.
 */
final class PlainAttention {
  private final Map<String, INDArray> params;
  private final int heads;
  private final int points;

  PlainAttention(Map<String, INDArray> params, int heads, int points) {
    this.params = params;
    this.heads = heads;
    this.points = points;
  }

  /**
   * The output [N, nOut, Q].
   *
   * @param query [N, nInQueries, Q]
   * @param reference [N, 2 or 2·L, Q]
   * @param levels each [N, nInValues, H, W]
   */
  INDArray output(INDArray query, INDArray reference, INDArray... levels) {
    int queries = (int) query.size(2);
    int outputs = (int) params.get("outputB").length();
    INDArray output = Nd4j.create(DataType.DOUBLE, query.size(0), outputs, queries);
    for (int n = 0; n < query.size(0); n++) {
      double[][][][] values = new double[levels.length][][][];
      for (int l = 0; l < levels.length; l++) {
        values[l] = values(levels[l].slice(n));
      }
      for (int q = 0; q < queries; q++) {
        double[] x = column(query.slice(n), q);
        double[] attended = attended(x, column(reference.slice(n), q), values, outputs);
        double[] y = linear(attended, "output");
        for (int c = 0; c < outputs; c++) {
          output.putScalar(new int[] {n, c, q}, y[c]);
        }
      }
    }
    return output;
  }

  private static double[] column(INDArray rows, int q) {
    double[] column = new double[(int) rows.size(0)];
    for (int c = 0; c < column.length; c++) {
      column[c] = rows.getDouble(c, q);
    }
    return column;
  }

  private double[] linear(double[] x, String name) {
    INDArray weights = params.get(name + "W");
    INDArray bias = params.get(name + "B");
    double[] y = new double[(int) bias.length()];
    for (int j = 0; j < y.length; j++) {
      y[j] = bias.getDouble(j);
      for (int i = 0; i < x.length; i++) {
        y[j] += x[i] * weights.getDouble(i, j);
      }
    }
    return y;
  }

  /** The value projection of a level [nInValues, H, W], as [H][W][nOut]. */
  private double[][][] values(INDArray level) {
    double[][][] values = new double[(int) level.size(1)][(int) level.size(2)][];
    for (int y = 0; y < values.length; y++) {
      for (int x = 0; x < values[y].length; x++) {
        double[] pixel = new double[(int) level.size(0)];
        for (int c = 0; c < pixel.length; c++) {
          pixel[c] = level.getDouble(c, y, x);
        }
        values[y][x] = linear(pixel, "value");
      }
    }
    return values;
  }

  private double[] attended(
      double[] query, double[] reference, double[][][][] values, int outputs) {
    double[] offsets = linear(query, "offset");
    double[] logits = linear(query, "attention");
    double[] attended = new double[outputs];
    int perHead = values.length * points;
    int channels = outputs / heads;
    for (int m = 0; m < heads; m++) {
      double sum = 0;
      for (int i = 0; i < perHead; i++) {
        sum += Math.exp(logits[m * perHead + i]);
      }
      for (int i = 0; i < perHead; i++) {
        double[][][] value = values[i / points];
        int pair = reference.length == 2 ? 0 : 2 * (i / points);
        int at = 2 * (m * perHead + i);
        double x = (reference[pair] + offsets[at] / value[0].length) * value[0].length - 0.5;
        double y = (reference[pair + 1] + offsets[at + 1] / value.length) * value.length - 0.5;
        double weight = Math.exp(logits[m * perHead + i]) / sum;
        for (int c = m * channels; c < (m + 1) * channels; c++) {
          attended[c] += weight * bilinear(value, y, x, c);
        }
      }
    }
    return attended;
  }

  private static double bilinear(double[][][] value, double y, double x, int channel) {
    int top = (int) Math.floor(y);
    int left = (int) Math.floor(x);
    double sum = 0;
    for (int row = top; row <= top + 1; row++) {
      for (int column = left; column <= left + 1; column++) {
        boolean inside = row >= 0 && row < value.length && column >= 0 && column < value[0].length;
        if (inside) {
          sum += (1 - Math.abs(y - row)) * (1 - Math.abs(x - column)) * value[row][column][channel];
        }
      }
    }
    return sum;
  }
}
