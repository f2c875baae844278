package io.github.dcn4j.examples;

import io.github.dcn4j.detection.data.InvalidDataException;
import io.github.dcn4j.examples.checkpoint.AtomicFile;
import io.github.dcn4j.ops.DeformableConv2D;
import io.github.dcn4j.ops.DeformableConv2DConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import lombok.RequiredArgsConstructor;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import picocli.CommandLine;
import picocli.CommandLine.ExecutionException;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/** Makes one line and an exit code of whatever a command throws. */
@RequiredArgsConstructor
final class Failures implements IParameterExceptionHandler, IExecutionExceptionHandler {
  /** The option that asks for the stack trace. */
  static final String STACK_TRACE = "--stacktrace";

  private static final int UNEXPECTED = 1;
  static final int INPUT = 2;
  private static final int FILES = 3;
  private static final int NATIVE = 4;

  /** What the exit codes mean. */
  static final Map<String, String> EXIT_CODES =
      new TreeMap<>(
          Map.of(
              "0",
              "Done.",
              "" + UNEXPECTED,
              "Something failed that should not have: a mistake in the program, or too little"
                  + " memory.",
              "" + INPUT,
              "An argument, or a file that it names, cannot be used.",
              "" + FILES,
              "A file could not be written or read, as on a full disk.",
              "" + NATIVE,
              "A native library, of ND4J or of DCN4J, could not be loaded."));

  private final BooleanSupplier wantsStackTrace;

  @Override
  public int handleParseException(ParameterException exception, String[] arguments) {
    return complain(
        exception.getCommandLine(), INPUT, exception.getMessage() + " (see --help)", exception);
  }

  @Override
  public int handleExecutionException(
      Exception exception, CommandLine commandLine, ParseResult result) {
    Throwable cause = exception instanceof ExecutionException ? exception.getCause() : exception;
    if (cause instanceof UserInputException || cause instanceof InvalidDataException) {
      return complain(commandLine, INPUT, cause.getMessage(), cause);
    }
    if (cause instanceof IOException || cause instanceof UncheckedIOException) {
      return complain(commandLine, FILES, words(cause), cause);
    }
    if (cause instanceof OutOfMemoryError) {
      String message = "not enough memory (" + cause.getMessage() + "): java -Xmx gives more";
      return complain(commandLine, UNEXPECTED, message, cause);
    }
    Throwable missing = nativeFailure();
    if (missing != null) {
      return complain(commandLine, NATIVE, missing.getMessage(), cause);
    }
    return complain(
        commandLine,
        UNEXPECTED,
        "failed unexpectedly: " + cause + " (" + STACK_TRACE + " shows where)",
        cause);
  }

  private static String words(Throwable failure) {
    if (failure instanceof UncheckedIOException) {
      return words(failure.getCause());
    }
    if (failure instanceof FileSystemException) {
      FileSystemException named = (FileSystemException) failure;
      return named.getFile() + ": " + AtomicFile.reason(named);
    }
    return failure.getMessage();
  }

  /** Why the native ops are not there; null if they are. */
  private static Throwable nativeFailure() {
    try {
      INDArray one = Nd4j.ones(1, 1, 1, 1);
      DeformableConv2DConfig config = DeformableConv2DConfig.builder().kH(1).kW(1).build();
      new DeformableConv2D(one, one, Nd4j.zeros(1, 2, 1, 1), null, null, config);
      return null;
    } catch (RuntimeException | Error e) { // of ND4J, or of this project's library
      return e;
    }
  }

  private int complain(CommandLine commandLine, int exitCode, String message, Throwable cause) {
    PrintWriter err = commandLine.getErr();
    err.println(commandLine.getCommandName() + ": " + message.replaceAll("\\s*\\R\\s*", " "));
    if (wantsStackTrace.getAsBoolean()) {
      cause.printStackTrace(err);
    }
    err.flush();
    return exitCode;
  }
}
