package io.github.dcn4j.examples.checkpoint;

import java.io.IOException;
import lombok.experimental.UtilityClass;
import org.nd4j.shade.jackson.annotation.JsonAutoDetect.Visibility;
import org.nd4j.shade.jackson.annotation.PropertyAccessor;
import org.nd4j.shade.jackson.core.JsonParser;
import org.nd4j.shade.jackson.core.JsonProcessingException;
import org.nd4j.shade.jackson.core.JsonToken;
import org.nd4j.shade.jackson.core.StreamReadFeature;
import org.nd4j.shade.jackson.databind.DeserializationFeature;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.nd4j.shade.jackson.databind.MapperFeature;
import org.nd4j.shade.jackson.databind.SerializationFeature;
import org.nd4j.shade.jackson.databind.json.JsonMapper;

/**
 * JSON that this program writes and reads. A class is written by its fields, and comes back through
 * its {@code JsonCreator}; numbers come back as the same bits.
 */
@UtilityClass
public class Json {
  /** Deeper JSON than any that is written here; what reads it would overflow the stack. */
  private static final int MAX_DEPTH = 100;

  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .visibility(PropertyAccessor.ALL, Visibility.NONE)
          .visibility(PropertyAccessor.FIELD, Visibility.ANY)
          .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
          .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .build();

  /** An object as JSON in UTF-8. */
  public static byte[] bytes(Object object) throws IOException {
    return MAPPER.writeValueAsBytes(object);
  }

  /**
   * Parses JSON.
   *
   * @throws IOException if it is none, an object has a name twice, or it nests too deep
   */
  public static JsonNode read(byte[] json) throws IOException {
    try (JsonParser parser = MAPPER.createParser(json)) {
      int depth = 0;
      for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
        depth += token.isStructStart() ? 1 : token.isStructEnd() ? -1 : 0;
        if (depth > MAX_DEPTH) {
          throw new IOException("JSON nests deeper than " + MAX_DEPTH);
        }
      }
    }
    return MAPPER.readTree(json);
  }

  /**
   * Makes an object of what {@link #bytes} wrote.
   *
   * @throws IOException if something is missing, unknown or of another type
   */
  public static <T> T read(JsonNode json, Class<T> type) throws IOException {
    try {
      return MAPPER.treeToValue(json, type);
    } catch (JsonProcessingException e) {
      throw new IOException(e.getOriginalMessage(), e);
    }
  }
}
