package io.github.dcn4j.loader;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;
import org.bytedeco.javacpp.Loader;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.jcublas.JCublasBackend;
import org.nd4j.linalg.jcublas.bindings.Nd4jCuda;

/**
 * ND4J's real CUDA library takes the CUDA ops in. Without a GPU ND4J's backend does not start, so
 * its library is loaded by hand, as the backend would.
 */
class CudaRegistryTest {
  @Test
  void theCudaLibraryRegistersItsOps() throws Exception {
    Loader.load(Nd4jCuda.class);
    assertTrue(NativeLibrary.isCuda(JCublasBackend.class));
    NativeLibrary.load("linux-x86_64", true);

    // name:hash:inputs:outputs:...;name:...
    Set<String> ops =
        Arrays.stream(new Nd4jCuda().getAllCustomOps().split(";"))
            .map(op -> op.substring(0, Math.max(0, op.indexOf(':'))))
            .collect(Collectors.toSet());
    for (String op :
        new String[] {
          "deformable_conv2d",
          "deformable_conv2d_bp",
          "dcn4j_conv2d",
          "dcn4j_conv2d_bp",
          "deformable_psroi_pooling",
          "deformable_psroi_pooling_bp",
          "dcnv3",
          "dcnv3_bp",
          "multi_scale_deformable_attention",
          "multi_scale_deformable_attention_bp",
          "dcn4j_one_thread",
          "dcn4j_sigmoid",
          "dcn4j_sigmoid_bp"
        }) {
      assertTrue(ops.contains(op), op + " is not among " + ops.size() + " ops");
    }
  }
}
