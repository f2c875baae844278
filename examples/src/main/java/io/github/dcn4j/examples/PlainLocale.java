package io.github.dcn4j.examples;

import io.github.dcn4j.detection.data.FileNames;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Supplier;
import lombok.experimental.UtilityClass;
import picocli.CommandLine;

/**
 * What the plain C locale ({@code LC_ALL=C}) would lose: Java reads arguments and writes text in
 * ASCII then. Both are taken for UTF-8, as Python does (PEP 540). In other locales nothing changes.
 */
@UtilityClass
class PlainLocale {
  /** What Java makes of a byte that it cannot read. */
  private static final int UNREADABLE = 0xFFFD;

  private static final Path COMMAND_LINE = Path.of("/proc/self/cmdline");

  /** The arguments of the program as they were given, where the system tells them. */
  static String[] arguments(String... arguments) {
    if (!FileNames.ONLY_ASCII || String.join("", arguments).indexOf(UNREADABLE) < 0) {
      return arguments;
    }
    try {
      String[] all =
          new String(Files.readAllBytes(COMMAND_LINE), StandardCharsets.UTF_8).split("\0", -1);
      int end = all.length - 1; // the last ends in a zero, too
      return Arrays.copyOfRange(all, end - arguments.length, end);
    } catch (IOException e) {
      return arguments;
    }
  }

  /**
   * Lets all that is printed be UTF-8.
   *
   * @param commandLine makes the command line; picocli looks at the system's streams then
   */
  static CommandLine printing(Supplier<CommandLine> commandLine) {
    if (!FileNames.ONLY_ASCII) {
      return commandLine.get();
    }
    PrintStream out = utf8(FileDescriptor.out);
    PrintStream err = utf8(FileDescriptor.err);
    System.setOut(out);
    System.setErr(err);
    return commandLine.get().setOut(writer(out)).setErr(writer(err));
  }

  private static PrintStream utf8(FileDescriptor descriptor) {
    return new PrintStream(new FileOutputStream(descriptor), true, StandardCharsets.UTF_8);
  }

  private static PrintWriter writer(PrintStream stream) {
    return new PrintWriter(new OutputStreamWriter(stream, StandardCharsets.UTF_8), true);
  }
}
