package io.github.dcn4j;

import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.nd4j.linalg.factory.Nd4j;

/** For the tests of a class, ND4J has one thread: faster where arrays are tiny. */
public final class SingleThread implements BeforeAllCallback, AfterAllCallback {
  private int threads;

  @Override
  public void beforeAll(ExtensionContext context) {
    threads = Nd4j.getEnvironment().maxThreads();
    Nd4j.getEnvironment().setMaxThreads(1);
  }

  @Override
  public void afterAll(ExtensionContext context) {
    Nd4j.getEnvironment().setMaxThreads(threads);
  }
}
