package io.github.dcn4j.ops;

import io.github.dcn4j.FreshJvm;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The reference kernels, in a JVM of their own: a process has one kernel for all its calls.
 *
 * <p>Arrays go to it in 'c' order, whatever they were, and come back so.
 */
final class ReferenceKernels implements AutoCloseable {
  private final Process process;
  private final DataOutputStream toProcess;
  private final DataInputStream fromProcess;

  ReferenceKernels() throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            FreshJvm.command(Server.class, FreshJvm.classPath(), List.of("-Xmx256m")));
    builder.environment().put("DCN4J_KERNEL", "reference");
    builder.redirectError(ProcessBuilder.Redirect.INHERIT);
    process = builder.start();
    toProcess = new DataOutputStream(new BufferedOutputStream(process.getOutputStream()));
    fromProcess = new DataInputStream(new BufferedInputStream(process.getInputStream()));
  }

  /** The outputs of an op. */
  INDArray[] exec(DynamicCustomOp op) {
    try {
      toProcess.writeUTF(op.opName());
      writeArrays(op.inputArguments(), toProcess);
      writeNumbers(op.iArgs(), toProcess);
      double[] floats = op.tArgs();
      toProcess.writeInt(floats.length);
      for (double value : floats) {
        toProcess.writeDouble(value);
      }
      toProcess.flush();
      return readArrays(fromProcess);
    } catch (IOException e) {
      throw new AssertionError("the process with the reference kernels ended", e);
    }
  }

  /** Ends the process. */
  @Override
  public void close() throws IOException {
    toProcess.close();
    fromProcess.close();
    process.destroy();
  }

  /** The other side. */
  static final class Server {
    public static void main(String[] arguments) throws IOException {
      DataInputStream in = new DataInputStream(new BufferedInputStream(System.in));
      OutputStream standard = System.out;
      System.setOut(System.err); // whoever prints doesn't spoil the results
      DataOutputStream out = new DataOutputStream(new BufferedOutputStream(standard));
      while (true) {
        String name;
        try {
          name = in.readUTF();
        } catch (EOFException e) {
          return;
        }
        DynamicCustomOp.DynamicCustomOpsBuilder op =
            DynamicCustomOp.builder(name).addInputs(readArrays(in));
        for (long value : readNumbers(in)) {
          op.addIntegerArguments(Math.toIntExact(value));
        }
        int floats = in.readInt();
        for (int i = 0; i < floats; i++) {
          op.addFloatingPointArguments(in.readDouble());
        }
        writeArrays(List.of(Nd4j.exec(op.build())), out);
        out.flush();
      }
    }
  }

  private static void writeNumbers(long[] numbers, DataOutputStream out) throws IOException {
    out.writeInt(numbers.length);
    for (long number : numbers) {
      out.writeLong(number);
    }
  }

  private static long[] readNumbers(DataInputStream in) throws IOException {
    long[] numbers = new long[in.readInt()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = in.readLong();
    }
    return numbers;
  }

  /** Every element as a double, which holds it exactly. */
  private static void writeArrays(List<INDArray> arrays, DataOutputStream out) throws IOException {
    out.writeInt(arrays.size());
    for (INDArray array : arrays) {
      out.writeUTF(array.dataType().name());
      writeNumbers(array.shape(), out);
      for (double value : Values.of(array)) {
        out.writeDouble(value);
      }
    }
  }

  private static INDArray[] readArrays(DataInputStream in) throws IOException {
    INDArray[] arrays = new INDArray[in.readInt()];
    for (int i = 0; i < arrays.length; i++) {
      DataType type = DataType.valueOf(in.readUTF());
      long[] shape = readNumbers(in);
      double[] values = new double[Math.toIntExact(Values.count(shape))];
      for (int j = 0; j < values.length; j++) {
        values[j] = in.readDouble();
      }
      arrays[i] = Values.array(values, type, shape);
    }
    return arrays;
  }
}
