"""Writes small images of many kinds, and the colours that Pillow finds in them.

Run in this folder, with Pillow 9.4 and numpy 1.24. pixels.csv has for each file its upright width
and height, and then a place and its red, green and blue. Transparency is dropped.
"""

import csv
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

BLOCK = 16
COLOURS = [(93, 93, 93), (200, 30, 90), (20, 180, 60), (250, 250, 250), (5, 60, 220), (240, 200, 10)]
ROWS = []


def blocks(mode="RGB"):
    """2 rows and 3 columns of blocks, each of one colour."""
    image = Image.new("RGB", (3 * BLOCK, 2 * BLOCK))
    for i, colour in enumerate(COLOURS):
        image.paste(colour, (i % 3 * BLOCK, i // 3 * BLOCK, (i % 3 + 1) * BLOCK, (i // 3 + 1) * BLOCK))
    return image.convert(mode)


def note(name, image):
    """Takes down the middle of each block."""
    for y in range(BLOCK // 2, image.height, BLOCK):
        for x in range(BLOCK // 2, image.width, BLOCK):
            ROWS.append([name, image.width, image.height, x, y, *image.getpixel((x, y))])


def save(name, image, **options):
    image.save(name, **options)
    note(name, ImageOps.exif_transpose(Image.open(name)).convert("RGB"))


def exif(orientation):
    data = Image.Exif()
    data[0x0112] = orientation
    return data.tobytes()


for orientation in range(1, 9):
    save(f"exif-{orientation}.jpg", blocks(), exif=exif(orientation), quality=95, subsampling=0)
save("exif-9.jpg", blocks(), exif=exif(9), quality=95, subsampling=0)
save("exif-6.png", blocks(), exif=exif(6))
blocks().save("exif-6.tif", exif=exif(6))
note("exif-6.tif", blocks().transpose(Image.Transpose.ROTATE_270))  # Pillow 9.4 turns it twice

grey = blocks("L")
save("grey.png", grey)
save("grey.jpg", grey, quality=95)
save("grey.tif", grey)
save("grey.bmp", grey)
save("grey.gif", grey)
alpha = Image.new("L", grey.size, 100)
save("grey-alpha.png", Image.merge("LA", (grey, alpha)))
save("grey-trns.png", grey, transparency=93)
save("rgb-trns.png", blocks(), transparency=(200, 30, 90))
save("palette.png", blocks().quantize(8))
save("palette-trns.png", blocks().quantize(8), transparency=bytes([0, 40, 80, 120, 160, 200]))
save("palette.gif", blocks().quantize(8), transparency=2)
rgba = blocks()
rgba.putalpha(alpha)
save("rgba.png", rgba)
save("rgba.tif", rgba)
save("bit.png", grey.convert("1", dither=Image.Dither.NONE))
save("bit.tif", grey.convert("1", dither=Image.Dither.NONE))
save("progressive.jpg", blocks(), progressive=True, quality=95, subsampling=0)
save("lzw.tif", blocks(), compression="tiff_lzw")
save("jpeg.tif", blocks(), compression="jpeg", quality=95)
cmyk = Image.merge("CMYK", [ImageOps.invert(band) for band in blocks().split()] + [alpha])
save("cmyk.jpg", cmyk, quality=95)
save("cmyk.tif", cmyk)

wide = np.asarray(grey, np.uint16) * 257
Image.fromarray(wide).save("grey-16.png")
note("grey-16.png", blocks("L").convert("RGB"))
Image.fromarray(wide).save("grey-16.tif")
note("grey-16.tif", blocks("L").convert("RGB"))
light = np.asarray(grey, np.float32)
Image.fromarray(light / 255).save("float-1.tif")
note("float-1.tif", blocks("L").convert("RGB"))
Image.fromarray(light).save("float-255.tif")
note("float-255.tif", blocks("L").convert("RGB"))

raw = b"".join(
    b"\0" + (np.asarray(blocks(), np.uint16)[y] * 257).astype(">u2").tobytes() for y in range(2 * BLOCK)
)
header = struct.pack(">IIBBBBB", 3 * BLOCK, 2 * BLOCK, 16, 2, 0, 0, 0)
png = b"\x89PNG\r\n\x1a\n"
for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")):
    png += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
open("rgb-16.png", "wb").write(png)
note("rgb-16.png", blocks())

with open("pixels.csv", "w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["file", "width", "height", "x", "y", "red", "green", "blue"])
    writer.writerows(ROWS)
