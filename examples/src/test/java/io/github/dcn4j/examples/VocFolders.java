package io.github.dcn4j.examples;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.data.LabelledImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;

/** Writes images as a Pascal VOC folder. */
final class VocFolders {
  private VocFolders() {}

  /** Makes the folder, with images 0.png, 1.png and so on; the classes are digit 0, digit 1, ... */
  static void write(Path folder, List<LabelledImage> images) throws IOException {
    Files.createDirectories(folder.resolve("JPEGImages"));
    Files.createDirectories(folder.resolve("Annotations"));
    for (int i = 0; i < images.size(); i++) {
      Path picture = folder.resolve("JPEGImages/" + i + ".png");
      ImageIO.write(images.get(i).getImage(), "png", picture.toFile());
      Files.writeString(folder.resolve("Annotations/" + i + ".xml"), xml(images.get(i).getBoxes()));
    }
  }

  private static String xml(List<Box> boxes) {
    StringBuilder xml = new StringBuilder("<annotation>");
    for (Box box : boxes) {
      xml.append("<object><name>digit ").append(box.getLabel()).append("</name><bndbox><xmin>");
      xml.append(box.getX1() + 1).append("</xmin><ymin>").append(box.getY1() + 1);
      xml.append("</ymin><xmax>").append(box.getX2()).append("</xmax><ymax>").append(box.getY2());
      xml.append("</ymax></bndbox></object>");
    }
    return xml.append("</annotation>").toString();
  }
}
