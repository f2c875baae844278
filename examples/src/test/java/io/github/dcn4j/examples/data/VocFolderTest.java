package io.github.dcn4j.examples.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.examples.UserInputException;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.CRC32;
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

  private VocFolder open(long seed) {
    return VocFolder.open(folder, seed, new BadFiles(BadFiles.Policy.REFUSE));
  }

  private String complaint() {
    return assertThrows(
            UserInputException.class,
            () -> {
              BadFiles badFiles = new BadFiles(BadFiles.Policy.REFUSE);
              VocFolder.open(folder, 1, badFiles).readable(32, badFiles, () -> {});
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
    VocFolder voc = open(1);
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
    VocFolder voc = open(1);
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
    Set<String> training = names(open(5).training(8));
    Set<String> heldOut = names(open(5).heldOut(8));
    assertEquals(8, training.size());
    assertEquals(2, heldOut.size());
    assertEquals(training, names(open(5).training(8)));
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
    assertEquals(Set.of("b.jpg"), names(open(1).heldOut(8)));
  }

  @Test
  void anImageWithoutObjectsIsBackground() throws IOException {
    pair();
    annotation("b", "");
    assertEquals(0, open(1).heldOut(8).get(0).getBoxes().size());
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
  void anImageWithDamageInItsMiddleIsNamed() throws IOException {
    pair();
    Path jpeg = image("a.jpg", 200, 200);
    annotation("a", object("cat", "1", "1", "30", "20"));
    byte[] bytes = Files.readAllBytes(jpeg);
    Arrays.fill(bytes, bytes.length / 2, bytes.length / 2 + 64, (byte) 0xFE);
    Files.write(jpeg, bytes);
    assertComplaint(jpeg, "damaged");
  }

  @Test
  void anImageThatSaysItIsHugeIsNamed() throws IOException {
    pair();
    Files.delete(folder.resolve("JPEGImages/a.jpg"));
    Path png = image("a.png", 60, 40);
    byte[] bytes = Files.readAllBytes(png);
    ByteBuffer header = ByteBuffer.wrap(bytes);
    header.putInt(16, 60_000).putInt(20, 60_000); // width and height
    CRC32 checksum = new CRC32();
    checksum.update(bytes, 12, 17);
    header.putInt(29, (int) checksum.getValue());
    Files.write(png, bytes);
    assertComplaint(png, "3600000000");
  }

  @Test
  void anEmptyFileIsNamed() throws IOException {
    pair();
    Path jpeg = folder.resolve("JPEGImages/a.jpg");
    Files.write(jpeg, new byte[0]);
    assertComplaint(jpeg, "empty");
  }

  @Test
  void anAnnotationWithoutAnImageIsNamed() throws IOException {
    pair();
    Files.delete(folder.resolve("ImageSets/Main/train.txt"));
    assertComplaint(annotation("c", object("dog", "1", "1", "5", "4")), "'c'");
  }

  @Test
  void allBadFilesAreNamedAtOnce() throws IOException {
    pair();
    Path a = Files.writeString(folder.resolve("JPEGImages/a.jpg"), "text");
    Path b = annotation("b", object("dog", "1", "1", "600", "40"));
    assertComplaint(a, b, "--on-bad-file skip");
    Files.writeString(b, "text"); // found when annotations are read, before images are
    assertComplaint(a, b, "--on-bad-file skip");
  }

  @Test
  void badFilesAreLeftOutOnDemand() throws IOException {
    for (String name : List.of("a", "b", "c", "d", "e", "f", "g", "h", "i")) {
      image(name + ".jpg", 60, 40);
      annotation(name, object("of " + name, "1", "1", "60", "40"));
    }
    list("val.txt", "h", "i");
    byte[] jpeg = Files.readAllBytes(folder.resolve("JPEGImages/a.jpg"));
    Files.write(folder.resolve("JPEGImages/a.jpg"), Arrays.copyOf(jpeg, jpeg.length / 2));
    Files.writeString(folder.resolve("JPEGImages/b.jpg"), "text");
    Files.writeString(folder.resolve("Annotations/c.xml"), "text");
    annotation("d", object("of d", "1", "1", "61", "40"));
    Files.delete(folder.resolve("JPEGImages/e.jpg"));
    Files.delete(folder.resolve("Annotations/f.xml"));
    Files.write(folder.resolve("JPEGImages/h.jpg"), new byte[0]);
    BadFiles badFiles = new BadFiles(BadFiles.Policy.SKIP);
    AtomicInteger steps = new AtomicInteger();
    VocFolder voc =
        VocFolder.open(folder, 1, badFiles).readable(32, badFiles, steps::incrementAndGet);
    assertEquals(Set.of("g.jpg"), names(voc.training(32)));
    assertEquals(Set.of("i.jpg"), names(voc.heldOut(32)));
    assertEquals(List.of("of g", "of i"), voc.getLabels());
    assertEquals(1, voc.heldOut(32).get(0).getBoxes().get(0).getLabel());
    assertEquals(6, steps.get()); // a, b, d, g, h, i: the others had been left out before
    List<String> complaints = badFiles.complaints();
    assertEquals(7, complaints.size(), complaints.toString());
    for (String file : List.of("a.jpg", "b.jpg", "c.xml", "d.xml", "e.xml", "f.jpg", "h.jpg")) {
      assertEquals(
          1,
          complaints.stream().filter(c -> c.contains("/" + file + ":")).count(),
          file + " in " + complaints);
    }
  }

  @Test
  void theFingerprintChangesWithWhatIsInTheFolder() throws IOException {
    pair();
    long before = open(1).fingerprint();
    assertEquals(before, open(1).fingerprint());
    annotation("a", object("cat", "1", "1", "30", "21"));
    long after = open(1).fingerprint();
    assertNotEquals(before, after);
    Path image = image("a.jpg", 60, 41);
    long resized = open(1).fingerprint();
    assertNotEquals(after, resized);
    byte[] bytes = Files.readAllBytes(image);
    bytes[bytes.length / 2] ^= 1; // another picture in as many bytes
    Files.write(image, bytes);
    assertNotEquals(resized, open(1).fingerprint());
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
            "not XML",
            "<html><body>Not found</body></html>",
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
