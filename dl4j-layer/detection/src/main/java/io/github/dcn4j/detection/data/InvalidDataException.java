package io.github.dcn4j.detection.data;

/**
 * A file or folder cannot be used as images or annotations.
 *
 * <p>The message is one line that names the file first, and says what is wrong with it, or what was
 * expected and what is there.
 */
public class InvalidDataException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** With a message that names the file, what was expected and what is there. */
  public InvalidDataException(String message) {
    super(message);
  }

  /** With a message as above, and what revealed it. */
  public InvalidDataException(String message, Throwable cause) {
    super(message, cause);
  }
}
