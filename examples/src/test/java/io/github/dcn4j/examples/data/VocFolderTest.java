package io.github.dcn4j.examples.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.examples.UserInputException;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VocFolderTest {
  private static final double EXACT = 1e-9;

  @TempDir Path folder;

  private Path image(String name, int width, int height) throws IOException {
    Path file = folder.resolve("JPEGImages").resolve(name);
    Files.createDirectories(file.getParent());
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    graphics.setColor(Color.RED);
    graphics.fillRect(width / 2, 0, width, height);
    graphics.dispose();
    ImageIO.write(image, name.endsWith("png") ? "png" : "jpg", file.toFile());
    return file;
  }

  private Path annotation(String name, String content) throws IOException {
    Path file = folder.resolve("Annotations").resolve(name + ".xml");
    Files.createDirectories(file.getParent());
    return Files.writeString(file, "<annotation>" + content + "</annotation>");
  }

  private static String object(String name, String x1, String y1, String x2, String y2) {
    return String.format(
        "<object><name>%s</name><bndbox><xmin>%s</xmin><ymin>%s</ymin><xmax>%s</xmax><ymax>%s</ymax>"
            + "</bndbox></object>",
        name, x1, y1, x2, y2);
  }

  private void list(String name, String... lines) throws IOException {
    Path file = folder.resolve("ImageSets").resolve("Main").resolve(name);
    Files.createDirectories(file.getParent());
    Files.write(file, Arrays.asList(lines));
  }

  /** Two images, the first to train on. */
  private void pair() throws IOException {
    image("a.jpg", 60, 40);
    annotation("a", object("cat", "1", "1", "30", "20"));
    image("b.jpg", 60, 40);
    annotation("b", object("dog", "1", "1", "60", "40"));
    list("train.txt", "a");
    list("val.txt", "b");
  }

  private String complaint() {
    return assertThrows(
            UserInputException.class,
            () -> {
              VocFolder voc = VocFolder.open(folder, 1);
              for (DetectionDataset part : Arrays.asList(voc.training(32), voc.heldOut(32))) {
                for (int i = 0; i < part.size(); i++) {
                  part.get(i);
                }
              }
            })
        .getMessage();
  }

  private void assertComplaint(Object... parts) {
    String complaint = complaint();
    for (Object part : parts) {
      assertTrue(complaint.contains(part.toString()), complaint);
    }
  }

  @Test
  void imagesAreStretchedAndBoxesWithThem() throws IOException {
    pair();
    VocFolder voc = VocFolder.open(folder, 1);
    assertEquals(Arrays.asList("cat", "dog"), voc.getLabels());
    LabelledImage a = voc.training(32).get(0);
    assertEquals("a.jpg", a.getName());
    assertEquals(32, a.getImage().getWidth());
    assertEquals(32, a.getImage().getHeight());
    Box box = a.getBoxes().get(0);
    assertEquals(0, box.getX1(), EXACT);
    assertEquals(0, box.getY1(), EXACT);
    assertEquals(30 * 32 / 60.0, box.getX2(), EXACT);
    assertEquals(20 * 32 / 40.0, box.getY2(), EXACT);
    assertEquals(0, box.getLabel());
    Box all = voc.heldOut(32).get(0).getBoxes().get(0);
    assertEquals(Box.of(0, 0, 32, 32, 1), all);
    // The right half is red; the colours survive the JPEG coding and the stretching roughly.
    assertTrue(new Color(a.getImage().getRGB(28, 16)).getRed() > 200);
    assertTrue(new Color(a.getImage().getRGB(4, 16)).getRed() < 60);
  }

  @Test
  void awkwardXmlIsRead() throws IOException {
    pair();
    annotation(
        "a",
        "\n<!-- one line, floats, tags in another order, a part with a box and a name of its own -->"
            + "<size>\n<width>60</width><height> 40 </height></size><segmented>0</segmented>"
            + "<object><part><name>ear</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax>"
            + "<ymax>2</ymax></bndbox></part><bndbox><ymax>20.5</ymax><xmax>\n30.25\n</xmax>"
            + "<ymin>3.5</ymin><xmin>2.5</xmin></bndbox><difficult>1</difficult>"
            + "<name> caf\u00e9 &amp; bar </name></object>");
    VocFolder voc = VocFolder.open(folder, 1);
    assertEquals(Arrays.asList("caf\u00e9 & bar", "dog"), voc.getLabels());
    Box box = voc.training(60).get(0).getBoxes().get(0);
    assertEquals(1.5, box.getX1(), EXACT);
    assertEquals(2.5 * 60 / 40, box.getY1(), EXACT);
    assertEquals(30.25, box.getX2(), EXACT);
    assertTrue(box.isDifficult());
  }

  @Test
  void withoutListsTheSplitIsFixedByTheSeed() throws IOException {
    for (int i = 0; i < 10; i++) {
      image("i" + i + ".png", 8, 8);
      annotation("i" + i, object("thing", "1", "1", "8", "8"));
    }
    Set<String> training = names(VocFolder.open(folder, 5).training(8));
    Set<String> heldOut = names(VocFolder.open(folder, 5).heldOut(8));
    assertEquals(8, training.size());
    assertEquals(2, heldOut.size());
    assertEquals(training, names(VocFolder.open(folder, 5).training(8)));
    training.addAll(heldOut);
    assertEquals(10, training.size());
  }

  private static Set<String> names(DetectionDataset dataset) {
    Set<String> names = new TreeSet<>();
    for (int i = 0; i < dataset.size(); i++) {
      names.add(dataset.get(i).getName());
    }
    return names;
  }

  @Test
  void withOneListTheRestIsTheOtherPart() throws IOException {
    pair();
    Files.delete(folder.resolve("ImageSets/Main/val.txt"));
    assertEquals(Set.of("b.jpg"), names(VocFolder.open(folder, 1).heldOut(8)));
  }

  @Test
  void anImageWithoutObjectsIsBackground() throws IOException {
    pair();
    annotation("b", "");
    assertEquals(0, VocFolder.open(folder, 1).heldOut(8).get(0).getBoxes().size());
  }

  @Test
  void missingFoldersAreNamed() throws IOException {
    assertComplaint(folder.resolve("JPEGImages"), "no such folder");
    image("a.jpg", 8, 8);
    assertComplaint(folder.resolve("Annotations"), "no such folder");
  }

  @Test
  void missingFilesAreNamed() throws IOException {
    pair();
    list("val.txt", "b", "c");
    assertComplaint("JPEGImages", "'c'");
    Path image = image("c.jpg", 8, 8);
    assertComplaint(image, "no annotation");
  }

  @Test
  void noClassesIsAnError() throws IOException {
    pair();
    annotation("a", "");
    annotation("b", "");
    assertComplaint(folder, "no <object>");
  }

  @Test
  void anImageCutShortIsNamed() throws IOException {
    pair();
    Path jpeg = image("a.jpg", 200, 200);
    annotation("a", object("cat", "1", "1", "30", "20"));
    byte[] bytes = Files.readAllBytes(jpeg);
    Files.write(jpeg, Arrays.copyOf(bytes, bytes.length * 2 / 3));
    assertComplaint(jpeg, "cut short");
    Files.write(jpeg, Arrays.copyOf(bytes, 100));
    assertComplaint(jpeg);
    Files.write(jpeg, new byte[0]);
    assertComplaint(jpeg);
    Files.delete(jpeg);
    Path png = image("a.png", 200, 200);
    Files.write(png, Arrays.copyOf(Files.readAllBytes(png), 200));
    assertComplaint(png);
  }

  @Test
  void twoImagesOfOneNameAreAmbiguous() throws IOException {
    pair();
    assertComplaint(image("a.png", 8, 8), "a.jpg");
  }

  @Test
  void boxesOutsideTheImageAreNamed() throws IOException {
    pair();
    for (String box : Arrays.asList("1 1 61 40", "1 1 60 41", "-1 1 5 5", "1 -1 5 5", "9 9 3 9")) {
      String[] edges = box.split(" ");
      Path file = annotation("b", object("dog", edges[0], edges[1], edges[2], edges[3]));
      assertComplaint(file, "'dog'", "60×40");
    }
  }

  @Test
  void aSizeUnlikeTheImageIsNamed() throws IOException {
    pair();
    Path file = annotation("b", "<size><width>40</width><height>60</height></size>");
    assertComplaint(file, "40×60", "60×40");
  }

  @Test
  void brokenXmlIsNamed() throws IOException {
    pair();
    Path file = folder.resolve("Annotations/b.xml");
    for (String xml :
        Arrays.asList(
            "",
            "<annotation>",
            "<annotation><object><name>x</name></object></annotation>",
            "<annotation>" + object("x", "one", "1", "2", "2") + "</annotation>",
            "<annotation>" + object("x", "NaN", "1", "2", "2") + "</annotation>",
            "<annotation>" + object(" ", "1", "1", "2", "2") + "</annotation>",
            "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/hostname\">]><annotation>"
                + object("&e;", "1", "1", "2", "2")
                + "</annotation>")) {
      Files.writeString(file, xml);
      assertComplaint(file);
    }
  }

  @Test
  void oneImageIsTooFew() throws IOException {
    image("a.jpg", 8, 8);
    annotation("a", object("cat", "1", "1", "8", "8"));
    assertComplaint(folder, "at least one image");
  }
}
