package io.github.dcn4j.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** No other user can change what is loaded. */
class UnpackingTest {
  @Test
  void theDirectoryIsNewAndItsOwnersAlone(@TempDir Path parent) throws Exception {
    Path directory = Unpacking.privateDirectory(parent);
    assertEquals(
        "rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(directory)));
    assertNotEquals(directory, Unpacking.privateDirectory(parent));
  }

  @Test
  void aPlantedLinkOrFileIsNotWrittenThrough(@TempDir Path directory) throws Exception {
    Path victim = Files.writeString(directory.resolve("victim"), "before");
    Path link = Files.createSymbolicLink(directory.resolve("link.so"), victim);
    Path dangling =
        Files.createSymbolicLink(directory.resolve("dangling.so"), directory.resolve("new"));
    for (Path planted : new Path[] {link, dangling, victim}) {
      assertThrows(
          FileAlreadyExistsException.class, () -> Unpacking.writeNew(planted, new byte[] {1}));
    }
    assertEquals("before", Files.readString(victim));
    assertFalse(Files.exists(directory.resolve("new")));
  }

  @Test
  void aDirectoryThatOthersMayReplaceIsKnown(@TempDir Path directory) throws Exception {
    Path open = Files.createDirectory(directory.resolve("open"));
    Path inside = Files.createDirectory(open.resolve("inside"));
    Files.setPosixFilePermissions(inside, PosixFilePermissions.fromString("rwxr-xr-x"));
    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxr-xr-x"));
    assertNull(Unpacking.replaceableByOthers(inside));
    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
    assertEquals(open.toRealPath(), Unpacking.replaceableByOthers(inside));
    Path link = Files.createSymbolicLink(directory.resolve("link"), inside);
    assertEquals(open.toRealPath(), Unpacking.replaceableByOthers(link));
    Files.setAttribute(open, "unix:mode", 01777); // as /tmp
    assertNull(Unpacking.replaceableByOthers(link));
    assertNull(Unpacking.replaceableByOthers(directory.resolve("missing")));
  }

  @Test
  void aGroupMayReplaceUnlessItIsTheOwnersOwnOrTheStickyBitIsSet() {
    assertTrue(Unpacking.writableByOthers(0775, "ann", "staff"));
    assertFalse(Unpacking.writableByOthers(0775, "ann", "ann"));
    assertFalse(Unpacking.writableByOthers(0755, "ann", "staff"));
    assertFalse(Unpacking.writableByOthers(01775, "ann", "staff"));
    assertTrue(Unpacking.writableByOthers(0777, "ann", "ann"));
  }

  @Test
  void anotherUserOrGroupOfAnAncestorIsKnown(@TempDir Path directory) throws Exception {
    Path above = Files.createDirectory(directory.resolve("above"));
    Path inside = Files.createDirectory(above.resolve("inside"));
    Files.setPosixFilePermissions(above, PosixFilePermissions.fromString("rwxrwxr-x"));
    assumeTrue(Files.getAttribute(above, "unix:uid").equals(0), "only root may give files away");
    assertNull(Unpacking.replaceableByOthers(inside));
    Files.setAttribute(above, "unix:gid", 1);
    assertEquals(above.toRealPath(), Unpacking.replaceableByOthers(inside));
    Files.setAttribute(above, "unix:mode", 01755);
    assertNull(Unpacking.replaceableByOthers(inside));
    Files.setAttribute(above, "unix:uid", 1);
    assertEquals(above.toRealPath(), Unpacking.replaceableByOthers(inside));
  }
}
