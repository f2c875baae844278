package io.github.dcn4j.loader;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.dcn4j.FreshJvm;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Loading where something is unusual or wrong: it works, or the first use of an op gets an error
 * that says what, and ND4J works on. Each test in a JVM of its own.
 */
class LoadingTest {
  private static final URL CLASSES = Application.location(NativeLibrary.class);
  private static final URL LIBRARY = library();

  private static URL library() {
    String resource = "/io/github/dcn4j/native/" + NativeBuild.platform() + "/libdcn4j-cpu.so";
    String url = String.valueOf(NativeLibrary.class.getResource(resource));
    try {
      return new URL(url.replaceFirst("^jar:", "").replaceFirst("!?" + resource, ""));
    } catch (java.net.MalformedURLException e) {
      throw new IllegalStateException(url, e);
    }
  }

  private static FreshJvm.Result runShared(Class<?> main, String... arguments) throws Exception {
    FreshJvm.Result result =
        FreshJvm.run(main, Application.sharedClassPath(FreshJvm.classPath()), arguments);
    assertEquals(0, result.getExitCode(), result.getOutput());
    return result;
  }

  private static void assertSays(FreshJvm.Result result, String name, String... parts) {
    String message = result.lineAfter(name + ": ");
    for (String part : parts) {
      assertTrue(message.contains(part), name + ": expected '" + part + "' in\n" + message);
    }
    assertEquals("5.0", result.lineAfter(name + " nd4j: "), name);
  }

  /** Arguments: DCN4J's classes, its library, a directory of damaged builds. */
  static final class ManyApplications {
    public static void main(String[] arguments) throws Exception {
      URL classes = new URL(arguments[0]);
      URL good = new URL(arguments[1]);
      Path damaged = Path.of(arguments[2]);
      // From here on ND4J does not look for ops again.
      System.out.println("ops: " + Nd4j.getExecutioner().getCustomOperations().size());
      for (String build :
          List.of(
              "truncated",
              "corrupted",
              "undescribed",
              "without-sum",
              "for-another-nd4j",
              "no-library")) {
        URL library = damaged.resolve(build).toUri().toURL();
        Application.report(build, new Application(classes, library));
      }
      with("os.arch", "riscv64", "no-build", new Application(classes, good));
      with("dcn4j.tmpdir", damaged + "/no", "no-directory", new Application(classes, good));

      Application first = new Application(classes, good);
      with("java.io.tmpdir", damaged + "/no", "first", first);
      Application second = new Application(classes, good);
      Application.report("second", second);
      first.close();
      Application.report("second again", second);
      Application.report("third", new Application(classes, good));
    }

    private static void with(String property, String value, String name, Application application)
        throws Exception {
      String before = System.getProperty(property);
      System.setProperty(property, value);
      try {
        Application.report(name, application);
      } finally {
        if (before == null) {
          System.clearProperty(property);
        } else {
          System.setProperty(property, before);
        }
      }
    }
  }

  @Test
  void applicationsThatShareNd4jLoadAfterItsStartAndAfterEachOther(@TempDir Path damaged)
      throws Exception {
    new DamagedBuilds(damaged).write();
    FreshJvm.Result result =
        runShared(ManyApplications.class, CLASSES.toString(), LIBRARY.toString(), "" + damaged);
    assertAll(
        () -> assertSays(result, "truncated", "/truncated/", "is damaged: expected SHA-256"),
        () -> assertSays(result, "corrupted", "/corrupted/", "is damaged: expected SHA-256"),
        () -> assertSays(result, "undescribed", "libdcn4j-cpu.properties with nd4j.version"),
        () -> assertSays(result, "without-sum", "libdcn4j-cpu.properties with sha256, got none"),
        () ->
            assertSays(
                result,
                "for-another-nd4j",
                "nd4j-api: expected version 1.0.0-M3, which the native ops are built for, got"),
        () -> assertSays(result, "no-library", "could not be unpacked and loaded", "In /"),
        () -> assertSays(result, "no-build", "no native ops for linux-riscv64"),
        () ->
            assertSays(
                result,
                "no-directory",
                "In " + damaged + "/no: java.nio.file.NoSuchFileException",
                "name one with -Ddcn4j.tmpdir=DIRECTORY"),
        () -> assertSays(result, "first", SmallProgram.RESULT),
        () -> assertSays(result, "second", SmallProgram.RESULT),
        () -> assertSays(result, "second again", SmallProgram.RESULT),
        () -> assertSays(result, "third", SmallProgram.RESULT));
  }

  /** As the other; ND4J starts for the first application. */
  static final class StartedByAnApplication {
    public static void main(String[] arguments) throws Exception {
      URL classes = new URL(arguments[0]);
      Application first = new Application(classes, new URL(arguments[1]));
      Thread.currentThread().setContextClassLoader(first);
      Application.report("first", first);
      Application second = new Application(classes, new URL(arguments[1]));
      Thread.currentThread().setContextClassLoader(second);
      Application.report("second", second);
      first.close();
      Application.report("second again", second);
    }
  }

  @Test
  void anApplicationForWhichNd4jStartsLoadsForTheOthersToo() throws Exception {
    FreshJvm.Result result =
        runShared(StartedByAnApplication.class, CLASSES.toString(), LIBRARY.toString());
    assertSays(result, "first", SmallProgram.RESULT);
    assertSays(result, "second", SmallProgram.RESULT);
    assertSays(result, "second again", SmallProgram.RESULT);
  }

  /** Prints what the program says, whether the library is in the process, and a sum of ND4J's. */
  static final class Simple {
    public static void main(String[] arguments) throws Exception {
      System.out.println("program: " + new SmallProgram().call());
      System.out.println("program nd4j: " + Nd4j.ones(5).sumNumber());
      boolean mapped = Files.readString(Path.of("/proc/self/maps")).contains("libdcn4j");
      System.out.println("in memory: " + mapped);
    }
  }

  @Test
  void anotherNd4jIsNamedAndNothingOfTheLibraryRuns(@TempDir Path metadata) throws Exception {
    Path maven = metadata.resolve("META-INF/maven/org.nd4j/nd4j-native");
    Files.createDirectories(maven);
    Files.writeString(maven.resolve("pom.properties"), "version=1.0.0-M1.1\n");
    List<String> classPath = new ArrayList<>(FreshJvm.classPath());
    classPath.add(0, metadata.toString());
    FreshJvm.Result result = FreshJvm.run(Simple.class, classPath);
    assertEquals(0, result.getExitCode(), result.getOutput());
    assertSays(
        result,
        "program",
        "nd4j-native: expected version 1.0.0-M2.1, which the native ops are built for, got"
            + " 1.0.0-M1.1 (file:"
            + metadata);
    assertEquals("false", result.lineAfter("in memory: "));
  }

  /** Such jars often leave out META-INF/maven, and with it the versions of what they hold. */
  @Test
  void aFatJarWorksEvenWithoutTheVersionsOfItsParts(@TempDir Path directory) throws Exception {
    Path jar = directory.resolve("fat.jar");
    FatJar.write(jar, FatJar.mergeable(FreshJvm.classPath()));
    List<String> classPath = new ArrayList<>(List.of(jar.toString()));
    classPath.addAll(FatJar.notMergeable(FreshJvm.classPath()));
    FreshJvm.Result result = FreshJvm.run(Simple.class, classPath);
    assertEquals(0, result.getExitCode(), result.getOutput());
    assertSays(result, "program", SmallProgram.RESULT);
    assertEquals("true", result.lineAfter("in memory: "));
  }

  /** Arguments: directories that the library can't be loaded from. */
  static final class BadDirectories {
    public static void main(String[] arguments) throws Exception {
      Nd4j.ones(5);
      byte[] library = DamagedBuilds.library();
      for (String directory : arguments) {
        String name = Path.of(directory).getFileName().toString();
        System.setProperty("dcn4j.tmpdir", directory);
        load(name, library);
        System.out.println(name + " nd4j: " + Nd4j.ones(5).sumNumber());
        System.clearProperty("dcn4j.tmpdir");
        System.setProperty("java.io.tmpdir", directory);
        load(name + " not chosen", library);
        System.out.println(name + " left: " + Arrays.toString(Path.of(directory).toFile().list()));
      }
    }

    private static void load(String name, byte[] library) {
      try {
        Unpacking.load("libdcn4j-cpu.so", library);
        System.out.println(name + ": loaded");
      } catch (IllegalStateException e) {
        System.out.println(name + ": " + e.getMessage());
      }
    }
  }

  @Test
  void aFullReadOnlyOrNoexecDirectoryIsNamedAndOneThatWasNotChosenIsPassedOver(
      @TempDir Path directory) throws Exception {
    List<String> inNamespace = List.of("unshare", "--map-root-user", "--mount");
    assumeTrue(
        mayMount(inNamespace, directory), "this system lets no one mount file systems to test on");
    StringBuilder script = new StringBuilder();
    Map<String, String> options = Map.of("full", "size=64k", "read-only", "ro", "noexec", "noexec");
    for (Map.Entry<String, String> option : options.entrySet()) {
      Path mounted = Files.createDirectory(directory.resolve(option.getKey()));
      script.append("mount -t tmpfs -o " + option.getValue() + " none " + mounted + " && ");
    }
    List<String> prefix = new ArrayList<>(inNamespace);
    prefix.addAll(List.of("sh", "-c", script + "exec \"$0\" \"$@\""));
    FreshJvm.Result result =
        FreshJvm.runIn(
            prefix,
            BadDirectories.class,
            FreshJvm.classPath(),
            directory + "/full",
            directory + "/read-only",
            directory + "/noexec");
    assertEquals(0, result.getExitCode(), result.getOutput());
    assertSays(result, "full", "In " + directory + "/full: ", "No space left on device");
    assertSays(result, "read-only", "In " + directory + "/read-only: ", "Read-only file system");
    assertSays(result, "noexec", "In " + directory + "/noexec: ", "failed to map segment");
    for (String kind : List.of("full", "read-only", "noexec")) {
      assertEquals("loaded", result.lineAfter(kind + " not chosen: "), kind);
      assertEquals("[]", result.lineAfter(kind + " left: "), kind);
    }
  }

  /** Needs no mount, unlike the other. */
  @Test
  void whatIsNoDirectoryOrMayNotBeWrittenIsNamedAndPassedOver(@TempDir Path directory)
      throws Exception {
    Path file = Files.createFile(directory.resolve("file"));
    Path missing = directory.resolve("missing");
    Path closed = Files.createDirectory(directory.resolve("closed"));
    Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("r-x------"));
    Map<String, String> reasons = new TreeMap<>();
    reasons.put(file.toString(), "Not a directory");
    reasons.put(missing.toString(), "NoSuchFileException");
    if (!Files.isWritable(closed)) { // root may write anywhere
      reasons.put(closed.toString(), "AccessDeniedException");
    }
    FreshJvm.Result result =
        FreshJvm.run(
            BadDirectories.class, FreshJvm.classPath(), reasons.keySet().toArray(new String[0]));
    assertEquals(0, result.getExitCode(), result.getOutput());
    reasons.forEach(
        (bad, reason) -> {
          String name = Path.of(bad).getFileName().toString();
          assertSays(result, name, "In " + bad + ": ", reason);
          assertEquals("loaded", result.lineAfter(name + " not chosen: "));
        });
  }

  /** As if every disk were full, and without a mount. */
  @Test
  void whereNoDirectoryHasRoomEachIsNamedAndNothingIsLeft(@TempDir Path directory)
      throws Exception {
    Nd4j.getBackend(); // JavaCPP has unpacked ND4J's libraries
    FreshJvm.Result result =
        FreshJvm.runIn(
            List.of("sh", "-c", "ulimit -f 256 && exec \"$0\" \"$@\""), // of 512 bytes
            BadDirectories.class,
            FreshJvm.classPath(),
            directory.toString());
    assertEquals(0, result.getExitCode(), result.getOutput());
    String name = directory.getFileName().toString();
    assertSays(result, name, "In " + directory + ": ", "File too large");
    String notChosen = result.lineAfter(name + " not chosen: ");
    assertTrue(notChosen.matches(".*File too large.* In .*File too large.*"), notChosen);
    assertEquals("[]", result.lineAfter(name + " left: "));
  }

  private static boolean mayMount(List<String> inNamespace, Path directory) throws Exception {
    List<String> command = new ArrayList<>(inNamespace);
    command.addAll(List.of("mount", "-t", "tmpfs", "none", directory.toString()));
    try {
      return new ProcessBuilder(command).redirectErrorStream(true).start().waitFor() == 0;
    } catch (java.io.IOException e) {
      return false;
    }
  }
}
