package io.github.dcn4j.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.FreshJvm;
import io.github.dcn4j.ops.DeformableConv2DConfig;
import io.github.dcn4j.ops.NDDeformable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.factory.Nd4j;

/** Loading: nothing to call where there is a build, a clear error where there is none. */
class NativeLibraryTest {
  /** Calls the op by its name, without a class of this library. */
  static final class CallByName {
    public static void main(String[] arguments) {
      INDArray[] outputs =
          Nd4j.exec(
              DynamicCustomOp.builder("deformable_conv2d")
                  .addInputs(
                      Nd4j.ones(DataType.FLOAT, 1, 1, 2, 2),
                      Nd4j.ones(DataType.FLOAT, 1, 1, 1, 1),
                      Nd4j.zeros(DataType.FLOAT, 1, 2, 2, 2))
                  .addIntegerArguments(1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1)
                  .build());
      System.out.println("sum: " + outputs[0].sumNumber());
    }
  }

  /** Uses ND4J, then a deformable op twice. */
  static final class UseWithoutLibrary {
    public static void main(String[] arguments) {
      System.out.println("sum: " + Nd4j.ones(DataType.FLOAT, 5).sumNumber());
      for (int i = 0; i < 2; i++) {
        try {
          INDArray any = Nd4j.ones(DataType.FLOAT, 1, 1, 1, 1);
          DeformableConv2DConfig config = DeformableConv2DConfig.builder().kH(1).kW(1).build();
          new NDDeformable().deformableConv2d(any, any, any, null, null, config);
        } catch (IllegalStateException e) {
          System.out.println("error " + i + ": " + e.getMessage());
        }
      }
      System.out.println("then: " + Nd4j.ones(DataType.FLOAT, 7).sumNumber());
    }
  }

  @Test
  void theOpsAreThereWithoutAnyCall() throws Exception {
    FreshJvm.Result result = FreshJvm.run(CallByName.class, FreshJvm.classPath());
    assertEquals(0, result.getExitCode(), result.getOutput());
    assertEquals("4.0", result.lineAfter("sum: "));
  }

  @Test
  void withoutANativeBuildNd4jWorksAndTheFirstUseOfAnOpSaysWhatToDo() throws Exception {
    List<String> classPath =
        FreshJvm.classPath().stream()
            .filter(entry -> !entry.contains("libnd4j-ops"))
            .collect(Collectors.toList());
    FreshJvm.Result result = FreshJvm.run(UseWithoutLibrary.class, classPath);
    assertEquals(0, result.getExitCode(), result.getOutput());
    assertEquals("5.0", result.lineAfter("sum: "));
    for (int i = 0; i < 2; i++) {
      String message = result.lineAfter("error " + i + ": ");
      assertTrue(message.contains("no native ops for " + NativeBuild.platform()), message);
      assertTrue(message.contains("io.github.dcn4j:libnd4j-ops"), message);
    }
    assertEquals("7.0", result.lineAfter("then: "));
  }

  /** As ND4J's CUDA jar calls its backend. */
  private static final class JCublasBackend {}

  @Test
  void theLibraryIsThatOfTheActiveBackend() {
    assertTrue(NativeLibrary.isCuda(JCublasBackend.class));
    assertFalse(NativeLibrary.isCuda(Nd4j.getBackend().getClass()));
  }

  @Test
  void withoutACudaBuildTheErrorNamesTheDependencyThatHasIt() {
    IllegalStateException error =
        assertThrows(IllegalStateException.class, () -> NativeLibrary.load("linux-arch", true));
    assertTrue(
        error.getMessage().contains("no native ops for linux-arch-cuda"), error.getMessage());
    assertTrue(
        error.getMessage().contains("libnd4j-ops with the classifier linux-arch-cuda"),
        error.getMessage());
  }

  @Test
  void theUnpackedFileIsDeletedOnceLoaded(@TempDir Path temporary) throws Exception {
    FreshJvm.Result result =
        FreshJvm.run(
            CallByName.class, FreshJvm.classPath(), List.of("-Djava.io.tmpdir=" + temporary));
    assertEquals(0, result.getExitCode(), result.getOutput());
    try (Stream<Path> left = Files.list(temporary)) {
      assertEquals(
          List.of(),
          left.filter(file -> file.getFileName().toString().startsWith("dcn4j-"))
              .collect(Collectors.toList()));
    }
  }
}
