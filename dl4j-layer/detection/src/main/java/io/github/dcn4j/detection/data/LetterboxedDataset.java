package io.github.dcn4j.detection.data;

import java.awt.image.BufferedImage;
import java.util.List;
import lombok.RequiredArgsConstructor;

/** The images of another data set, each in a {@link Letterbox}. */
@RequiredArgsConstructor
public final class LetterboxedDataset implements DetectionDataset {
  private final DetectionDataset images;

  /** Rows and columns of the squares. */
  private final int side;

  @Override
  public List<String> labels() {
    return images.labels();
  }

  @Override
  public int size() {
    return images.size();
  }

  @Override
  public LabelledImage get(int index) {
    LabelledImage whole = images.get(index);
    BufferedImage image = whole.getImage();
    Letterbox letterbox = new Letterbox(image.getWidth(), image.getHeight(), side);
    return new LabelledImage(
        whole.getName(), letterbox.draw(image), letterbox.toSquare(whole.getBoxes()));
  }

  @Override
  public DetectionDataset forEpoch(int epoch) {
    return new LetterboxedDataset(images.forEpoch(epoch), side);
  }
}
