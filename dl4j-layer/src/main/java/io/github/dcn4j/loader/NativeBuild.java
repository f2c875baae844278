package io.github.dcn4j.loader;

import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.net.URL;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Locale;
import java.util.Properties;
import lombok.AccessLevel;
import lombok.AllArgsConstructor;
import lombok.Getter;

/**
 * The native library that the class path has for a platform and an ND4J backend, checked before any
 * of it runs: it is for the ND4J that runs, and it is whole.
 *
 * <p>Beside the library {@code libdcn4j-cpu.so} the build puts {@code libdcn4j-cpu.properties} with
 * its SHA-256 and the version of ND4J that it is for.
 */
@AllArgsConstructor(access = AccessLevel.PRIVATE)
final class NativeBuild {
  /** The library's file name. */
  @Getter private final String file;

  @Getter private final byte[] content;

  /** Where the library was found. */
  @Getter private final URL source;

  /** "linux-x86_64" and the like: operating system and processor, named as JavaCPP does. */
  static String platform() {
    String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String family = os.startsWith("mac") ? "macosx" : os.startsWith("windows") ? "windows" : os;
    String arch = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
    String processor =
        arch.equals("amd64") || arch.equals("x86_64")
            ? "x86_64"
            : arch.equals("aarch64") || arch.equals("arm64") ? "arm64" : arch;
    return family + "-" + processor;
  }

  /**
   * Finds the build for a platform and for ND4J's CUDA or its CPU backend, and checks it.
   *
   * @throws IllegalStateException if there is none, if it is for another ND4J, or if it is damaged
   */
  static NativeBuild find(String platform, boolean cuda) throws IOException {
    String classifier = platform + (cuda ? "-cuda" : "");
    String name = "dcn4j-" + (cuda ? "cuda" : "cpu");
    String directory = "/io/github/dcn4j/native/" + classifier + "/";
    String file = System.mapLibraryName(name);
    URL source = NativeBuild.class.getResource(directory + file);
    if (source == null) {
      throw new IllegalStateException(
          "DCN4J: no native ops for "
              + classifier
              + ": the class path has no "
              + directory
              + file
              + ". Add the dependency io.github.dcn4j:libnd4j-ops with the classifier "
              + classifier
              + "; where there is none, this platform has no build and the ops can't run on it.");
    }
    Properties build = properties(directory + "lib" + name + ".properties", source);
    Nd4jVersion.require(build.getProperty("nd4j.version"), cuda);
    return new NativeBuild(file, whole(directory + file, source, build), source);
  }

  private static Properties properties(String resource, URL library) throws IOException {
    Properties properties = new Properties();
    try (InputStream in = NativeBuild.class.getResourceAsStream(resource)) {
      if (in != null) {
        properties.load(in);
      }
    } catch (IOException e) {
      throw damaged(library, "a readable " + resource, e.toString(), e);
    }
    for (String key : new String[] {"nd4j.version", "sha256"}) {
      if (properties.getProperty(key) == null) {
        throw damaged(library, "beside it " + resource + " with " + key, "none", null);
      }
    }
    return properties;
  }

  private static byte[] whole(String resource, URL source, Properties build) {
    byte[] content;
    try (InputStream in = NativeBuild.class.getResourceAsStream(resource)) {
      content = in.readAllBytes();
    } catch (IOException e) {
      throw damaged(source, "a readable file", e.toString(), e);
    }
    String expected = build.getProperty("sha256");
    String actual = sha256(content);
    if (!actual.equals(expected)) {
      throw damaged(
          source, "SHA-256 " + expected, actual + " of " + content.length + " bytes", null);
    }
    return content;
  }

  private static IllegalStateException damaged(
      URL library, String expected, String got, Throwable cause) {
    return new IllegalStateException(
        "DCN4J: "
            + library
            + " is damaged: expected "
            + expected
            + ", got "
            + got
            + ". Fetch or build io.github.dcn4j:libnd4j-ops anew.",
        cause);
  }

  /** In hexadecimal, lower case. */
  static String sha256(byte[] content) {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(content);
      return String.format(Locale.ROOT, "%064x", new BigInteger(1, digest));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("SHA-256 is in every Java", e);
    }
  }
}
