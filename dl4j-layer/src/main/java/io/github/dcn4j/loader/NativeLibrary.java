package io.github.dcn4j.loader;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import lombok.extern.slf4j.Slf4j;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.imports.converters.ImportClassMapping;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Brings the native ops into the running ND4J.
 *
 * <p>Nothing needs to be called: ND4J's start-up hook loads them when ND4J initialises. Where ND4J
 * had started before this library was in sight, the first op brings them in. Where they can't be
 * loaded, ND4J itself goes on working, and {@link #require}, which every op calls first, says what
 * is wrong.
 *
 * <p>The library is unpacked into a private directory in {@code java.io.tmpdir}, or where that
 * won't do in JavaCPP's cache, and deleted when it is loaded. The system property {@code
 * dcn4j.tmpdir} names another directory.
 */
@Slf4j
public final class NativeLibrary {
  private static boolean attempted;
  private static RuntimeException failure;

  private NativeLibrary() {}

  /**
   * Returns once the native ops are there.
   *
   * @param ops the ops of the library; asked for only once ND4J is there
   * @throws IllegalStateException if they could not be loaded, with the reason and what to do
   */
  public static void require(Supplier<List<ListedOp>> ops) {
    Nd4j.getBackend(); // ND4J initialises on first touch, and with it this library
    attempt(ops, () -> OpList.addLate(ops.get(), NativeLibrary::loadBuild));
    synchronized (NativeLibrary.class) {
      if (failure != null) {
        // A new exception each time: its stack trace shows who asked.
        throw new IllegalStateException(failure.getMessage(), failure);
      }
    }
  }

  /**
   * Loads the library while ND4J starts: it has not listed its ops yet, and will list these.
   *
   * @param ops the ops of the library
   */
  public static void loadAtStartup(Supplier<List<ListedOp>> ops) {
    attempt(ops, NativeLibrary::loadBuild);
  }

  /** Loads the library on the first call; keeps the failure, if there is one, for require(). */
  private static synchronized void attempt(Supplier<List<ListedOp>> ops, Runnable load) {
    if (attempted) {
      return;
    }
    attempted = true;
    try {
      load.run();
    } catch (Throwable t) { // an Error too: ND4J must start whatever is wrong here
      failure =
          t instanceof IllegalStateException
              ? (IllegalStateException) t
              : new IllegalStateException("DCN4J: the native ops could not be loaded: " + t, t);
      log.warn("{} ND4J works on without the deformable ops.", failure.getMessage());
    }
    try {
      ops.get().forEach(op -> register(op.getOp()));
    } catch (Throwable t) {
      log.warn("DCN4J: SameDiff will not know the deformable ops", t);
    }
  }

  /**
   * Tells SameDiff the class of an op. Of several class loaders the last that has the native ops
   * prevails: an earlier one may belong to an application that was stopped.
   */
  private static void register(DifferentialFunction op) {
    Map<String, DifferentialFunction> classes = ImportClassMapping.getOpNameMapping();
    if (failure == null) {
      classes.put(op.opName(), op);
    } else {
      classes.putIfAbsent(op.opName(), op);
    }
  }

  /** Whether a class of backend is ND4J's {@code JCublasBackend}, which only its CUDA jar has. */
  static boolean isCuda(Class<?> backend) {
    return backend.getSimpleName().toLowerCase(Locale.ROOT).contains("cublas");
  }

  private static void loadBuild() {
    try {
      load(NativeBuild.platform(), isCuda(Nd4j.getBackend().getClass()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Loads the build for a platform and for ND4J's CUDA or its CPU backend. */
  static void load(String platform, boolean cuda) throws IOException {
    NativeBuild build = NativeBuild.find(platform, cuda);
    Unpacking.load(build.getFile(), build.getContent());
    log.debug("Loaded {}", build.getSource());
  }
}
