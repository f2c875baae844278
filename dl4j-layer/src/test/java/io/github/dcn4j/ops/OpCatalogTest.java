package io.github.dcn4j.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import io.github.dcn4j.loader.ListedOp;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.nd4j.imports.converters.ImportClassMapping;
import org.nd4j.linalg.api.ops.CustomOpDescriptor;
import org.nd4j.linalg.factory.Nd4j;

/** What the catalogue says of the ops is what the native library says, and SameDiff knows them. */
class OpCatalogTest {
  @Test
  void opsThatComeLateAreDescribedAsThoseThatComeInTime() {
    Map<String, CustomOpDescriptor> inTime = Nd4j.getExecutioner().getCustomOperations();
    Map<String, String> expected = new TreeMap<>();
    Map<String, String> described = new TreeMap<>();
    for (ListedOp op : OpCatalog.all()) {
      expected.put(op.getName(), describe(inTime.get(op.getName())));
      described.put(op.getName(), describe(op.getDescriptor()));
    }
    assertEquals(expected, described);
  }

  @Test
  void theCatalogueHasEachOpOnceAndSameDiffKnowsItsClass() {
    List<ListedOp> ops = OpCatalog.all();
    assertEquals(ops.size(), ops.stream().map(ListedOp::getName).distinct().count());
    for (ListedOp op : ops) {
      assertSame(
          op.getOp().getClass(),
          ImportClassMapping.getOpNameMapping().get(op.getName()).getClass(),
          op.getName());
    }
  }

  private static String describe(CustomOpDescriptor op) {
    return op.getHash()
        + " inputs "
        + op.getNumInputs()
        + " outputs "
        + op.getNumOutputs()
        + " floats "
        + op.getNumTArgs()
        + " integers "
        + op.getNumIArgs()
        + " in place "
        + op.isAllowsInplace();
  }
}
