package io.github.dcn4j.detection.data;

import java.awt.Graphics2D;
import java.awt.geom.AffineTransform;
import java.awt.image.BufferedImage;
import lombok.experimental.UtilityClass;

/** How a stored picture is turned upright (EXIF 2.3, tag 0x0112). */
@UtilityClass
class Orientation {
  /** The value of a picture that is stored upright. */
  static final int UPRIGHT = 1;

  /**
   * For the values 1 to 8: x and y of the upright picture, each as a sum of a share of x, of y, of
   * the stored width and of the stored height.
   */
  private static final int[][] UPRIGHT_OF_STORED = {
    {1, 0, 0, 0, 0, 1, 0, 0},
    {-1, 0, 1, 0, 0, 1, 0, 0},
    {-1, 0, 1, 0, 0, -1, 0, 1},
    {1, 0, 0, 0, 0, -1, 0, 1},
    {0, 1, 0, 0, 1, 0, 0, 0},
    {0, -1, 0, 1, 1, 0, 0, 0},
    {0, -1, 0, 1, -1, 0, 1, 0},
    {0, 1, 0, 0, -1, 0, 1, 0},
  };

  /** Values from this on lay the picture on its side. */
  private static final int FIRST_ON_ITS_SIDE = 5;

  /**
   * Turns and mirrors a picture.
   *
   * @param orientation EXIF's value; one that EXIF does not know changes nothing
   */
  static BufferedImage upright(BufferedImage stored, int orientation) {
    if (orientation <= UPRIGHT || orientation > UPRIGHT_OF_STORED.length) {
      return stored;
    }
    int width = stored.getWidth();
    int height = stored.getHeight();
    boolean turned = orientation >= FIRST_ON_ITS_SIDE;
    BufferedImage upright =
        new BufferedImage(turned ? height : width, turned ? width : height, stored.getType());
    int[] t = UPRIGHT_OF_STORED[orientation - 1];
    AffineTransform transform =
        new AffineTransform(
            t[0], t[4], t[1], t[5], t[2] * width + t[3] * height, t[6] * width + t[7] * height);
    Graphics2D graphics = upright.createGraphics();
    graphics.drawImage(stored, transform, null);
    graphics.dispose();
    return upright;
  }
}
