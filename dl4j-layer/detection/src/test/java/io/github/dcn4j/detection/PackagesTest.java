package io.github.dcn4j.detection;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** Which package may know which. */
class PackagesTest {
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("io.github.dcn4j.detection");

  @Test
  void noPackagesImportEachOtherInACircle() {
    slices().matching("io.github.dcn4j.(**)").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void boxesAndTheirMeasuresNeedNoOtherPackage() {
    noClasses()
        .that()
        .resideInAPackage("io.github.dcn4j.detection")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("io.github.dcn4j.detection.(*)..", "org.nd4j..", "org.deeplearning4j..")
        .check(CLASSES);
  }
}
