package io.github.dcn4j.examples.detect;

import io.github.dcn4j.examples.data.Box;
import io.github.dcn4j.examples.data.DetectionDataset;
import io.github.dcn4j.examples.data.LabelledImage;
import java.awt.image.BufferedImage;
import java.util.List;
import java.util.NoSuchElementException;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.DataSetPreProcessor;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A data set as minibatches for a network that ends in a {@code Yolo2OutputLayer}.
 *
 * <p>Features are [minibatch, 3, side, side], values −1 to 1. Labels are [minibatch, 4 + classes,
 * grid, grid]: in the grid cell that holds the middle of an object stand the object's left, upper,
 * right and lower edges in units of cells and a one for its class; all else is zero. Of two objects
 * with their middles in one cell, the larger is kept.
 */
public final class DetectionBatches implements DataSetIterator {
  private static final long serialVersionUID = 1L;

  private final transient DetectionDataset dataset;
  private final int[] order;
  private final int batchSize;
  private final int grid;
  private int next;

  /**
   * Minibatches of a data set.
   *
   * @param dataset the images, all of one square size
   * @param order indices into the data set, in the order in which they are wanted
   * @param batchSize images in a minibatch; the last may have fewer
   * @param grid number of rows, and of columns, of the network's output
   */
  public DetectionBatches(DetectionDataset dataset, int[] order, int batchSize, int grid) {
    this.dataset = dataset;
    this.order = order.clone();
    this.batchSize = batchSize;
    this.grid = grid;
  }

  @Override
  public boolean hasNext() {
    return next < order.length;
  }

  @Override
  public DataSet next() {
    return next(batchSize);
  }

  @Override
  public DataSet next(int count) {
    if (!hasNext()) {
      throw new NoSuchElementException("all " + order.length + " images have been read");
    }
    LabelledImage[] images = new LabelledImage[Math.min(count, order.length - next)];
    for (int i = 0; i < images.length; i++) {
      images[i] = dataset.get(order[next++]);
    }
    return new DataSet(features(images), labels(images));
  }

  /** Pixels as [images, 3, height, width], values −1 to 1; all images have one size. */
  public static INDArray features(LabelledImage... images) {
    int width = images[0].getImage().getWidth();
    int height = images[0].getImage().getHeight();
    int plane = width * height;
    float[] values = new float[images.length * 3 * plane];
    int[] pixels = new int[plane];
    for (int i = 0; i < images.length; i++) {
      BufferedImage image = images[i].getImage();
      image.getRGB(0, 0, width, height, pixels, 0, width);
      for (int p = 0; p < plane; p++) {
        int at = i * 3 * plane + p;
        values[at] = scaled(pixels[p] >> 16);
        values[at + plane] = scaled(pixels[p] >> 8);
        values[at + 2 * plane] = scaled(pixels[p]);
      }
    }
    return Nd4j.createFromArray(values).reshape(images.length, 3, height, width);
  }

  private static float scaled(int channel) {
    return (channel & 0xFF) / 127.5f - 1;
  }

  private INDArray labels(LabelledImage[] images) {
    int channels = 4 + dataset.labels().size();
    float[] values = new float[images.length * channels * grid * grid];
    for (int i = 0; i < images.length; i++) {
      double cellWidth = (double) images[i].getImage().getWidth() / grid;
      double cellHeight = (double) images[i].getImage().getHeight() / grid;
      int image = i * channels * grid * grid;
      images[i].getBoxes().stream()
          .filter(box -> !box.isDifficult())
          .map(box -> box.scaled(1 / cellWidth, 1 / cellHeight))
          .sorted((a, b) -> Double.compare(a.area(), b.area()))
          .forEach(box -> encode(box, values, image));
    }
    return Nd4j.createFromArray(values).reshape(images.length, channels, grid, grid);
  }

  /** Writes one object over whatever smaller one has its middle in the same cell. */
  private void encode(Box box, float[] values, int image) {
    int column = Math.min(grid - 1, (int) ((box.getX1() + box.getX2()) / 2));
    int row = Math.min(grid - 1, (int) ((box.getY1() + box.getY2()) / 2));
    int plane = grid * grid;
    int at = image + row * grid + column;
    for (int label = 0; label < dataset.labels().size(); label++) {
      values[at + (4 + label) * plane] = label == box.getLabel() ? 1 : 0;
    }
    values[at] = (float) box.getX1();
    values[at + plane] = (float) box.getY1();
    values[at + 2 * plane] = (float) box.getX2();
    values[at + 3 * plane] = (float) box.getY2();
  }

  @Override
  public void reset() {
    next = 0;
  }

  @Override
  public boolean resetSupported() {
    return true;
  }

  /** Yes: the next minibatch is made ready by another thread while the network works. */
  @Override
  public boolean asyncSupported() {
    return true;
  }

  @Override
  public int batch() {
    return batchSize;
  }

  @Override
  public int inputColumns() {
    throw new UnsupportedOperationException("images are not rows of columns");
  }

  @Override
  public int totalOutcomes() {
    return dataset.labels().size();
  }

  @Override
  public List<String> getLabels() {
    return dataset.labels();
  }

  @Override
  public void setPreProcessor(DataSetPreProcessor preProcessor) {
    throw new UnsupportedOperationException("the features are scaled already");
  }

  @Override
  public DataSetPreProcessor getPreProcessor() {
    return null;
  }
}
