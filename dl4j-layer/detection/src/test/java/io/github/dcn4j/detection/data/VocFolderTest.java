package io.github.dcn4j.detection.data;

import static io.github.dcn4j.detection.data.ImageNames.names;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.detection.Box;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.CRC32;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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

  private AnnotatedImages open(long seed) {
    return AnnotatedImages.open(folder, seed, new BadFiles(BadFiles.Policy.REFUSE));
  }

  private String complaint() {
    return assertThrows(
            InvalidDataException.class,
            () -> {
              BadFiles badFiles = new BadFiles(BadFiles.Policy.REFUSE);
              AnnotatedImages.open(folder, 1, badFiles)
                  .readable(32, false, badFiles, () -> {})
                  .requireEnough();
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
  void imagesAreLetterboxedAndBoxesWithThem() throws IOException {
    pair();
    AnnotatedImages voc = open(1);
    assertEquals(Arrays.asList("cat", "dog"), voc.getLabels());
    LabelledImage a = voc.training(32).get(0);
    assertEquals("a.jpg", a.getName());
    assertEquals(32, a.getImage().getWidth());
    assertEquals(32, a.getImage().getHeight());
    // 60×40 becomes 32×21, with 5 rows of padding above and 6 below.
    assertEquals(List.of(Box.of(0, 5, 16, 5 + 20 * 21 / 40.0, 0)), a.getBoxes());
    assertEquals(List.of(Box.of(0, 5, 32, 26, 1)), voc.heldOut(32).get(0).getBoxes());
    // The right half is red; the colours survive the JPEG coding and the scaling roughly.
    assertTrue(new Color(a.getImage().getRGB(28, 16)).getRed() > 200);
    assertTrue(new Color(a.getImage().getRGB(4, 16)).getRed() < 60);
    assertEquals(0x808080, a.getImage().getRGB(28, 4) & 0xFFFFFF);
    assertEquals(0x808080, a.getImage().getRGB(28, 26) & 0xFFFFFF);
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
    AnnotatedImages voc = open(1);
    assertEquals(Arrays.asList("caf\u00e9 & bar", "dog"), voc.getLabels());
    Box box = voc.training(60).get(0).getBoxes().get(0);
    assertEquals(1.5, box.getX1(), EXACT);
    assertEquals(10 + 2.5, box.getY1(), EXACT);
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
    assertComplaint(folder, "no objects, so no classes");
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
    assertComplaint(a, b, "BadFiles.Policy.SKIP");
    Files.writeString(b, "text"); // found when annotations are read, before images are
    assertComplaint(a, b, "BadFiles.Policy.SKIP");
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
    AnnotatedImages voc =
        AnnotatedImages.open(folder, 1, badFiles)
            .readable(32, false, badFiles, steps::incrementAndGet);
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

  /** Images that are held out, by default of these: a to j. */
  private void manyImages() throws IOException {
    for (char name = 'a'; name <= 'j'; name++) {
      image(name + ".png", 8, 8);
      annotation(String.valueOf(name), object("thing", "1", "1", "8", "8"));
    }
  }

  @Test
  void whatIsLeftAfterBadFilesIsDivided() throws IOException {
    manyImages();
    for (String name : names(open(1).heldOut(8))) {
      Files.writeString(folder.resolve("JPEGImages").resolve(name), "text");
    }
    BadFiles badFiles = new BadFiles(BadFiles.Policy.SKIP);
    AnnotatedImages voc =
        AnnotatedImages.open(folder, 1, badFiles).readable(8, false, badFiles, () -> {});
    assertEquals(2, badFiles.complaints().size());
    assertEquals(7, voc.training(8).size());
    assertEquals(1, voc.heldOut(8).size());
  }

  @Test
  void hiddenFilesAndFoldersAreNoImages() throws IOException {
    pair();
    Files.delete(folder.resolve("ImageSets/Main/train.txt"));
    Files.writeString(folder.resolve("JPEGImages/._a.jpg"), "resource fork");
    Files.writeString(folder.resolve("JPEGImages/.hidden.png"), "");
    Files.writeString(folder.resolve("Annotations/._a.xml"), "resource fork");
    Files.createDirectory(folder.resolve("JPEGImages/folder.jpg"));
    BadFiles badFiles = new BadFiles(BadFiles.Policy.REFUSE);
    AnnotatedImages voc =
        AnnotatedImages.open(folder, 1, badFiles).readable(8, false, badFiles, () -> {});
    assertEquals(Set.of("a.jpg"), names(voc.training(8)));
    assertEquals(Set.of("b.jpg"), names(voc.heldOut(8)));
  }

  @Test
  void twoImagesOfOneNameAreLeftOutOnDemand() throws IOException {
    manyImages();
    Path other = image("c.jpg", 8, 8);
    assertComplaint(other, folder.resolve("JPEGImages/c.png"), "which one is meant");
    BadFiles badFiles = new BadFiles(BadFiles.Policy.SKIP);
    AnnotatedImages voc =
        AnnotatedImages.open(folder, 1, badFiles).readable(8, false, badFiles, () -> {});
    assertEquals(9, voc.size());
    assertEquals(1, badFiles.complaints().size());
  }

  @ParameterizedTest
  @ValueSource(strings = {"UTF-8", "UTF-16LE", "UTF-16BE"})
  void listsWithAByteOrderMarkAreRead(String charset) throws IOException {
    manyImages();
    list("val.txt");
    Files.write(folder.resolve("ImageSets/Main/val.txt"), "\uFEFFb\r\nd\r\n".getBytes(charset));
    assertEquals(Set.of("b.png", "d.png"), names(open(1).heldOut(8)));
    assertEquals(8, open(1).training(8).size());
  }

  @Test
  void namesInListsMayHaveSeveralWordsFlagsAndSuffixes() throws IOException {
    for (String name : List.of("my dog", "my dog 1", "my", "cat", "new cat", "the end")) {
      image(name + ".png", 8, 8);
      annotation(name, object("thing", "1", "1", "8", "8"));
    }
    list("train.txt", "my dog", "cat  -1", "my dog 1 ");
    list("val.txt", "new cat 1", "the end.png", "", "my 0");
    assertEquals(Set.of("my dog.png", "my dog 1.png", "cat.png"), names(open(1).training(8)));
    assertEquals(Set.of("new cat.png", "the end.png", "my.png"), names(open(1).heldOut(8)));
    list("val.txt", "my cat");
    assertComplaint("there is no image 'my cat'");
  }

  @Test
  void anImageInBothListsIsNamed() throws IOException {
    pair();
    list("train.txt", "a", "b");
    assertComplaint("train.txt", "val.txt", "'b'");
  }

  @ParameterizedTest
  @ValueSource(strings = {"1", "True", "true", " TRUE ", "yes"})
  void difficultIsWrittenInSeveralWays(String text) throws IOException {
    pair();
    annotation(
        "a",
        object("cat", "1", "1", "30", "20")
            .replace("<bndbox>", "<difficult>" + text + "</difficult><bndbox>"));
    assertTrue(open(1).training(60).get(0).getBoxes().get(0).isDifficult());
    annotation(
        "a",
        object("cat", "1", "1", "30", "20")
            .replace("<bndbox>", "<difficult>False</difficult><bndbox>"));
    assertFalse(open(1).training(60).get(0).getBoxes().get(0).isDifficult());
  }

  @Test
  void onlyDifficultObjectsAreNothingToLearn() throws IOException {
    pair();
    annotation(
        "a",
        object("cat", "1", "1", "30", "20")
            .replace("<bndbox>", "<difficult>1</difficult><bndbox>"));
    assertComplaint(folder, "no objects");
  }

  @Test
  void namesAreTheSameHoweverTheirAccentsAreWritten() throws IOException {
    String composed = "caf\u00e9";
    String decomposed = "cafe\u0301";
    image(decomposed + ".jpg", 60, 40);
    annotation(composed, object(composed, "1", "1", "30", "20"));
    image("b.jpg", 60, 40);
    annotation("b", object(decomposed, "1", "1", "60", "40"));
    list("train.txt", composed);
    AnnotatedImages voc = open(1);
    assertEquals(List.of(composed), voc.getLabels());
    assertEquals(Set.of(composed + ".jpg"), names(voc.training(8)));
    assertEquals(Set.of("b.jpg"), names(voc.heldOut(8)));
  }

  @Test
  void normalisedCoordinatesAreCalledSo() throws IOException {
    pair();
    Path file = annotation("a", object("cat", "0.1", "0.25", "0.5", "1.0"));
    assertComplaint(file, "normalised");
    annotation("a", object("cat", "0", "0", "1", "1"));
    assertComplaint(file, "normalised");
    annotation("a", object("cat", "1", "1", "1", "1")); // the first pixel
    assertEquals(List.of(Box.of(0, 10, 1, 11, 0)), open(1).training(60).get(0).getBoxes());
  }

  @Test
  void boxesOverTheEdgeByLessThanAPixelAreCutOff() throws IOException {
    pair();
    annotation("a", object("cat", "-0.5", "0", "60.4", "40.99"));
    assertEquals(List.of(Box.of(0, 10, 60, 50, 0)), open(1).training(60).get(0).getBoxes());
  }

  @Test
  void whatAnotherToolMayLeaveWrongIsNotLookedAt() throws IOException {
    image("a.JPG", 60, 40);
    annotation(
        "a",
        "<filename>other.png</filename><size><width>0</width><height>0</height></size>"
            + object("cat", "1", "1", "30", "20")
            + object("cat", "1", "1", "30", "20"));
    image("b.JPEG", 60, 40);
    annotation("b", "");
    list("train.txt", "a");
    assertEquals(1, open(1).training(60).get(0).getBoxes().size());
    assertEquals(Set.of("b.JPEG"), names(open(1).heldOut(60)));
  }

  @Test
  void boxesLieOnThePixelsOfAnImageTurnedUpright() throws IOException, URISyntaxException {
    pair();
    // Stored on its side, 48×32; upright the block of colour (200, 30, 90) is in the middle row.
    Files.copy(
        Path.of(getClass().getResource("images/exif-6.jpg").toURI()),
        folder.resolve("JPEGImages/a.jpg"),
        StandardCopyOption.REPLACE_EXISTING);
    annotation(
        "a",
        "<size><width>32</width><height>48</height></size>" + object("x", "17", "17", "32", "32"));
    LabelledImage image = open(1).training(48).get(0);
    assertEquals(List.of(Box.of(8 + 16, 16, 8 + 32, 32, 1)), image.getBoxes());
    Color middle = new Color(image.getImage().getRGB(32, 24));
    assertEquals(200, middle.getRed(), 3);
    assertEquals(30, middle.getGreen(), 3);
    Path file =
        annotation(
            "a",
            "<size><width>48</width><height>32</height></size>"
                + object("x", "17", "17", "32", "32"));
    assertComplaint(file, "48×32", "32×48", "EXIF");
  }
}
