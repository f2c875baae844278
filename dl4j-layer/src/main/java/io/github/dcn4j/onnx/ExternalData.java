package io.github.dcn4j.onnx;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import lombok.RequiredArgsConstructor;
import onnx.Onnx;

/**
 * Weights in files beside the model, as PyTorch's exporter writes them ({@code model.onnx.data}).
 * Only files in the model's own folder, and in folders in it, are read; a symbolic link is followed
 * to where it leads first.
 */
@RequiredArgsConstructor
final class ExternalData {
  /** The model's folder, or null where it came from no file. */
  private final Path folder;

  /**
   * A tensor's bytes.
   *
   * @param length their number, by the tensor's shape
   * @throws IllegalArgumentException naming the tensor
   */
  ByteBuffer read(Onnx.TensorProto tensor, long length) {
    Map<String, String> entries = new HashMap<>();
    for (Onnx.StringStringEntryProto entry : tensor.getExternalDataList()) {
      entries.put(entry.getKey(), entry.getValue());
    }
    String location = entries.get("location");
    if (folder == null || location == null) {
      throw Tensors.bad(
          tensor,
          folder == null ? "its data in the model's own file" : "a location",
          "data in another file" + (location == null ? "" : ", " + location));
    }
    long offset = number(tensor, entries, "offset", 0);
    long given = number(tensor, entries, "length", length);
    if (given != length) {
      throw Tensors.bad(
          tensor, length + " bytes for the shape " + tensor.getDimsList(), given + " bytes");
    }
    try (FileChannel file = FileChannel.open(inFolder(tensor, location))) {
      if (offset > file.size() - length) {
        throw Tensors.bad(
            tensor,
            "a file of at least " + offset + " + " + length + " bytes",
            location + " of " + file.size());
      }
      ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(length));
      while (bytes.hasRemaining()) {
        if (file.read(bytes, offset + bytes.position()) < 0) {
          throw new EOFException("it ends early");
        }
      }
      return bytes.flip();
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "tensor " + tensor.getName() + ": cannot read " + location + ": " + e, e);
    }
  }

  private static long number(
      Onnx.TensorProto tensor, Map<String, String> entries, String key, long standard) {
    String text = entries.get(key);
    try {
      long value = text == null ? standard : Long.parseLong(text.trim());
      if (value >= 0) {
        return value;
      }
    } catch (NumberFormatException e) {
      // told below
    }
    throw Tensors.bad(tensor, key + " as a number of bytes", text);
  }

  private Path inFolder(Onnx.TensorProto tensor, String location) throws IOException {
    try {
      Path root = folder.toRealPath();
      Path plain = root.resolve(location).normalize();
      // Outside is outside, whether or not there is such a file.
      if (plain.startsWith(root)) {
        Path file = plain.toRealPath();
        if (file.startsWith(root) && Files.isRegularFile(file)) {
          return file;
        }
      }
    } catch (InvalidPathException e) {
      // told below
    }
    throw Tensors.bad(tensor, "a file in the model's folder", location);
  }
}
