package io.github.dcn4j.loader;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/** All of a class path in one jar, as Maven's shade plugin and its like make it. */
final class FatJar {
  private FatJar() {}

  /** The part of a class path that goes in: all but what is only large, ND4J's native libraries. */
  static List<String> mergeable(List<String> classPath) {
    return classPath.stream().filter(FatJar::isMergeable).collect(Collectors.toList());
  }

  static List<String> notMergeable(List<String> classPath) {
    return classPath.stream().filter(entry -> !isMergeable(entry)).collect(Collectors.toList());
  }

  private static boolean isMergeable(String entry) {
    boolean ours = entry.contains("libnd4j-ops");
    return ours || !entry.contains(NativeBuild.platform()) && !entry.contains("onnxruntime");
  }

  /**
   * Merges entries of a class path. Files under META-INF/services are joined, of others the first
   * is taken; what jars say of themselves is left out.
   */
  static void write(Path jar, List<String> entries) throws IOException {
    Map<String, ByteArrayOutputStream> services = new LinkedHashMap<>();
    Set<String> written = new HashSet<>();
    try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar))) {
      out.setLevel(Deflater.NO_COMPRESSION);
      for (String entry : entries) {
        forEachFile(
            Path.of(entry),
            (name, content) -> {
              boolean description =
                  name.startsWith("META-INF/maven/") || name.endsWith("git.properties");
              if (name.startsWith("META-INF/services/")) {
                OutputStream joined =
                    services.computeIfAbsent(name, n -> new ByteArrayOutputStream());
                joined.write(content);
                joined.write('\n');
              } else if (!description && written.add(name)) {
                out.putNextEntry(new JarEntry(name));
                out.write(content);
              }
            });
      }
      for (Map.Entry<String, ByteArrayOutputStream> service : services.entrySet()) {
        out.putNextEntry(new JarEntry(service.getKey()));
        service.getValue().writeTo(out);
      }
    }
  }

  private interface FileConsumer {
    void accept(String name, byte[] content) throws IOException;
  }

  private static void forEachFile(Path entry, FileConsumer consumer) throws IOException {
    if (Files.isDirectory(entry)) {
      try (Stream<Path> files = Files.walk(entry)) {
        for (Path file : (Iterable<Path>) files.filter(Files::isRegularFile)::iterator) {
          consumer.accept(entry.relativize(file).toString(), Files.readAllBytes(file));
        }
      }
    } else if (Files.exists(entry)) {
      try (ZipFile jar = new ZipFile(entry.toFile())) {
        for (ZipEntry file :
            (Iterable<ZipEntry>) jar.stream().map(ZipEntry.class::cast)::iterator) {
          if (!file.isDirectory() && !file.getName().endsWith(".SF")) {
            consumer.accept(file.getName(), jar.getInputStream(file).readAllBytes());
          }
        }
      }
    }
  }
}
