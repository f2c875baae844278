package io.github.dcn4j.examples.benchmark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The lines between the benchmark and a program that stands in for the native one. */
class NativePeersTest {
  private static final ConvolutionShape SHAPE =
      new ConvolutionShape(1, 10, 10, 10, 1).withGroups(5).withStride(2);

  @TempDir Path folder;

  private NativePeers peers(String script) throws IOException {
    Path program = folder.resolve("peers");
    Files.writeString(program, "#!/bin/sh\n" + script + "\n");
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
    return new NativePeers(program.toString());
  }

  @Test
  void theFmaPeakIsTheTimeOfTheShapesOperations() throws Exception {
    try (NativePeers peers = peers("while read q; do [ \"$q\" = fma ] && echo 2.5; done")) {
      // 2 · 10 · 2 · 9 · 5² operations, 2500 of which take a microsecond
      assertEquals(9000 / 2.5e6, peers.fmaPeak(SHAPE).milliseconds(), 1e-9);
    }
  }

  @Test
  void aConvolutionIsAskedForByItsSizes() throws Exception {
    String line = "backward 1 10 10 10 5 2 3";
    try (NativePeers peers =
        peers("while read q; do [ \"$q\" = '" + line + "' ] && echo 7.5 || echo absent; done")) {
      assertEquals(7.5, peers.oneDnn("backward", SHAPE).milliseconds());
      assertFalse(peers.haveOneDnn(SHAPE));
    }
  }

  @Test
  void aCacheLinesWayIsInNanoseconds() throws Exception {
    try (NativePeers peers = peers("while read q; do [ \"$q\" = line ] && echo 28; done")) {
      assertEquals(28e-6, peers.cacheLine().milliseconds(), 1e-12);
    }
  }

  @Test
  void theChosenKernelIsAskedFor() throws Exception {
    try (NativePeers peers = peers("while read q; do [ \"$q\" = kernel ] && echo avx2; done")) {
      assertEquals("avx2", peers.chosenKernel());
    }
  }

  @Test
  void aProgramThatEndsIsAnError() throws Exception {
    try (NativePeers peers = peers("exit 1")) {
      assertThrows(IOException.class, () -> peers.haveOneDnn(SHAPE));
    }
  }
}
