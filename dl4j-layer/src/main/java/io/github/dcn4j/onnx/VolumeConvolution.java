package io.github.dcn4j.onnx;

import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;

/** Convolution of volumes [N, C, D, H, W], a sum over the kernel's depth of that of images. */
final class VolumeConvolution {
  private VolumeConvolution() {}

  static SDVariable conv(
      Node node, Value x, SDVariable w, SDVariable b, Window window, long groups) {
    SameDiff sd = node.sd();
    Convolutions.Plane plane = Convolutions.Plane.of(window, 1);
    long[] before = {0, 0, window.begin[0], 0, 0};
    long[] after = {0, 0, window.end[0], 0, 0};
    // [D, N, C, H, W]: the frames that one tap sees are a slice of them
    SDVariable frames = sd.permute(Convolutions.pad(x.variable(), before, after, 0), 2, 0, 1, 3, 4);
    long[] in = x.shape();
    if (!Sizes.known(in)) {
      throw node.bad(0, "known sizes", Sizes.text(in));
    }
    long depth = window.outputs(new long[] {in[2], in[3], in[4]}, false)[0];
    SDVariable sum = null;
    for (long tap = 0; tap < window.kernel[0]; tap++) {
      long first = tap * window.dilations[0];
      long last = first + (depth - 1) * window.strides[0] + 1;
      SDVariable seen = alongFirst(frames, 5, first, last, window.strides[0]);
      SDVariable images = sd.reshape(seen, depth * in[0], in[1], in[3], in[4]);
      SDVariable weights = sd.squeeze(Indexing.partOf(w, 5, 2, tap, tap + 1), 2);
      SDVariable y = Convolutions.conv2d(images, weights, tap == 0 ? b : null, plane, groups);
      sum = sum == null ? y : sum.add(y);
    }
    long[] out = window.outputs(new long[] {in[2], in[3], in[4]}, false);
    SDVariable result = sd.reshape(sum, depth, in[0], -1, out[1], out[2]);
    return sd.permute(result, 1, 2, 0, 3, 4);
  }

  private static SDVariable alongFirst(SDVariable x, int rank, long begin, long end, long step) {
    return Indexing.partOf(x, rank, 0, begin, end, step);
  }
}
