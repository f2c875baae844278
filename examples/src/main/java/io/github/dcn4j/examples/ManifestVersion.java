package io.github.dcn4j.examples;

import picocli.CommandLine.IVersionProvider;

/** The version in the manifest of the jar that this class is in. */
final class ManifestVersion implements IVersionProvider {
  @Override
  public String[] getVersion() {
    String version = getClass().getPackage().getImplementationVersion();
    return new String[] {"dcn4j-examples " + (version == null ? "(not from a jar)" : version)};
  }
}
