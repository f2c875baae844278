package io.github.dcn4j.examples;

/** Something that the user gave cannot be used; the message says what, in one line. */
public class UserInputException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** With a message that names what was given and what was expected. */
  public UserInputException(String message) {
    super(message);
  }

  /** With a message as above, and what revealed it. */
  public UserInputException(String message, Throwable cause) {
    super(message, cause);
  }
}
