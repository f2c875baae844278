package io.github.dcn4j.examples.checkpoint;

import java.io.IOException;
import java.util.List;
import lombok.experimental.UtilityClass;
import org.nd4j.shade.jackson.databind.JsonNode;

/**
 * Looks at the classes that a network's configuration names.
 *
 * <p>Deeplearning4j writes the class of each layer, updater and the like as {@code "@class"}, and
 * on reading makes an object of it. Jackson refuses a class that is no layer (updater, …), but only
 * after loading it, which runs its static initialisers; and a layer of any library on the class
 * path is one. So only classes of Deeplearning4j, ND4J and this project pass. What ND4J carries of
 * other projects ({@code org.nd4j.shade}) does not.
 */
@UtilityClass
class ConfigurationCheck {
  private static final String TYPE = "@class";
  private static final List<String> KNOWN =
      List.of("org.deeplearning4j.", "org.nd4j.", "io.github.dcn4j.");
  private static final String FOREIGN = "org.nd4j.shade.";

  /**
   * Refuses a configuration with other classes.
   *
   * @param node of JSON read without duplicate names
   * @throws IOException naming the class
   */
  static void requireKnownClasses(JsonNode node) throws IOException {
    if (node.has(TYPE)) {
      String name = node.get(TYPE).asText();
      if (KNOWN.stream().noneMatch(name::startsWith) || name.startsWith(FOREIGN)) {
        throw new IOException(
            String.format(
                "the network's configuration names the class '%s', which is none of"
                    + " Deeplearning4j, ND4J or DCN4J",
                name));
      }
    }
    for (JsonNode child : node) {
      requireKnownClasses(child);
    }
  }
}
