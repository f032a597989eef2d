"""A line of printed text."""
import functools

import numpy as np
from PIL import Image, ImageDraw, ImageFont

# typefaces of Debian's fonts-dejavu-core and -extra; "" is Pillow's own
FONTS = (
    "", "", "DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSansMono",
    "DejaVuSansMono-Bold", "DejaVuSansCondensed", "DejaVuSans-Oblique",
)
HELD_OUT_FONTS = (
    "DejaVuSerifCondensed", "DejaVuSansCondensed-Bold", "DejaVuSansMono-Oblique", "DejaVuSerifCondensed-Bold",
)


@functools.lru_cache(4096)
def font(name: str, size: int):
    return ImageFont.load_default(size) if not name else ImageFont.truetype(f"{name}.ttf", size)


class Lettering:
    """A line of text, `wide` pixels wide or as wide as `high` allows.

    fine: how many times larger it is drawn, and then shrunk: small type that a camera saw is not small type on a
    screen, whose stems are moved to whole pixels. spans: left and right of each character, in pixels from the line's
    left; size: (width, height) in pixels."""

    def __init__(self, text: str, face: str, wide: float, high: float, fine=1):
        left, top, right, bottom = font(face, 100).getbbox(text)
        points = max(8, int(100 * min(wide / (right - left), high / (bottom - top))))
        sized = font(face, points * fine)
        left, top, right, bottom = sized.getbbox(text)
        self.size = ((right - left) // fine, (bottom - top) // fine)
        self.mask = Image.new("L", (right - left + 2 * fine, bottom - top + 2 * fine))
        ImageDraw.Draw(self.mask).text((fine - left, fine - top), text, fill=255, font=sized)
        if fine > 1:
            self.mask = self.mask.resize((self.size[0] + 2, self.size[1] + 2), Image.BICUBIC)
        ends = [sized.getlength(text[:i]) for i in range(len(text) + 1)]
        self.spans = [((a - left) / fine, (b - left) / fine) for a, b in zip(ends, ends[1:])]

    def paint(self, im: np.ndarray, x: float, y: float, rgb: np.ndarray):
        """Blends the line into im [height, width, 3], its left top corner at (x, y) in pixels."""
        x, y = int(x), int(y)
        mask = np.asarray(self.mask, np.float32)[..., None] / 255
        part = im[y:y + mask.shape[0], x:x + mask.shape[1]]
        mask = mask[:part.shape[0], :part.shape[1]]
        part += mask * (rgb - part)
