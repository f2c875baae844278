package io.github.dcn4j.examples.checkpoint;

import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.Serializable;
import org.apache.commons.lang3.SerializationUtils;

/** An object that takes down that it was deserialised: an attacker's would do more. */
final class Bomb implements Serializable {
  private static final long serialVersionUID = 1L;

  private static boolean exploded;

  private void readObject(ObjectInputStream in) throws IOException, ClassNotFoundException {
    in.defaultReadObject();
    exploded = true;
  }

  /** The object, serialised. */
  static byte[] bytes() {
    return SerializationUtils.serialize(new Bomb());
  }

  /** Whether one was deserialised since this was last asked. */
  static boolean exploded() {
    boolean now = exploded;
    exploded = false;
    return now;
  }
}
