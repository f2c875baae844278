package io.github.dcn4j.examples;

import io.github.dcn4j.detection.data.FileNames;
import io.github.dcn4j.examples.benchmark.BenchmarkCommand;
import io.github.dcn4j.examples.benchmark.OnnxModelsCommand;
import io.github.dcn4j.examples.benchmark.TrainingCommand;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExecutionException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.RunLast;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** The command line of the examples. */
@Command(
    name = "dcn4j-examples",
    description = "Examples of deformable convolution in Deeplearning4j.",
    mixinStandardHelpOptions = true,
    subcommands = {
      TrainCommand.class,
      TwoStageCommand.class,
      DetectCommand.class,
      EvaluateCommand.class,
      CompareCommand.class,
      QuickstartCommand.class,
      ImportOnnxCommand.class,
      BenchmarkCommand.class,
      OnnxModelsCommand.class,
      TrainingCommand.class
    })
public final class Main implements Runnable {
  @Spec private CommandSpec spec;

  @Option(
      names = Failures.STACK_TRACE,
      scope = ScopeType.INHERIT,
      description = "If something fails, print where in the program, too.")
  private boolean stackTrace;

  /** Runs a subcommand and ends the process, with an exit code as {@code --help} lists them. */
  public static void main(String[] arguments) {
    System.setProperty("java.awt.headless", "true");
    System.exit(PlainLocale.printing(Main::commandLine).execute(PlainLocale.arguments(arguments)));
  }

  /** The command line, ready to execute. */
  static CommandLine commandLine() {
    Main main = new Main();
    Failures failures = new Failures(() -> main.stackTrace);
    CommandLine commandLine = new CommandLine(main);
    describe(commandLine);
    return commandLine
        .registerConverter(Path.class, FileNames::path)
        .setExecutionStrategy(Main::run)
        .setParameterExceptionHandler(failures)
        .setExecutionExceptionHandler(failures);
  }

  /** What the help of all commands says alike. */
  private static void describe(CommandLine commandLine) {
    CommandSpec spec = commandLine.getCommandSpec();
    spec.versionProvider(new ManifestVersion());
    spec.usageMessage().exitCodeListHeading("%nExit codes:%n").exitCodeList(Failures.EXIT_CODES);
    for (OptionSpec option : List.copyOf(spec.options())) {
      Class<?> type = option.isMultiValue() ? option.auxiliaryTypes()[0] : option.type();
      if (type.isEnum()) {
        Map<String, Object> choices = choices(type);
        spec.remove(option);
        spec.addOption(
            option.toBuilder()
                .completionCandidates(choices.keySet())
                .converters(text -> choice(choices, text))
                .build());
      }
    }
    commandLine.getSubcommands().values().forEach(Main::describe);
  }

  /** The constants of an enum by their names, which are given and listed in small letters. */
  private static Map<String, Object> choices(Class<?> type) {
    Map<String, Object> choices = new LinkedHashMap<>();
    for (Object constant : type.getEnumConstants()) {
      choices.put(constant.toString().toLowerCase(Locale.ROOT), constant);
    }
    return choices;
  }

  private static Object choice(Map<String, Object> choices, String text) {
    Object choice = choices.get(text.toLowerCase(Locale.ROOT));
    if (choice == null) {
      throw new TypeConversionException(
          "expected one of " + String.join(", ", choices.keySet()) + ", got '" + text + "'");
    }
    return choice;
  }

  /** As picocli does by default, but errors, such as of linking, are handled as exceptions are. */
  private static int run(ParseResult result) {
    try {
      return new RunLast().execute(result);
    } catch (Error e) {
      ParseResult last = result;
      while (last.hasSubcommand()) {
        last = last.subcommand();
      }
      throw new ExecutionException(last.commandSpec().commandLine(), e.toString(), e);
    }
  }

  @Override
  public void run() {
    throw new ParameterException(
        spec.commandLine(),
        "expected a subcommand: " + String.join(", ", spec.subcommands().keySet()));
  }
}
