package io.github.dcn4j.detection.data;

import static io.github.dcn4j.detection.data.ImageNames.names;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.detection.Box;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CocoFolderTest {
  private static final String CATEGORIES =
      "\"categories\":[{\"id\":90,\"name\":\"toothbrush\"},{\"id\":3,\"name\":\"car\"}]";

  @TempDir Path folder;

  private Path image(String name) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    ImageIO.write(new BufferedImage(64, 32, BufferedImage.TYPE_INT_RGB), "png", file.toFile());
    return file;
  }

  private Path write(String name, String content) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.writeString(file, content.replace('\'', '"'));
  }

  /** A file of annotations; each image is {@code 'id':…,'file_name':…} and so on. */
  private Path json(String name, String images, String annotations) throws IOException {
    return write(
        name,
        "{'info':{'year':2017},'annotations':["
            + annotations
            + "],'images':["
            + images
            + "],"
            + CATEGORIES
            + "}");
  }

  private static String annotation(int image, int category, String box) {
    return String.format(
        "{'id':%d,'image_id':%d,'category_id':%d,'bbox':[%s],'area':1,"
            + "'segmentation':[[1,2,3,4,5,6]],'iscrowd':0}",
        image * 100 + category, image, category, box);
  }

  private void pair() throws IOException {
    image("train2017/a.png");
    image("val2017/b.png");
    json(
        "annotations/instances_train2017.json",
        "{'id':7,'file_name':'a.png','width':64,'height':32}",
        annotation(7, 90, "10.5,4,20,8.25"));
    json(
        "annotations/instances_val2017.json",
        "{'id':7,'file_name':'b.png','width':64,'height':32}",
        annotation(7, 3, "0,0,64,32"));
  }

  private AnnotatedImages open(Path data) {
    return open(data, new BadFiles(BadFiles.Policy.REFUSE));
  }

  private AnnotatedImages open(Path data, BadFiles badFiles) {
    AnnotatedImages images =
        AnnotatedImages.open(data, 1, badFiles).readable(64, false, badFiles, () -> {});
    images.requireEnough();
    return images;
  }

  private void assertComplaint(Object... parts) {
    String complaint = assertThrows(InvalidDataException.class, () -> open(folder)).getMessage();
    for (Object part : parts) {
      assertTrue(complaint.contains(part.toString()), complaint);
    }
  }

  @Test
  void aFolderMayBeGivenByAPathThatLeavesTheWorkingDirectory() throws IOException {
    pair();
    Path relative = Path.of("").toAbsolutePath().relativize(folder.toAbsolutePath());
    assertTrue(relative.startsWith(".."), relative.toString());
    assertEquals(Set.of("a.png"), names(open(relative).training(64)));
  }

  @Test
  void allImagesAreBothParts() throws IOException {
    pair();
    AnnotatedImages coco = open(folder);
    assertEquals(Set.of("a.png", "b.png"), names(coco.all(64, coco.getLabels())));
  }

  @Test
  void boxesOfBothPartsAreRead() throws IOException {
    pair();
    AnnotatedImages coco = open(folder);
    assertEquals(List.of("car", "toothbrush"), coco.getLabels());
    assertEquals(Set.of("a.png"), names(coco.training(64)));
    assertEquals(Set.of("b.png"), names(coco.heldOut(64)));
    assertEquals(List.of(Box.of(10.5, 20, 30.5, 28.25, 1)), coco.training(64).get(0).getBoxes());
    assertEquals(List.of(Box.of(0, 16, 64, 48, 0)), coco.heldOut(64).get(0).getBoxes());
  }

  @ParameterizedTest
  @CsvSource({
    "annotations/instances_trainX.json, annotations/instances_valX.json, trainX, valX",
    "annotations/instances_train.json, annotations/instances_val.json, images/train, images/val",
    "annotations/instances_train.json, annotations/instances_val.json, images, images",
    "instances_train.json, instances_val.json, ., .",
    "train/_annotations.coco.json, valid/_annotations.coco.json, train, valid",
  })
  void theUsualLayoutsAreFound(String training, String heldOut, String trainingAt, String heldOutAt)
      throws IOException {
    image(trainingAt + "/sub/a.png");
    image(heldOutAt + "/b.png");
    json(training, "{'id':1,'file_name':'sub/a.png'}", annotation(1, 90, "1,1,5,5"));
    json(heldOut, "{'id':'b','file_name':'b.png'}", "");
    json("annotations/instances_test.json", "", "");
    json("annotations/._instances_val.json", "", "");
    json("annotations/captions_val.json", "", "");
    AnnotatedImages coco = open(folder);
    assertEquals(Set.of("a.png"), names(coco.training(64)));
    assertEquals(Set.of("b.png"), names(coco.heldOut(64)));
    assertEquals(0, coco.heldOut(64).get(0).getBoxes().size());
  }

  @Test
  void oneFileIsDivided() throws IOException {
    StringBuilder images = new StringBuilder();
    for (int i = 0; i < 10; i++) {
      image("images/" + i + ".png");
      images.append(i == 0 ? "" : ",").append("{'id':" + i + ",'file_name':'" + i + ".png'}");
    }
    String boxes =
        annotation(1, 3, "1,1,5,5")
            + ","
            + annotation(2, 3, "1,1,5,5")
            + ","
            + annotation(3, 3, "1,1,5,5");
    Path file = json("annotations/instances_default.json", images.toString(), boxes);
    for (Path data : List.of(folder, file)) {
      AnnotatedImages coco = open(data);
      assertEquals(8, coco.training(64).size());
      assertEquals(2, coco.heldOut(64).size());
    }
  }

  @Test
  void aFileTakesItsOtherPartFromBesideIt() throws IOException {
    pair();
    json("annotations/instances_train2014.json", "", "");
    assertComplaint("instances_train2014.json", "instances_train2017.json");
    AnnotatedImages coco = open(folder.resolve("annotations/instances_train2017.json"));
    assertEquals(Set.of("b.png"), names(coco.heldOut(64)));
  }

  @Test
  void crowdsAreDifficultAndBoxesWithoutAreaAreLeftOut() throws IOException {
    pair();
    json(
        "annotations/instances_val2017.json",
        "{'id':7,'file_name':'b.png'}",
        annotation(7, 3, "1,1,5,5").replace("'iscrowd':0", "'iscrowd':1")
            + ","
            + annotation(7, 3, "9,9,0,5")
            + ","
            + annotation(7, 3, "9,9,5,0.0")
            + ","
            + annotation(7, 90, "9,0,5,5")
            + ","
            + annotation(7, 90, "9,0,5,5"));
    BadFiles badFiles = new BadFiles(BadFiles.Policy.REFUSE);
    List<Box> boxes = open(folder, badFiles).heldOut(64).get(0).getBoxes();
    assertEquals(List.of(new Box(1, 17, 6, 22, 0, true), Box.of(9, 16, 14, 21, 1)), boxes);
    assertEquals(1, badFiles.notes().size());
    assertTrue(badFiles.notes().get(0).contains("2 boxes without area"), badFiles.toString());
  }

  @Test
  void coordinatesARoundingOverTheEdgeAreCutOff() throws IOException {
    pair();
    json(
        "annotations/instances_val2017.json",
        "{'id':7,'file_name':'b.png'}",
        annotation(7, 3, "-0.01,0,64.02,32.4"));
    assertEquals(List.of(Box.of(0, 16, 64, 48, 0)), open(folder).heldOut(64).get(0).getBoxes());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'1,1,70,5'       | outside the 64×32 image",
        "'1,1,-5,5'       | [1.0, 1.0, -5.0, 5.0]",
        "'1,1,5'          | [1.0, 1.0, 5.0]",
        "'1,1,5,\"5\"'    | NaN",
        "''               | []",
        "'0.1,0.2,0.5,0.8'| normalised",
        "'0,0,1,1'        | normalised",
      })
  void boxesThatCannotBeAreNamed(String box, String complaint) throws IOException {
    pair();
    Path file =
        json(
            "annotations/instances_val2017.json",
            "{'id':7,'file_name':'b.png'}",
            annotation(7, 3, box));
    assertComplaint(file, "'b.png'", complaint);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'id':7,'file_name':'../../x.png'}         | lies outside of",
        "{'id':7,'file_name':'/etc/hostname'}       | lies outside of",
        "{'id':7,'file_name':'..\\\\..\\\\x.png'}   | lies outside of",
        "{'id':7,'file_name':'c.png'}               | there is no image 'c.png'",
        "{'id':7,'file_name':'b.png','width':32,'height':64} | 32×64",
        "{'id':7,'file_name':'b.png'},{'id':8,'file_name':'b.png'} | has two ids, 7 and 8",
        "{'id':7,'file_name':'b.png'},{'id':7,'file_name':'c.png'} | the same id 7",
        "{'id':8,'file_name':'b.png'}               | image 7",
        "{'file_name':'b.png'}                      | lacks its id",
        "3                                          | no object",
      })
  void imagesThatCannotBeAreNamed(String images, String complaint) throws IOException {
    pair();
    Path file =
        json(
            "annotations/instances_val2017.json",
            images.replace("''", "'"),
            annotation(7, 3, "1,1,5,5"));
    assertComplaint(file, complaint);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "text",
        "[]",
        "{'images':[],'annotations':[]}",
        "{'images':[],'categories':[]}",
        "{'images':{},'annotations':[],'categories':[]}",
        "{'images':[{'id':1,'file_na",
        "{'images':[],'annotations':[],'categories':[{'id':1,'name':'a'},{'id':1,'name':'b'}]}",
        "{'images':[],'annotations':[],'categories':[{'id':1}]}",
      })
  void filesThatAreNoAnnotationsAreNamed(String content) throws IOException {
    pair();
    assertComplaint(write("annotations/instances_val2017.json", content));
  }

  @Test
  void anUnknownCategoryIsNamed() throws IOException {
    pair();
    Path file =
        json(
            "annotations/instances_val2017.json",
            "{'id':7,'file_name':'b.png'}",
            annotation(7, 4, "1,1,5,5"));
    assertComplaint(file, "'b.png'", "category 4");
  }

  @Test
  void anImageInBothPartsIsNamed() throws IOException {
    pair();
    json(
        "annotations/instances_val2017.json",
        "{'id':1,'file_name':'train2017/a.png'},{'id':7,'file_name':'b.png'}",
        "");
    assertComplaint("a.png", "instances_train2017.json", "instances_val2017.json");
    BadFiles badFiles = new BadFiles(BadFiles.Policy.SKIP);
    assertTrue(
        assertThrows(InvalidDataException.class, () -> open(folder, badFiles))
            .getMessage()
            .contains("0 and 1"));
  }

  @Test
  void deepNestingIsNoDanger() throws IOException {
    pair();
    write(
        "annotations/instances_val2017.json",
        "{'info':"
            + "[".repeat(200_000)
            + "]".repeat(200_000)
            + ",'images':[{'id':7,'file_name':'b.png'}],'annotations':[],"
            + CATEGORIES
            + "}");
    assertEquals(1, open(folder).heldOut(64).size());
  }

  @Test
  void aFileOfManyAnnotationsIsReadInLittleMemory() throws IOException {
    pair();
    Path file = folder.resolve("annotations/instances_val2017.json");
    String polygon = "1.25,".repeat(400) + "1";
    try (Writer out = Files.newBufferedWriter(file)) {
      out.write("{\"images\":[{\"id\":7,\"file_name\":\"b.png\"}],\"annotations\":[");
      for (int i = 0; i < 50_000; i++) { // 100 MB, nearly all of it outlines
        out.write(i == 0 ? "" : ",");
        out.write("{\"id\":" + i + ",\"image_id\":7,\"category_id\":3,\"segmentation\":[[");
        out.write(polygon + "]],\"bbox\":[" + i % 50 + ",1,5," + (1 + i / 50 % 30) + "]}");
      }
      out.write("]," + CATEGORIES + "}");
    }
    assertEquals(1500, open(folder).heldOut(64).get(0).getBoxes().size());
  }
}
