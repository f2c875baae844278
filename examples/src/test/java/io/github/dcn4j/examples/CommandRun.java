package io.github.dcn4j.examples;

import java.io.PrintWriter;
import java.io.StringWriter;
import picocli.CommandLine;

/** The program's command line in this process; what it prints is kept. */
final class CommandRun {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  /** Runs the program once more: its exit code. */
  int execute(String... arguments) {
    CommandLine commandLine = Main.commandLine();
    commandLine.setOut(new PrintWriter(out, true));
    commandLine.setErr(new PrintWriter(err, true));
    return commandLine.execute(arguments);
  }

  /** What the runs wrote to the standard output since {@link #forget}. */
  String out() {
    return out.toString();
  }

  /** What the runs wrote to the standard error since {@link #forget}. */
  String err() {
    return err.toString();
  }

  void forget() {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
  }
}
