package io.github.dcn4j.detection.data;

import com.drew.imaging.ImageMetadataReader;
import com.drew.imaging.ImageProcessingException;
import com.drew.metadata.exif.ExifIFD0Directory;
import com.twelvemonkeys.imageio.stream.ByteArrayImageInputStream;
import java.awt.Graphics2D;
import java.awt.Image;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.awt.image.DataBuffer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.ImageTypeSpecifier;
import javax.imageio.stream.ImageInputStream;

/** Reads whole image files, and says which one is at fault if it can't. */
public final class ImageFiles {
  /** An image may say that it is huge, and so take all memory. */
  private static final long MAX_PIXELS = 100_000_000;

  /** The JDK's JPEG reader warns of these, and makes the missing pixels up. */
  private static final List<String> DAMAGES =
      List.of("premature end", "bad Huffman code", "instead of RST");

  /** What names of image files end in, in small letters. */
  static final Set<String> SUFFIXES =
      Set.of("jpg", "jpeg", "jpe", "jfif", "png", "bmp", "gif", "tif", "tiff");

  private ImageFiles() {}

  /**
   * The images of a folder by their names, in order; not hidden files, and not those of its
   * folders.
   *
   * @throws InvalidDataException if there are none
   */
  public static List<Path> in(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      List<Path> images = files.filter(ImageFiles::isImage).sorted().collect(Collectors.toList());
      if (images.isEmpty()) {
        throw FileNames.complaint(folder, "holds no images");
      }
      return images;
    } catch (IOException e) {
      throw FileNames.complaint(folder, "cannot be listed: " + e.getMessage(), e);
    }
  }

  private static boolean isImage(Path file) {
    String name = FileNames.of(file);
    return !FileNames.isHidden(name)
        && SUFFIXES.contains(FileNames.suffix(name))
        && Files.isRegularFile(file);
  }

  /**
   * Reads an image: JPEG, PNG, BMP, GIF or TIFF, of any colour model, turned upright as its EXIF
   * data say. Of an animation it is the first picture.
   *
   * @return the pixels, as {@link BufferedImage#TYPE_INT_RGB}; see {@link RgbPixels} for their
   *     values
   * @throws InvalidDataException naming the file, if it is missing, empty, damaged, cut short, too
   *     large or no image
   */
  public static BufferedImage read(Path file) {
    if (!Files.isRegularFile(file)) {
      throw FileNames.complaint(file, "there is no such file");
    }
    try {
      byte[] bytes = Files.readAllBytes(file);
      if (bytes.length == 0) {
        throw FileNames.complaint(file, "the file is empty");
      }
      return Orientation.upright(RgbPixels.of(decoded(bytes, file)), orientation(bytes));
    } catch (InvalidDataException e) {
      throw e;
    } catch (IOException | RuntimeException e) { // what the readers throw differs widely
      throw FileNames.complaint(file, "cannot be read as an image: " + e.getMessage(), e);
    } catch (OutOfMemoryError e) {
      throw FileNames.complaint(
          file, "there is too little memory to read the image (java -Xmx gives more)", e);
    }
  }

  private static BufferedImage decoded(byte[] bytes, Path file) throws IOException {
    try (ImageInputStream in = new ByteArrayImageInputStream(bytes)) {
      ImageReader reader = reader(in);
      if (reader == null) {
        throw FileNames.complaint(file, "not an image in a known format");
      }
      try {
        return read(reader, file);
      } finally {
        reader.dispose();
      }
    }
  }

  /** The first that knows the format; of floating point TIFF, which that clips at 1, the last. */
  private static ImageReader reader(ImageInputStream in) throws IOException {
    Iterator<ImageReader> readers = ImageIO.getImageReaders(in);
    ImageReader reader = null;
    while (readers.hasNext() && (reader == null || isFloatingPoint(reader))) {
      if (reader != null) {
        reader.dispose();
      }
      reader = readers.next();
      in.seek(0);
      reader.setInput(in, true, true);
    }
    return reader;
  }

  private static boolean isFloatingPoint(ImageReader reader) throws IOException {
    Iterator<ImageTypeSpecifier> types = reader.getImageTypes(0);
    return types.hasNext() && types.next().getSampleModel().getDataType() >= DataBuffer.TYPE_FLOAT;
  }

  private static BufferedImage read(ImageReader reader, Path file) throws IOException {
    long pixels = (long) reader.getWidth(0) * reader.getHeight(0);
    if (pixels > MAX_PIXELS) {
      throw FileNames.complaint(
          file,
          String.format("the image has %d pixels, and at most %d can be read", pixels, MAX_PIXELS));
    }
    AtomicReference<String> damage = new AtomicReference<>();
    // The JPEG reader fills the missing part of a file that was cut short with grey, and warns.
    // It warns otherwise where only the end marker is missing; such files are whole.
    reader.addIIOReadWarningListener(
        (source, warning) -> {
          if (DAMAGES.stream().anyMatch(warning::contains)) {
            damage.set(warning);
          }
        });
    BufferedImage decoded = reader.read(0);
    if (damage.get() != null) {
      throw FileNames.complaint(file, "the image is cut short or damaged (" + damage.get() + ")");
    }
    return decoded;
  }

  /** What EXIF says of how the camera was held, 1 to 8; 1 if it says nothing that can be read. */
  private static int orientation(byte[] bytes) {
    try {
      ExifIFD0Directory exif =
          ImageMetadataReader.readMetadata(new ByteArrayInputStream(bytes), bytes.length)
              .getFirstDirectoryOfType(ExifIFD0Directory.class);
      Integer value = exif == null ? null : exif.getInteger(ExifIFD0Directory.TAG_ORIENTATION);
      return value == null ? Orientation.UPRIGHT : value;
    } catch (ImageProcessingException | IOException | RuntimeException e) {
      return Orientation.UPRIGHT; // the pixels could be read, which is what counts
    }
  }

  /**
   * An image stretched to another size, each pixel the mean of those it stands for.
   *
   * @param width of the result, in pixels
   * @param height of the result, in pixels
   */
  public static BufferedImage resized(BufferedImage image, int width, int height) {
    if (image.getWidth() == width && image.getHeight() == height) {
      return image;
    }
    boolean smaller = width <= image.getWidth() && height <= image.getHeight();
    Image scaled =
        smaller ? image.getScaledInstance(width, height, Image.SCALE_AREA_AVERAGING) : image;
    BufferedImage rgb = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = rgb.createGraphics();
    graphics.setRenderingHint(
        RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BILINEAR);
    graphics.drawImage(scaled, 0, 0, width, height, null);
    graphics.dispose();
    return rgb;
  }
}
