package io.github.dcn4j.examples;

import io.github.dcn4j.examples.benchmark.BenchmarkCommand;
import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The command line of the examples. */
@Command(
    name = "dcn4j-examples",
    description = "Examples of deformable convolution in Deeplearning4j.",
    mixinStandardHelpOptions = true,
    version = "dcn4j-examples 0.1.0",
    subcommands = {
      TrainCommand.class,
      TwoStageCommand.class,
      CompareCommand.class,
      QuickstartCommand.class,
      ImportOnnxCommand.class,
      BenchmarkCommand.class
    })
public final class Main implements Runnable {
  @Spec private CommandSpec spec;

  /** Runs a subcommand and ends the process: 0 done, 1 it failed, 2 it was given wrong input. */
  public static void main(String[] arguments) {
    System.setProperty("java.awt.headless", "true");
    System.exit(commandLine().execute(arguments));
  }

  /** The command line, ready to execute. */
  static CommandLine commandLine() {
    return new CommandLine(new Main())
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setParameterExceptionHandler(
            (exception, arguments) ->
                complain(exception.getCommandLine(), exception.getMessage(), exception))
        .setExecutionExceptionHandler(
            (exception, commandLine, result) -> {
              if (exception instanceof UserInputException) {
                return complain(commandLine, exception.getMessage(), exception);
              }
              throw exception;
            });
  }

  private static int complain(CommandLine commandLine, String message, Exception exception) {
    PrintWriter err = commandLine.getErr();
    String help = exception instanceof ParameterException ? " (see --help)" : "";
    err.println(commandLine.getCommandName() + ": " + message.replace("\n", " ") + help);
    err.flush();
    return CommandLine.ExitCode.USAGE;
  }

  @Override
  public void run() {
    throw new ParameterException(
        spec.commandLine(),
        "expected a subcommand: train, train-two-stage, quickstart, import-onnx or benchmark");
  }
}
