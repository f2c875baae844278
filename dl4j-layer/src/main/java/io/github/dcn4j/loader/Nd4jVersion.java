package io.github.dcn4j.loader;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.util.Collections;
import java.util.List;
import java.util.Properties;
import lombok.extern.slf4j.Slf4j;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Which ND4J runs, by what its jars say of themselves.
 *
 * <p>The native ops use C++ classes of one release of ND4J. Loaded into another, they would not
 * fail but crash; so this is asked before they are loaded.
 */
@Slf4j
final class Nd4jVersion {
  private Nd4jVersion() {}

  /**
   * Refuses an ND4J of another version than {@code expected}. Looked at are ND4J's interface and
   * the backend in use, every copy that the class path has: a wrong one may be where the classes or
   * the native library come from. Jars merged without their metadata are taken on trust.
   *
   * @throws IllegalStateException naming the versions and the jar
   */
  static void require(String expected, boolean cuda) throws IOException {
    List<String> artifacts =
        cuda
            ? List.of("nd4j-api", "nd4j-cuda-11.6", "nd4j-cuda-11.4")
            : List.of("nd4j-api", "nd4j-native");
    boolean known = false;
    for (String artifact : artifacts) {
      known |= requireAll(expected, artifact, pomProperties(artifact), "version");
      known |= requireAll(expected, artifact, gitProperties(artifact), "git.build.version");
    }
    if (!known) {
      log.warn(
          "DCN4J: the class path does not say which ND4J it holds; the native ops need {}.",
          expected);
    }
  }

  private static String pomProperties(String artifact) {
    return "META-INF/maven/org.nd4j/" + artifact + "/pom.properties";
  }

  private static String gitProperties(String artifact) {
    return "org/eclipse/org.nd4j-" + artifact + "-git.properties";
  }

  /** Returns whether there was a version to compare. */
  private static boolean requireAll(String expected, String artifact, String resource, String key)
      throws IOException {
    boolean known = false;
    for (URL url : Collections.list(Nd4j.class.getClassLoader().getResources(resource))) {
      Properties properties = new Properties();
      try (InputStream in = url.openStream()) {
        properties.load(in);
      }
      String version = properties.getProperty(key);
      if (version != null && !version.equals(expected)) {
        throw new IllegalStateException(
            "DCN4J: "
                + artifact
                + ": expected version "
                + expected
                + ", which the native ops are built for, got "
                + version
                + " ("
                + url
                + "). Use ND4J and Deeplearning4j "
                + expected
                + ", or the DCN4J for the version that you have.");
      }
      known |= version != null;
    }
    return known;
  }
}
