"""Shapes: their outlines, their colours, and how one is painted."""
import numpy as np
from PIL import Image, ImageDraw

SHAPES = "circle square triangle star cross".split()
COLORS = {  # anchors; a drawn colour lies between them, give or take a little
    "red": ((220, 40, 40), (255, 0, 0), (190, 20, 30), (240, 70, 60)),
    "green": ((40, 180, 60), (0, 128, 0), (0, 230, 0), (60, 150, 70)),
    "blue": ((50, 80, 230), (0, 0, 255), (30, 60, 180), (40, 120, 240)),
    "yellow": ((235, 220, 50), (255, 255, 0), (250, 210, 20), (240, 235, 90)),
    "purple": ((150, 50, 190), (128, 0, 128), (130, 60, 170), (160, 30, 200)),
    "orange": ((245, 140, 30), (255, 165, 0), (255, 120, 10), (240, 130, 50)),
}
COLOR_NAMES = list(COLORS)
STYLES = ("flat", "flat", "flat", "outline", "drawn", "drawn outline")
HELD_OUT_STYLES = ("bordered", "shaded", "flat", "outline", "drawn")
FINE = 3  # a mask is drawn this many times larger, and shrunk: smooth edges


def corners(shape: str) -> np.ndarray:
    """Points of a shape within the unit circle, [n, 2], y down."""
    if shape == "circle":
        angle = np.linspace(0, 2 * np.pi, 36, endpoint=False)
        return np.stack([np.cos(angle), np.sin(angle)], 1) * .95
    if shape == "square":
        return np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * .83
    if shape == "triangle":
        return np.array([(0, -1), (1, .85), (-1, .85)])
    if shape == "star":
        angle = -np.pi / 2 + np.arange(10) * np.pi / 5
        reach = np.where(np.arange(10) % 2, .42, 1.)
        return np.stack([np.cos(angle), np.sin(angle)], 1) * reach[:, None]
    w, l = .34, .97
    return np.array([
        (-w, -l), (w, -l), (w, -w), (l, -w), (l, w), (w, w),
        (w, l), (-w, l), (-w, w), (-l, w), (-l, -w), (-w, -w),
    ])


CORNERS = {shape: corners(shape) for shape in SHAPES}


def mix_color(g: np.random.Generator, name: str) -> np.ndarray:
    """Some red, some green ..: float32 [3]."""
    anchors = np.array(COLORS[name], np.float32)
    weights = g.dirichlet(np.full(len(anchors), .6)).astype(np.float32)
    return np.clip(weights @ anchors + g.uniform(-12, 12, 3), 0, 255).astype(np.float32)


class Thing:
    """A shape to draw: outline points fixed once, so that its hand-drawn wobble does not flicker between frames."""

    def __init__(self, g, shape: str, color: str, r: float, style="flat", stretch=(1., 1.), tilt=.2):
        """r: radius in pixels. stretch: factors of width and height. tilt: the most it is turned, in radians."""
        self.shape, self.color, self.r, self.style = shape, color, r, style
        points = CORNERS[shape]
        if style.startswith("drawn") and shape != "circle":
            # two more points on each edge, so that straight lines wobble, too
            points = np.concatenate([points + (np.roll(points, -1, 0) - points) * f for f in (0., .34, .67)], 1)
            points = points.reshape(-1, 2)
        if style.startswith("drawn"):
            points = points + g.normal(0, .035 if len(points) > 12 else .05, points.shape)
        angle = g.uniform(-tilt, tilt)
        c, s = np.cos(angle), np.sin(angle)
        self.points = points @ np.array([(c, s), (-s, c)]) * (np.array(stretch) * r)
        self.extent = np.abs(self.points).max(0) + 1.5
        self.rgb = mix_color(g, color)
        self.line = max(1.6, r * g.uniform(.18, .3))

    def paint(self, im: np.ndarray, cx: float, cy: float, rgb=None):
        """Blends the shape into im [height, width, 3], its centre at (cx, cy) in pixels; parts outside are cut."""
        rgb = self.rgb if rgb is None else rgb
        outlined = "outline" in self.style
        ex, ey = self.extent + (self.line if outlined else 0)
        h, w = im.shape[:2]
        x0, y0 = max(0, int(cx - ex)), max(0, int(cy - ey))
        x1, y1 = min(w, int(cx + ex) + 2), min(h, int(cy + ey) + 2)
        if x1 <= x0 or y1 <= y0:
            return
        size = (x1 - x0, y1 - y0)
        points = [tuple(p) for p in ((self.points + (cx - x0, cy - y0)) * FINE)]
        mask = _lines(size, points, self.line) if outlined else _filled(size, points)
        part = im[y0:y1, x0:x1]
        if self.style == "shaded":
            ramp = np.linspace(.65, 1.25, y1 - y0, dtype=np.float32)[:, None, None]
            rgb = np.clip(rgb * ramp, 0, 255)
        part += mask * (rgb - part)
        if self.style == "bordered":
            part -= _lines(size, points, 1.3) * part * .75


def _filled(size, points):
    """How much of each pixel lies inside the outline: float32 [height, width, 1] in 0..1."""
    mask = Image.new("L", (size[0] * FINE, size[1] * FINE))
    ImageDraw.Draw(mask).polygon(points, fill=255)
    return _shrunk(mask, size)


def _lines(size, points, width):
    """The same of a line of `width` pixels along the outline."""
    mask = Image.new("L", (size[0] * FINE, size[1] * FINE))
    ImageDraw.Draw(mask).line(points + points[:2], fill=255, width=int(round(width * FINE)), joint="curve")
    return _shrunk(mask, size)


def _shrunk(mask, size):
    return np.asarray(mask.resize(size, Image.BOX), np.float32)[..., None] / 255
