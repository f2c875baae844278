package io.github.dcn4j.detection.data;

import java.util.Set;
import java.util.TreeSet;

/** Which images a data set holds. */
final class ImageNames {
  private ImageNames() {}

  static Set<String> names(DetectionDataset dataset) {
    Set<String> names = new TreeSet<>();
    for (int i = 0; i < dataset.size(); i++) {
      names.add(dataset.get(i).getName());
    }
    return names;
  }
}
