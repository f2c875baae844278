package io.github.dcn4j.examples.benchmark;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;

/**
 * A program that answers a line with a line; while it waits it takes no time from the other
 * contenders.
 */
final class AnsweringProcess implements AutoCloseable {
  private final Process process;
  private final PrintWriter questions;
  private final BufferedReader answers;

  AnsweringProcess(String... command) throws IOException {
    process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    questions = new PrintWriter(process.getOutputStream(), true, StandardCharsets.US_ASCII);
    answers =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII));
  }

  String ask(String question) throws IOException {
    questions.println(question);
    String answer = answers.readLine();
    if (answer == null) {
      throw new IOException("it ended at the question: " + question);
    }
    return answer;
  }

  @Override
  public void close() {
    questions.close();
    process.destroy();
  }
}
