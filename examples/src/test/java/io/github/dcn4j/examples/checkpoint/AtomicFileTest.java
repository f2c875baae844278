package io.github.dcn4j.examples.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFileTest {
  @TempDir Path folder;

  @Test
  void aFileKeepsItsContentUntilTheNewOneIsWhole() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "old");
    AtomicFile.write(
        file,
        part -> {
          Files.writeString(part, "new");
          assertEquals("old", Files.readString(file));
        });
    assertEquals("new", Files.readString(file));
  }

  @Test
  void aFileKeepsItsContentIfTheNewOneFails() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "old");
    IOException failure = new IOException("disk full");
    AtomicFile.Content failing =
        part -> {
          Files.writeString(part, "ne");
          throw failure;
        };
    IOException thrown = assertThrows(IOException.class, () -> AtomicFile.write(file, failing));
    assertSame(failure, thrown.getCause());
    assertEquals(file + ": disk full", thrown.getMessage());
    assertEquals("old", Files.readString(file));
    assertFalse(Files.exists(folder.resolve("file.part")));
  }

  @Test
  void whatIsInTheWayIsSaid() throws IOException {
    Path missing = folder.resolve("missing/file");
    IOException thrown =
        assertThrows(
            IOException.class, () -> AtomicFile.write(missing, part -> Files.createFile(part)));
    assertEquals(missing + ": there is no such file or folder", thrown.getMessage());
    Path obstacle = Files.createDirectories(folder.resolve("obstacle/inside")).getParent();
    thrown =
        assertThrows(
            IOException.class, () -> AtomicFile.write(obstacle, part -> Files.createFile(part)));
    assertTrue(thrown.getMessage().startsWith(obstacle + ": "), thrown.getMessage());
  }

  @Test
  void aPathOfOneNameIsInTheWorkingFolder() throws IOException {
    Path file = Path.of("dcn4j-atomic-file-test");
    try {
      AtomicFile.write(file, part -> Files.writeString(part, "new"));
      assertEquals("new", Files.readString(file));
    } finally {
      Files.deleteIfExists(file);
    }
  }
}
