package io.github.dcn4j.onnx;

import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;

/** Channels to pixels and back: {@code DepthToSpace}, {@code SpaceToDepth}. */
final class PixelShuffle {
  private PixelShuffle() {}

  static void addTo(Converters all) {
    all.add("DepthToSpace", 1, PixelShuffle::depthToSpace)
        .add("SpaceToDepth", 1, PixelShuffle::spaceToDepth);
  }

  private static long blockSize(Node node) {
    long block = node.integer("blocksize");
    if (block < 1 || block > 1 << 15) {
      throw Attributes.bad("blocksize", "at least 1", block);
    }
    return block;
  }

  private static void depthToSpace(Node node) {
    long block = blockSize(node);
    boolean crd = node.word("mode", "DCR", "CRD").equals("CRD");
    long[] in = node.shape(0, 4);
    if (in[1] < 0 || in[1] % (block * block) != 0) {
      throw node.bad(0, "channels that are a multiple of " + block * block, Sizes.text(in));
    }
    long channels = in[1] / (block * block);
    SDVariable x = node.variable(0);
    SDVariable result;
    if (crd) {
      result = channelsToPixels(x, in, channels, block, block);
    } else {
      Reshaping cells =
          Reshaping.to(6).axis(0).size(block).size(block).size(channels).axis(2).axis(3);
      result =
          joined(node.sd().permute(cells.of(x, in), 0, 3, 4, 1, 5, 2), in, channels, block, block);
    }
    node.output(result, new long[] {in[0], channels, times(in[2], block), times(in[3], block)});
  }

  private static long times(long size, long factor) {
    return size < 0 ? Value.OPEN : Math.multiplyExact(size, factor);
  }

  /**
   * Channels (c, row, column) to pixels: [N, C·rows·columns, H, W] to [N, C, H·rows, W·columns].
   *
   * @param in the input's shape, of which sizes may be open
   */
  static SDVariable channelsToPixels(
      SDVariable x, long[] in, long channels, long rows, long columns) {
    Reshaping cells =
        Reshaping.to(6).axis(0).size(channels).size(rows).size(columns).axis(2).axis(3);
    SDVariable split = x.getSameDiff().permute(cells.of(x, in), 0, 1, 4, 2, 5, 3);
    return joined(split, in, channels, rows, columns);
  }

  /** [N, C, H, rows, W, columns] to [N, C, H·rows, W·columns]. */
  private static SDVariable joined(
      SDVariable split, long[] in, long channels, long rows, long columns) {
    long[] shape = {in[0], channels, in[2], rows, in[3], columns};
    return Reshaping.to(4).axis(0).size(channels).times(2, rows).times(4, columns).of(split, shape);
  }

  private static void spaceToDepth(Node node) {
    long block = blockSize(node);
    boolean crd = node.word("mode", "DCR", "CRD").equals("CRD");
    long[] in = node.shape(0, 4);
    if ((in[2] >= 0 && in[2] % block != 0) || (in[3] >= 0 && in[3] % block != 0)) {
      throw node.bad(0, "a height and a width that are multiples of " + block, Sizes.text(in));
    }
    if (in[1] < 0) {
      throw node.bad(0, "a known number of channels", Sizes.text(in));
    }
    SameDiff sd = node.sd();
    Reshaping cells =
        Reshaping.to(6).axis(0).size(in[1]).part(2, block).size(block).part(3, block).size(block);
    SDVariable split = cells.of(node.variable(0), in);
    SDVariable moved =
        crd ? sd.permute(split, 0, 1, 3, 5, 2, 4) : sd.permute(split, 0, 3, 5, 1, 2, 4);
    long[] sizes = cells.shape(in);
    long channels = in[1] * block * block;
    long[] shape = {sizes[0], block, block, in[1], sizes[2], sizes[4]}; // for both modes alike
    node.output(
        Reshaping.to(4).axis(0).size(channels).axis(4).axis(5).of(moved, shape),
        new long[] {in[0], channels, sizes[2], sizes[4]});
  }
}
