package io.github.dcn4j.loader;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import lombok.extern.slf4j.Slf4j;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Brings the native ops into the running ND4J.
 *
 * <p>Nothing needs to be called: ND4J starts {@link LoadAtStartup} when it initialises. On a
 * platform without a native build ND4J itself goes on working, and {@link #require()}, which every
 * op calls first, says what is missing.
 */
@Slf4j
public final class NativeLibrary {
  private static boolean attempted;
  private static RuntimeException failure;

  private NativeLibrary() {}

  /**
   * Returns once the native ops are there.
   *
   * @throws IllegalStateException if they could not be loaded, with the reason and what to do
   */
  public static void require() {
    Nd4j.getBackend(); // ND4J initialises on first touch, and with it this library
    load();
    synchronized (NativeLibrary.class) {
      if (failure != null) {
        // A new exception each time: its stack trace shows who asked.
        throw new IllegalStateException(failure.getMessage(), failure);
      }
    }
  }

  /** Loads the library on the first call; keeps the failure, if there is one, for require(). */
  static synchronized void load() {
    if (attempted) {
      return;
    }
    attempted = true;
    try {
      unpackAndLoad(platform(), isCuda(Nd4j.getBackend().getClass()));
    } catch (Throwable t) { // an Error too: ND4J must start whatever is wrong here
      failure =
          t instanceof IllegalStateException
              ? (IllegalStateException) t
              : new IllegalStateException("DCN4J: the native ops could not be loaded: " + t, t);
      log.warn("{} ND4J works on without the deformable ops.", failure.getMessage());
    }
  }

  /** Whether a class of backend is ND4J's {@code JCublasBackend}, which only its CUDA jar has. */
  static boolean isCuda(Class<?> backend) {
    return backend.getSimpleName().toLowerCase(Locale.ROOT).contains("cublas");
  }

  /** "linux-x86_64" and the like: operating system and processor, named as JavaCPP does. */
  private static String platform() {
    String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String family = os.startsWith("mac") ? "macosx" : os.startsWith("windows") ? "windows" : os;
    String arch = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
    String processor =
        arch.equals("amd64") || arch.equals("x86_64")
            ? "x86_64"
            : arch.equals("aarch64") || arch.equals("arm64") ? "arm64" : arch;
    return family + "-" + processor;
  }

  /** Loads the build for a platform and for ND4J's CUDA or its CPU backend. */
  static void unpackAndLoad(String platform, boolean cuda) throws IOException {
    String classifier = platform + (cuda ? "-cuda" : "");
    String file = System.mapLibraryName("dcn4j-" + (cuda ? "cuda" : "cpu"));
    String resource = "/io/github/dcn4j/native/" + classifier + "/" + file;
    try (InputStream in = NativeLibrary.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new IllegalStateException(
            "DCN4J: no native ops for "
                + classifier
                + ": the class path has no "
                + resource
                + ". Add the dependency io.github.dcn4j:libnd4j-ops with the classifier "
                + classifier
                + "; where there is none, this platform has no build and the ops can't run on it.");
      }
      // The directory is the user's own (mode 700) and new, so no one else can plant a file.
      Path directory = Files.createTempDirectory("dcn4j-");
      Path library = directory.resolve(file);
      try {
        Files.copy(in, library);
        System.load(library.toString());
        log.debug("Loaded {} from {}", classifier, resource);
      } finally {
        deleteUnpacked(library, directory);
      }
    }
  }

  /** A loaded library needs no file on Linux and macOS; Windows keeps it until the JVM ends. */
  private static void deleteUnpacked(Path library, Path directory) {
    try {
      Files.deleteIfExists(library);
      Files.delete(directory);
    } catch (IOException e) {
      // Deleted in reverse order of registration.
      directory.toFile().deleteOnExit();
      library.toFile().deleteOnExit();
    }
  }
}
