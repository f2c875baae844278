package io.github.dcn4j.examples.benchmark;

import ai.onnxruntime.OrtException;
import io.github.dcn4j.ops.DeformableConv2D;
import io.github.dcn4j.ops.DeformableConv2DConfig;
import io.github.dcn4j.ops.DeformableConv2DDerivative;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import lombok.extern.slf4j.Slf4j;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Deformable convolution of one shape beside plain convolutions of the same one, forward and
 * backward. All write into arrays that are there before, so that none pays for fresh memory.
 */
@Slf4j
final class ConvolutionCase implements AutoCloseable {
  // Kernel, stride, padding, dilation, explicit padding, NCHW, weights [O, C, kH, kW]
  private static final long[] PLAIN = {3, 3, 1, 1, 1, 1, 1, 1, 0, 0, 1};

  private final Race race = new Race();
  private final List<OnnxConvolution> open = new ArrayList<>();

  private final INDArray input;
  private final INDArray weights;
  private final INDArray offset;
  private final INDArray mask;
  private final INDArray bias;
  private final INDArray gradient;

  ConvolutionCase(ConvolutionShape shape, Task task) throws OrtException {
    DataType type = task.isDoublePrecision() ? DataType.DOUBLE : DataType.FLOAT;
    long n = shape.getImages();
    long c = shape.getChannels();
    long side = shape.getSide();
    long o = shape.getOutChannels();
    long g = shape.getDeformableGroups();
    Nd4j.getRandom().setSeed(1);
    input = Nd4j.randn(type, n, c, side, side);
    weights = Nd4j.randn(type, o, c, 3, 3);
    offset = Nd4j.randn(type, n, 18 * g, side, side);
    mask = Nd4j.rand(type, n, 9 * g, side, side);
    bias = Nd4j.randn(type, o);
    gradient = Nd4j.randn(type, n, o, side, side);
    addOurs(shape.getDeformableGroups());
    addNd4j();
    addOnnx(shape.getDeformableGroups(), task.getThreads());
  }

  Map<Contender, Timing> run(Task task) throws Exception {
    return race.run(task);
  }

  private void addOurs(int groups) {
    DeformableConv2DConfig config =
        DeformableConv2DConfig.builder().kH(3).kW(3).pH(1).pW(1).deformableGroups(groups).build();
    add(
        Contender.FORWARD,
        new DeformableConv2D(input, weights, offset, mask, bias, config),
        gradient.ulike());
    add(
        Contender.BACKWARD,
        new DeformableConv2DDerivative(input, weights, offset, mask, bias, gradient, config),
        input.ulike(),
        weights.ulike(),
        offset.ulike(),
        mask.ulike(),
        bias.ulike());
  }

  private void addNd4j() {
    add(Contender.ND4J_CONV, plain("conv2d", input, weights, bias), gradient.ulike());
    add(
        Contender.ND4J_CONV_BACKWARD,
        plain("conv2d_bp", input, weights, bias, gradient),
        input.ulike(),
        weights.ulike(),
        bias.ulike());
  }

  private static DynamicCustomOp plain(String name, INDArray... inputs) {
    DynamicCustomOp op = DynamicCustomOp.builder(name).addInputs(inputs).build();
    op.addIArgument(PLAIN);
    return op;
  }

  private void add(Contender contender, DynamicCustomOp op, INDArray... outputs) {
    op.addOutputArgument(outputs);
    race.add(contender, () -> Nd4j.exec(op));
  }

  private void addOnnx(int groups, int threads) throws OrtException {
    add(
        Contender.ONNX_DEFORM_CONV,
        threads,
        new OnnxConvolution("DeformConv")
            .offsetGroups(groups)
            .input("x", input)
            .constant("w", weights)
            .input("offset", offset)
            .constant("b", bias)
            .input("mask", mask));
    add(
        Contender.ONNX_CONV,
        threads,
        new OnnxConvolution("Conv").input("x", input).constant("w", weights).constant("b", bias));
  }

  private void add(Contender contender, int threads, OnnxConvolution convolution) {
    open.add(convolution);
    try {
      race.add(contender, convolution.open(gradient.ulike(), threads));
    } catch (OrtException e) { // as for Conv in double
      log.debug("{} cannot do this: {}", contender.getTitle(), e.getMessage());
    }
  }

  @Override
  public void close() throws OrtException {
    for (OnnxConvolution convolution : open) {
      convolution.close();
    }
  }
}
