package io.github.dcn4j.loader;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.Principal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import lombok.extern.slf4j.Slf4j;
import org.bytedeco.javacpp.Loader;

/**
 * Makes a file of a library, loads it and deletes it.
 *
 * <p>What runs must be what was checked. So the file is new, in a directory that is new, has a name
 * that can't be guessed, and lets no other user in; a link or a file that someone put in the way
 * makes this fail, not follow it.
 *
 * <p>Directories are tried until one will do: that of the system property {@value
 * #DIRECTORY_PROPERTY} and no other if it is set, else {@code java.io.tmpdir}, then the directory
 * where ND4J's own libraries are unpacked (JavaCPP's cache). The first may be missing, full,
 * read-only or mounted noexec; the second can be written and run from wherever ND4J itself starts
 * with an empty cache.
 */
@Slf4j
final class Unpacking {
  /** Names the one directory to unpack in. */
  static final String DIRECTORY_PROPERTY = "dcn4j.tmpdir";

  private static final Set<PosixFilePermission> OWNER_ONLY =
      PosixFilePermissions.fromString("rwx------");

  private Unpacking() {}

  /**
   * Loads a library from its content.
   *
   * @throws IllegalStateException saying why, for each directory that was tried
   */
  static void load(String file, byte[] content) {
    StringBuilder reasons = new StringBuilder();
    List<Throwable> causes = new ArrayList<>();
    for (Path parent : directories()) {
      try {
        loadFrom(parent, file, content);
        return;
      } catch (IOException | UnsatisfiedLinkError e) {
        reasons.append(" In ").append(parent).append(": ").append(e).append('.');
        causes.add(e);
      }
    }
    IllegalStateException failure =
        new IllegalStateException(
            "DCN4J: "
                + file
                + " could not be unpacked and loaded."
                + reasons
                + " Expected a directory to write "
                + content.length
                + " bytes to and to run them from (not mounted noexec); name one with -D"
                + DIRECTORY_PROPERTY
                + "=DIRECTORY.");
    causes.forEach(failure::addSuppressed);
    throw failure;
  }

  /** Those to try, in this order; safe ones first. */
  private static List<Path> directories() {
    String chosen = System.getProperty(DIRECTORY_PROPERTY);
    if (chosen != null) {
      return List.of(Path.of(chosen));
    }
    Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
    Path nd4js;
    try {
      nd4js = Loader.getCacheDir().toPath();
    } catch (IOException e) {
      log.debug("JavaCPP has no cache directory", e);
      return List.of(temporary);
    }
    return replaceableByOthers(temporary) == null
        ? List.of(temporary, nd4js)
        : List.of(nd4js, temporary);
  }

  /**
   * The part of a path in which another user may put something else in the place of what is there:
   * it belongs to a user who is neither root nor this one, or it may be written by all or by its
   * group and doesn't have the sticky bit that /tmp has. A group named as the owner counts as the
   * owner: it is that user's private group, as in pam_umask. Null if there is no such part, or if
   * the path doesn't exist.
   */
  static Path replaceableByOthers(Path directory) {
    if (!FileSystems.getDefault().supportedFileAttributeViews().contains("unix")) {
      return null;
    }
    try {
      for (Path p = directory.toRealPath(); p != null; p = p.getParent()) {
        Map<String, Object> attributes = Files.readAttributes(p, "unix:mode,uid,owner,group");
        int mode = (Integer) attributes.get("mode");
        String owner = ((Principal) attributes.get("owner")).getName();
        String group = ((Principal) attributes.get("group")).getName();
        if (belongsToAnother((Integer) attributes.get("uid"))
            || writableByOthers(mode, owner, group)) {
          return p;
        }
      }
    } catch (IOException e) {
      log.debug("{} can't be looked at", directory, e);
    }
    return null;
  }

  private static boolean belongsToAnother(int user) throws IOException {
    Path self = Path.of("/proc/self"); // belongs to the user that this process runs as
    return user != 0
        && Files.exists(self)
        && user != (Integer) Files.getAttribute(self, "unix:uid");
  }

  /** Whether others than its owner may rename what is in a directory of this mode. */
  static boolean writableByOthers(int mode, String owner, String group) {
    int others = group.equals(owner) ? 0002 : 0022;
    return (mode & others) != 0 && (mode & 01000) == 0;
  }

  private static void loadFrom(Path parent, String file, byte[] content) throws IOException {
    Path replaceable = replaceableByOthers(parent);
    if (replaceable != null) {
      // Containers have such directories, with one user. It is no worse than what ND4J does there.
      log.warn(
          "DCN4J: loading from {}, although another user may replace what is in {}: it belongs to"
              + " one, or a group or all may write to it and it has no sticky bit. Name another"
              + " directory with -D{}=DIRECTORY.",
          parent,
          replaceable,
          DIRECTORY_PROPERTY);
    }
    Path directory = privateDirectory(parent);
    Path library = directory.resolve(file);
    try {
      writeNew(library, content);
      System.load(library.toAbsolutePath().toString());
    } finally {
      delete(library, directory);
    }
  }

  /** A new directory, mode 700, with a random name. */
  static Path privateDirectory(Path parent) throws IOException {
    Path directory = Files.createTempDirectory(parent, "dcn4j-");
    if (FileSystems.getDefault().supportedFileAttributeViews().contains("posix")) {
      Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(directory);
      if (!permissions.equals(OWNER_ONLY)) {
        Files.delete(directory);
        throw new IOException(
            "a new directory: expected permissions rwx------, got "
                + PosixFilePermissions.toString(permissions)
                + " from its file system");
      }
    }
    return directory;
  }

  /** Writes a file that must not be there, not even as a link. */
  static void writeNew(Path file, byte[] content) throws IOException {
    Files.write(file, content, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
  }

  /** A loaded library needs no file on Linux and macOS; Windows keeps it until the JVM ends. */
  private static void delete(Path library, Path directory) {
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
