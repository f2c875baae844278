package io.github.dcn4j.examples;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.data.LabelledImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;

/** Writes images as a COCO folder. */
final class CocoFolders {
  /** Ids of the categories have gaps, as COCO's own. */
  private static final int FIRST_CATEGORY = 10;

  private static final int HELD_OUT_ONE_IN = 5;

  private CocoFolders() {}

  /** Makes the folder; every fifth image is held out; the classes are digit 0, digit 1, ... */
  static void write(Path folder, List<LabelledImage> images) throws IOException {
    List<Integer> training = new ArrayList<>();
    List<Integer> heldOut = new ArrayList<>();
    for (int i = 0; i < images.size(); i++) {
      (i % HELD_OUT_ONE_IN == 0 ? heldOut : training).add(i);
    }
    write(folder, "train2017", images, training);
    write(folder, "val2017", images, heldOut);
  }

  private static void write(
      Path folder, String part, List<LabelledImage> images, List<Integer> numbers)
      throws IOException {
    Files.createDirectories(folder.resolve(part));
    Files.createDirectories(folder.resolve("annotations"));
    List<String> listed = new ArrayList<>();
    List<String> boxes = new ArrayList<>();
    for (int number : numbers) {
      LabelledImage image = images.get(number);
      Path file = folder.resolve(part + "/" + number + ".png");
      ImageIO.write(image.getImage(), "png", file.toFile());
      listed.add(
          String.format(
              "{\"id\": %d, \"file_name\": \"%d.png\", \"width\": %d, \"height\": %d}",
              number, number, image.getImage().getWidth(), image.getImage().getHeight()));
      for (Box box : image.getBoxes()) {
        boxes.add(
            String.format(
                Locale.ROOT,
                "{\"id\": %d, \"image_id\": %d, \"category_id\": %d, \"iscrowd\": 0,"
                    + " \"bbox\": [%s, %s, %s, %s]}",
                boxes.size(),
                number,
                FIRST_CATEGORY * (1 + box.getLabel()),
                box.getX1(),
                box.getY1(),
                box.width(),
                box.height()));
      }
    }
    String categories =
        IntStream.range(0, 10)
            .mapToObj(i -> "{\"id\": " + FIRST_CATEGORY * (1 + i) + ", \"name\": \"digit " + i)
            .collect(Collectors.joining("\"}, ", "", "\"}"));
    Files.writeString(
        folder.resolve("annotations/instances_" + part + ".json"),
        String.format(
            "{\"images\": [%s], \"annotations\": [%s], \"categories\": [%s]}",
            String.join(", ", listed), String.join(", ", boxes), categories));
  }
}
