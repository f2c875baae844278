package io.github.dcn4j.loader;

import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A class loader with DCN4J of its own above an ND4J that it shares, as web applications in one
 * server have it.
 */
final class Application extends URLClassLoader {
  /** DCN4J's classes, its native library (a jar or a directory) and the tests' classes. */
  Application(URL classes, URL library) {
    super(
        new URL[] {classes, library, location(Application.class)},
        Application.class.getClassLoader());
  }

  /** Where a class was loaded from. */
  static URL location(Class<?> type) {
    return type.getProtectionDomain().getCodeSource().getLocation();
  }

  /** The class path of this JVM without DCN4J: ND4J and the tests. */
  static List<String> sharedClassPath(List<String> classPath) throws Exception {
    Path classes = Path.of(location(NativeLibrary.class).toURI());
    return classPath.stream()
        .filter(entry -> !entry.contains("libnd4j-ops") && !Path.of(entry).equals(classes))
        .filter(entry -> Files.exists(Path.of(entry)))
        .collect(Collectors.toList());
  }

  /** Own classes first, as web servers do: the parent has the tests' classes too. */
  @Override
  protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
    if (!name.startsWith("io.github.dcn4j.")) {
      return super.loadClass(name, resolve);
    }
    synchronized (getClassLoadingLock(name)) {
      Class<?> loaded = findLoadedClass(name);
      return loaded != null ? loaded : findClass(name);
    }
  }

  /** What a {@link SmallProgram} in here says. */
  String run() throws Exception {
    Object program = loadClass(SmallProgram.class.getName()).getDeclaredConstructor().newInstance();
    return (String) ((Callable<?>) program).call();
  }

  /** Prints what a program says, and that ND4J itself works after it. */
  static void report(String name, Application application) throws Exception {
    System.out.println(name + ": " + application.run());
    System.out.println(name + " nd4j: " + Nd4j.ones(5).sumNumber());
  }
}
