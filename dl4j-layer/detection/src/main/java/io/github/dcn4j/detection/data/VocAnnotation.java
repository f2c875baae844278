package io.github.dcn4j.detection.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import lombok.experimental.UtilityClass;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.xml.sax.ErrorHandler;
import org.xml.sax.SAXException;
import org.xml.sax.SAXParseException;

/**
 * Reads Pascal VOC annotations: XML files, one an image.
 *
 * <p>Coordinates may be integers or fractions. As in VOC they count pixels from 1 and include the
 * last one, so {@code xmin} 1 and {@code xmax} equal to the width span the whole image.
 */
@UtilityClass
class VocAnnotation {
  private static final Set<String> YES = Set.of("1", "true", "yes");

  private static final String[] EDGES = {"xmin", "ymin", "xmax", "ymax"};

  /**
   * Reads an annotation.
   *
   * @throws InvalidDataException naming the file, if it is not XML, is no annotation, or an object
   *     lacks something
   */
  static Annotation read(Path file) {
    Element root = parse(file);
    if (!root.getNodeName().equals("annotation")) {
      throw FileNames.complaint(
          file, "expected <annotation>, but the file holds <" + root.getNodeName() + ">");
    }
    Element size = child(root, "size");
    List<AnnotatedObject> objects = new ArrayList<>();
    boolean normalised = true;
    for (Element object : children(root, "object")) {
      double[] edges = edges(file, object);
      normalised &= Arrays.stream(edges).allMatch(edge -> edge >= 0 && edge <= 1);
      normalised &= Arrays.stream(edges).anyMatch(edge -> edge < 1); // else the first pixel
      objects.add(object(file, object, edges));
    }
    return new Annotation(
        FileNames.text(file),
        stated(file, size, "width"),
        stated(file, size, "height"),
        objects.stream().distinct().collect(Collectors.toUnmodifiableList()),
        normalised && !objects.isEmpty());
  }

  private static double[] edges(Path file, Element object) {
    Element box = child(object, "bndbox");
    if (box == null) {
      throw FileNames.complaint(file, "an <object> has no <bndbox>");
    }
    return Arrays.stream(EDGES).mapToDouble(edge -> number(file, box, edge)).toArray();
  }

  private static AnnotatedObject object(Path file, Element object, double... edges) {
    String name = text(object, "name");
    if (name == null || name.isEmpty()) {
      throw FileNames.complaint(file, "an <object> has no <name>");
    }
    String difficult = text(object, "difficult");
    return new AnnotatedObject(
        FileNames.normalised(name),
        difficult != null && YES.contains(difficult.toLowerCase(Locale.ROOT)),
        before(edges[0]),
        before(edges[1]),
        edges[2],
        edges[3]);
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
      throw FileNames.complaint(
          file, String.format("<%s> should be a number, but is %s", name, text));
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
    try (InputStream in = Files.newInputStream(file)) {
      DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
      factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
      factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
      factory.setExpandEntityReferences(false);
      DocumentBuilder builder = factory.newDocumentBuilder();
      builder.setErrorHandler(new Throwing());
      return builder.parse(in).getDocumentElement();
    } catch (SAXException | IOException e) {
      throw FileNames.complaint(file, "cannot be read as XML: " + e.getMessage(), e);
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
