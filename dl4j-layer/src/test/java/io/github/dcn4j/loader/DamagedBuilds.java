package io.github.dcn4j.loader;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Properties;
import lombok.RequiredArgsConstructor;

/** Directories for a class path, each with a native library and what is written beside it. */
@RequiredArgsConstructor
final class DamagedBuilds {
  private static final String DIRECTORY = "io/github/dcn4j/native/" + NativeBuild.platform() + "/";
  private final Path parent;

  /** The library of this build. */
  static byte[] library() throws IOException {
    try (InputStream in = NativeLibrary.class.getResourceAsStream("/" + DIRECTORY + file("so"))) {
      return in.readAllBytes();
    }
  }

  private static String file(String extension) {
    return "libdcn4j-cpu." + extension;
  }

  private static String nd4jVersion() throws IOException {
    Properties properties = new Properties();
    try (InputStream in =
        NativeLibrary.class.getResourceAsStream("/" + DIRECTORY + file("properties"))) {
      properties.load(in);
    }
    return properties.getProperty("nd4j.version");
  }

  private void write(String name, byte[] library, String properties) throws IOException {
    Path directory = Files.createDirectories(parent.resolve(name).resolve(DIRECTORY));
    Files.write(directory.resolve(file("so")), library);
    if (properties != null) {
      Files.writeString(directory.resolve(file("properties")), properties);
    }
  }

  private static String describe(byte[] library, String nd4jVersion) {
    return "nd4j.version=" + nd4jVersion + "\nsha256=" + NativeBuild.sha256(library) + "\n";
  }

  /** Writes them all; the directories' names say what is wrong. */
  void write() throws IOException {
    byte[] good = library();
    String description = describe(good, nd4jVersion());
    write("truncated", Arrays.copyOf(good, good.length / 2), description);
    byte[] flipped = good.clone();
    flipped[good.length / 3] ^= 4;
    write("corrupted", flipped, description);
    write("undescribed", good, null);
    write("without-sum", good, "nd4j.version=" + nd4jVersion());
    write("for-another-nd4j", good, describe(good, "1.0.0-M3"));
    byte[] text = "not a library".getBytes(StandardCharsets.UTF_8);
    write("no-library", text, describe(text, nd4jVersion()));
  }
}
