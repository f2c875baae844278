package io.github.dcn4j;

import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

/** For the tests of a class, ND4J's default types are DOUBLE, as gradient checks want them. */
public final class DoublePrecision implements BeforeAllCallback, AfterAllCallback {
  private DataType arrays;
  private DataType networks;

  @Override
  public void beforeAll(ExtensionContext context) {
    arrays = Nd4j.dataType();
    networks = Nd4j.defaultFloatingPointType();
    Nd4j.setDefaultDataTypes(DataType.DOUBLE, DataType.DOUBLE);
  }

  @Override
  public void afterAll(ExtensionContext context) {
    Nd4j.setDefaultDataTypes(arrays, networks);
  }
}
