package io.github.dcn4j.ops;

import io.github.dcn4j.loader.NativeLibrary;
import java.util.Map;
import lombok.extern.slf4j.Slf4j;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.imports.converters.ImportClassMapping;
import org.nd4j.linalg.env.EnvironmentalAction;

/**
 * ND4J's start-up hook: loads the native ops and makes the op classes known.
 *
 * <p>ND4J finds it through {@code META-INF/services}, after its own native library is there and
 * before any user code runs, so that {@code SameDiff.load} alone finds the ops. Some of ND4J's own
 * classes, whose gradients are wrong or missing, are replaced.
 */
@Slf4j
public final class LoadAtStartup implements EnvironmentalAction {
  /** Called by ND4J, twice, with no environment variable in mind: loading happens here. */
  @Override
  public String targetVariable() {
    try {
      NativeLibrary.loadAtStartup(OpCatalog::all);
      Map<String, DifferentialFunction> classes = ImportClassMapping.getOpNameMapping();
      classes.put("gather", new GatherWithGradient());
      classes.put("cumsum", new CumSumWithGradient());
      classes.put("Where", new WhereWithGradient());
    } catch (Throwable t) { // whatever it is, ND4J must go on without these ops
      log.warn("DCN4J: the deformable ops could not be registered", t);
    }
    return "DCN4J_UNUSED";
  }

  @Override
  public void process(String value) {}
}
