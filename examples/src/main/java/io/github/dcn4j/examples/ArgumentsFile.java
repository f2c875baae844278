package io.github.dcn4j.examples;

import io.github.dcn4j.detection.data.FileNames;
import io.github.dcn4j.examples.checkpoint.AtomicFile;
import io.github.dcn4j.examples.checkpoint.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import lombok.experimental.UtilityClass;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** The arguments that a training ran with, those not given too, as {@code arguments.json}. */
@UtilityClass
class ArgumentsFile {
  /** Writes them; only options with a value are there. */
  static void write(CommandSpec spec, OutputFolder folder) throws IOException {
    Map<String, Object> options = new LinkedHashMap<>();
    for (OptionSpec option : spec.options()) {
      Object value = option.getValue();
      if (value != null && !option.usageHelp() && !option.versionHelp() && !option.inherited()) {
        options.put(option.longestName(), plain(value));
      }
    }
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("command", spec.name());
    all.put("version", new ManifestVersion().getVersion()[0]);
    all.put("options", options);
    Path file = folder.resolve("arguments.json");
    AtomicFile.write(file, part -> Files.write(part, Json.bytes(all)));
  }

  private static Object plain(Object value) {
    if (value instanceof Path) {
      return FileNames.text((Path) value);
    }
    return value instanceof Number || value instanceof Boolean ? value : value.toString();
  }
}
