package io.github.dcn4j.detection.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ImageFilesTest {
  /** What two JPEG decoders may differ in. */
  private static final int TOLERANCE = 3;

  @TempDir Path folder;

  private static Path images() throws URISyntaxException {
    return Path.of(ImageFilesTest.class.getResource("images/pixels.csv").toURI()).getParent();
  }

  private static Stream<String> files() throws IOException, URISyntaxException {
    return Files.lines(images().resolve("pixels.csv"))
        .skip(1)
        .map(line -> line.split(",")[0])
        .distinct();
  }

  @ParameterizedTest
  @MethodSource("files")
  void anImageHasTheColoursThatPillowFindsAndIsUpright(String name)
      throws IOException, URISyntaxException {
    BufferedImage image = ImageFiles.read(images().resolve(name));
    List<String> lines =
        Files.lines(images().resolve("pixels.csv"))
            .filter(line -> line.startsWith(name + ","))
            .collect(Collectors.toList());
    assertEquals(6, lines.size());
    for (String line : lines) {
      int[] numbers = Arrays.stream(line.split(",")).skip(1).mapToInt(Integer::parseInt).toArray();
      assertEquals(numbers[0], image.getWidth());
      assertEquals(numbers[1], image.getHeight());
      int rgb = image.getRGB(numbers[2], numbers[3]);
      int[] found = {rgb >> 16 & 0xFF, rgb >> 8 & 0xFF, rgb & 0xFF};
      int tolerance = name.endsWith("jpg") || name.startsWith("jpeg") ? TOLERANCE : 0;
      for (int i = 0; i < found.length; i++) {
        assertEquals(numbers[4 + i], found[i], tolerance, line + " but " + Arrays.toString(found));
      }
    }
  }

  @Test
  void ofAFolderTheImagesAreTakenButNotHiddenFilesOrFolders() throws IOException {
    for (String name : List.of("b.JPG", "a.png", "._a.png", ".hidden.png", "notes.txt", "c.tif")) {
      Files.createFile(folder.resolve(name));
    }
    Files.createDirectory(folder.resolve("folder.jpg"));
    assertEquals(
        List.of("a.png", "b.JPG", "c.tif"),
        ImageFiles.in(folder).stream()
            .map(file -> file.getFileName().toString())
            .collect(Collectors.toList()));
    Path empty = Files.createDirectory(folder.resolve("empty"));
    InvalidDataException e = assertThrows(InvalidDataException.class, () -> ImageFiles.in(empty));
    assertTrue(e.getMessage().endsWith("empty: holds no images"), e.getMessage());
  }

  @Test
  void aPictureOfOnePixelIsRead() throws IOException {
    BufferedImage pixel = new BufferedImage(1, 1, BufferedImage.TYPE_INT_RGB);
    pixel.setRGB(0, 0, 0x123456);
    Path file = folder.resolve("pixel.png");
    ImageIO.write(pixel, "png", file.toFile());
    assertEquals(0x123456, ImageFiles.read(file).getRGB(0, 0) & 0xFFFFFF);
  }

  @Test
  void damagedExifIsNoObstacle() throws IOException, URISyntaxException {
    byte[] bytes = Files.readAllBytes(images().resolve("exif-6.jpg"));
    int exif = new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1).indexOf("Exif");
    Arrays.fill(bytes, exif + 6, exif + 14, (byte) 0xEE);
    Path file = Files.write(folder.resolve("a.jpg"), bytes);
    assertEquals(48, ImageFiles.read(file).getWidth());
  }

  @Test
  void aLinkToAnImageIsReadAndAFolderIsNone() throws IOException, URISyntaxException {
    Path link = Files.createSymbolicLink(folder.resolve("a.jpg"), images().resolve("grey.jpg"));
    assertEquals(48, ImageFiles.read(link).getWidth());
    Path inner = Files.createDirectory(folder.resolve("b.jpg"));
    String message =
        assertThrows(InvalidDataException.class, () -> ImageFiles.read(inner)).getMessage();
    assertTrue(message.startsWith(inner + ": "), message);
  }
}
