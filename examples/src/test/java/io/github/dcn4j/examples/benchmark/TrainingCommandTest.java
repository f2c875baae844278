package io.github.dcn4j.examples.benchmark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.examples.UserInputException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class TrainingCommandTest {
  @TempDir Path folder;

  /** A program in the place of PyTorch that takes 0.25 s for every step. */
  private Path peer() throws IOException {
    Path program = folder.resolve("peer");
    Files.writeString(program, "#!/bin/sh\nwhile read line; do echo 250.0; done\n");
    assertTrue(program.toFile().setExecutable(true));
    return program;
  }

  @Test
  void everyDetectorIsTimedBesideThePeer() throws IOException {
    StringWriter out = new StringWriter();
    CommandLine command = new CommandLine(new TrainingCommand());
    command.setOut(new PrintWriter(out, true));
    assertEquals(
        0, command.execute("--rounds", "1", "--warm-up", "0", "--pytorch", peer().toString()));
    List<String> rows =
        out.toString()
            .lines()
            .filter(row -> row.contains("250 (250)"))
            .collect(Collectors.toList());
    assertEquals(4, rows.size(), out.toString());
    for (String row : rows) {
      String[] cells = row.split(" *\\| *");
      double ours = Double.parseDouble(cells[3].replaceAll(" .*", ""));
      double times = Double.parseDouble(cells[5].replace(" times", ""));
      assertEquals(250, times * ours, 0.02 * 250 + ours * 0.01, row);
    }
    assertTrue(rows.get(0).startsWith("| v2 | 128, 16 |"), rows.get(0));
  }

  @Test
  void aPythonThatIsNoneIsNamed() {
    CommandLine command = new CommandLine(new TrainingCommand());
    TrainingCommand asked = command.getCommand();
    command.parseArgs("--pytorch", folder.resolve("none").toString());
    UserInputException e = assertThrows(UserInputException.class, asked::call);
    assertTrue(e.getMessage().startsWith("--pytorch " + folder.resolve("none")), e.getMessage());
    command.parseArgs("--rounds", "0");
    e = assertThrows(UserInputException.class, asked::call);
    assertEquals("--rounds: expected at least 1, got 0", e.getMessage());
  }
}
