package io.github.dcn4j.examples.data;

import io.github.dcn4j.examples.UserInputException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import lombok.Value;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.xml.sax.ErrorHandler;
import org.xml.sax.SAXException;
import org.xml.sax.SAXParseException;

/**
 * One Pascal VOC annotation: the objects in an image.
 *
 * <p>Coordinates may be integers or fractions. As in VOC they count pixels from 1 and include the
 * last one, so {@code xmin} 1 and {@code xmax} equal to the width span the whole image.
 */
@Value
final class VocAnnotation {
  /** The XML file. */
  Path file;

  /** Width in pixels that the file states, or 0 if it states none. */
  int width;

  /** Height in pixels that the file states, or 0 if it states none. */
  int height;

  /** The objects, in the file's order. */
  List<VocObject> objects;

  /** One object of an annotation; edges in pixels from the image's upper left corner. */
  @Value
  static class VocObject {
    String name;
    boolean difficult;
    double x1;
    double y1;
    double x2;
    double y2;
  }

  /**
   * Reads an annotation.
   *
   * @throws UserInputException naming the file, if it is not XML, is no annotation, or an object
   *     lacks something
   */
  static VocAnnotation read(Path file) {
    Element root = parse(file);
    if (!root.getNodeName().equals("annotation")) {
      throw new UserInputException(
          String.format(
              "%s: expected <annotation>, but the file holds <%s>", file, root.getNodeName()));
    }
    Element size = child(root, "size");
    List<VocObject> objects = new ArrayList<>();
    for (Element object : children(root, "object")) {
      objects.add(object(file, object));
    }
    return new VocAnnotation(
        file, stated(file, size, "width"), stated(file, size, "height"), List.copyOf(objects));
  }

  /**
   * Checks the boxes against the image.
   *
   * @param imageWidth width of the image in pixels
   * @param imageHeight height of the image in pixels
   * @throws UserInputException naming the file, if they cannot belong together
   */
  void check(int imageWidth, int imageHeight) {
    if (width > 0 && height > 0 && (width != imageWidth || height != imageHeight)) {
      throw new UserInputException(
          String.format(
              "%s: <size> says %d×%d, but the image is %d×%d",
              file, width, height, imageWidth, imageHeight));
    }
    for (VocObject object : objects) {
      boolean inside =
          object.x1 >= 0
              && object.y1 >= 0
              && object.x2 <= imageWidth
              && object.y2 <= imageHeight
              && object.x1 < object.x2
              && object.y1 < object.y2;
      if (!inside) {
        throw new UserInputException(
            String.format(
                "%s: the box of '%s' (x %s to %s, y %s to %s) is empty or outside the %d×%d image",
                file,
                object.name,
                object.x1,
                object.x2,
                object.y1,
                object.y2,
                imageWidth,
                imageHeight));
      }
    }
  }

  private static VocObject object(Path file, Element object) {
    Element box = child(object, "bndbox");
    if (box == null) {
      throw new UserInputException(file + ": an <object> has no <bndbox>");
    }
    String name = text(object, "name");
    if (name == null || name.isEmpty()) {
      throw new UserInputException(file + ": an <object> has no <name>");
    }
    double left = number(file, box, "xmin");
    double top = number(file, box, "ymin");
    return new VocObject(
        name,
        "1".equals(text(object, "difficult")),
        before(left),
        before(top),
        number(file, box, "xmax"),
        number(file, box, "ymax"));
  }

  /** The near edge of a 1-based pixel; a 0, as some tools write for the first one, is its edge. */
  private static double before(double coordinate) {
    return coordinate >= 0 ? Math.max(0, coordinate - 1) : coordinate;
  }

  private static int stated(Path file, Element size, String name) {
    return size == null || text(size, name) == null ? 0 : (int) number(file, size, name);
  }

  private static double number(Path file, Element parent, String name) {
    String text = text(parent, name);
    double value;
    try {
      value = text == null ? Double.NaN : Double.parseDouble(text);
    } catch (NumberFormatException e) {
      value = Double.NaN;
    }
    if (!Double.isFinite(value)) {
      throw new UserInputException(
          String.format("%s: <%s> should be a number, but is %s", file, name, text));
    }
    return value;
  }

  private static String text(Element parent, String name) {
    Element child = child(parent, name);
    return child == null ? null : child.getTextContent().trim();
  }

  private static Element child(Element parent, String name) {
    List<Element> children = children(parent, name);
    return children.isEmpty() ? null : children.get(0);
  }

  /** Direct children only: the parts of a VOC object have boxes and names of their own. */
  private static List<Element> children(Element parent, String name) {
    List<Element> found = new ArrayList<>();
    for (Node node = parent.getFirstChild(); node != null; node = node.getNextSibling()) {
      if (node instanceof Element && node.getNodeName().equals(name)) {
        found.add((Element) node);
      }
    }
    return found;
  }

  private static Element parse(Path file) {
    try {
      DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
      factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
      factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
      factory.setExpandEntityReferences(false);
      DocumentBuilder builder = factory.newDocumentBuilder();
      builder.setErrorHandler(new Throwing());
      return builder.parse(file.toFile()).getDocumentElement();
    } catch (SAXException | IOException e) {
      throw new UserInputException(file + ": cannot be read as XML: " + e.getMessage(), e);
    } catch (ParserConfigurationException e) {
      throw new IllegalStateException("the JDK's XML parser lacks a standard feature", e);
    }
  }

  /** The default handler prints; an error is the caller's to report. */
  private static final class Throwing implements ErrorHandler {
    @Override
    public void warning(SAXParseException warning) {}

    @Override
    public void error(SAXParseException error) throws SAXException {
      throw error;
    }

    @Override
    public void fatalError(SAXParseException error) throws SAXException {
      throw error;
    }
  }
}
