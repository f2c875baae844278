package io.github.dcn4j.detection.data;

import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.Locale;
import lombok.experimental.UtilityClass;

/**
 * Names of files as text, whatever the locale.
 *
 * <p>In the plain C locale Java knows ASCII names only: others turn into question marks, and cannot
 * be looked up. They are taken for UTF-8 then, as Python takes them (PEP 540). And one name may be
 * written in several ways, with é as one character or as two (macOS and Linux differ): what is
 * compared is in Unicode's form NFC.
 */
@UtilityClass
public class FileNames {
  /** Whether this is the plain C locale. */
  public static final boolean ONLY_ASCII = isAscii(System.getProperty("sun.jnu.encoding"));

  private static boolean isAscii(String charset) {
    return charset != null
        && Charset.isSupported(charset)
        && Charset.forName(charset).equals(StandardCharsets.US_ASCII);
  }

  /** A path as text. */
  public static String text(Path path) {
    String text = path.toString();
    if (!ONLY_ASCII || isAsciiText(text)) {
      return text;
    }
    String absolute = absoluteText(path);
    return path.isAbsolute()
        ? absolute
        : absolute.substring(absoluteText(Path.of("")).length() + 1);
  }

  /** A URI holds a path's bytes, and reads them as UTF-8; that of a folder ends in a slash. */
  private static String absoluteText(Path path) {
    String text = path.toAbsolutePath().toUri().getPath();
    return text.length() > 1 && text.endsWith("/") ? text.substring(0, text.length() - 1) : text;
  }

  /** The path that is written so. */
  public static Path path(String text) {
    return ONLY_ASCII && !isAsciiText(text) ? resolve(Path.of(""), text) : Path.of(text);
  }

  /**
   * What a name stands for in a folder.
   *
   * @param name a name, or a path from the folder
   */
  public static Path resolve(Path folder, String name) {
    if (!ONLY_ASCII || isAsciiText(name)) {
      return folder.resolve(name);
    }
    String absolute = name.startsWith("/") ? name : absoluteText(folder) + "/" + name;
    String escaped = URLEncoder.encode(absolute, StandardCharsets.UTF_8);
    return Path.of(URI.create("file://" + escaped.replace("+", "%20").replace("%2F", "/")));
  }

  private static boolean isAsciiText(String text) {
    return text.chars().allMatch(c -> c < 0x80);
  }

  /** The last part of a path, in form NFC. */
  static String of(Path file) {
    return normalised(text(file.getFileName()));
  }

  /** Text in form NFC. */
  static String normalised(String text) {
    return Normalizer.normalize(text, Normalizer.Form.NFC);
  }

  /** A name without what follows its last dot. */
  static String stem(String name) {
    int dot = name.lastIndexOf('.');
    return dot > 0 ? name.substring(0, dot) : name;
  }

  /** What follows the last dot of a name, in small letters; nothing if there is none. */
  static String suffix(String name) {
    int dot = name.lastIndexOf('.');
    return dot > 0 ? name.substring(dot + 1).toLowerCase(Locale.ROOT) : "";
  }

  /** Whether a file is hidden, such as those that macOS puts beside others ({@code ._a.jpg}). */
  static boolean isHidden(String name) {
    return name.startsWith(".");
  }

  /** A complaint that names its file first. */
  static InvalidDataException complaint(Path file, String what) {
    return new InvalidDataException(text(file) + ": " + what);
  }

  /** A complaint that names its file first, with what revealed it. */
  static InvalidDataException complaint(Path file, String what, Throwable cause) {
    return new InvalidDataException(text(file) + ": " + what, cause);
  }
}
