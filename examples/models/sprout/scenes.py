"""What the data are drawn and mixed from: shapes in several styles on several grounds, trajectories, and sounds on a time line.
Every function takes a numpy Generator, so that a seed decides everything. Pixels are float32 in 0..255 until they are rounded."""
import functools, io
import numpy as np
from PIL import Image, ImageDraw, ImageFont

SHAPES = "circle square triangle star cross".split()
COLORS = {  # anchors; a drawn colour lies between them, give or take a little
    "red": ((220, 40, 40), (255, 0, 0), (190, 20, 30), (240, 70, 60)),
    "green": ((40, 180, 60), (0, 128, 0), (0, 230, 0), (60, 150, 70)),
    "blue": ((50, 80, 230), (0, 0, 255), (30, 60, 180), (40, 120, 240)),
    "yellow": ((235, 220, 50), (255, 255, 0), (250, 210, 20), (240, 235, 90)),
    "purple": ((150, 50, 190), (128, 0, 128), (130, 60, 170), (160, 30, 200)),
    "orange": ((245, 140, 30), (255, 165, 0), (255, 120, 10), (240, 130, 50))}
COLOR_NAMES = list(COLORS)
STYLES = ("flat", "flat", "flat", "outline", "drawn", "drawn outline")
HELD_OUT_STYLES = ("bordered", "shaded", "flat", "outline", "drawn")
# typefaces of Debian's fonts-dejavu-core and -extra; "" is Pillow's own
FONTS = ("", "", "DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansCondensed", "DejaVuSans-Oblique")
HELD_OUT_FONTS = ("DejaVuSerifCondensed", "DejaVuSansCondensed-Bold", "DejaVuSansMono-Oblique", "DejaVuSerifCondensed-Bold")
SR = 16000

def corners(shape):
    """Points of a shape within the unit circle, [n, 2], y down."""
    if shape == "circle":
        a = np.linspace(0, 2 * np.pi, 36, endpoint=False); return np.stack([np.cos(a), np.sin(a)], 1) * .95
    if shape == "square": return np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * .83
    if shape == "triangle": return np.array([(0, -1), (1, .85), (-1, .85)])
    if shape == "star":
        a = -np.pi / 2 + np.arange(10) * np.pi / 5; return np.stack([np.cos(a), np.sin(a)], 1) * np.where(np.arange(10) % 2, .42, 1.)[:, None]
    w, l = .34, .97
    return np.array([(-w, -l), (w, -l), (w, -w), (l, -w), (l, w), (w, w), (w, l), (-w, l), (-w, w), (-l, w), (-l, -w), (-w, -w)])
CORNERS = {s: corners(s) for s in SHAPES}

class Thing:
    """A shape to draw: outline points fixed once, so that its hand-drawn wobble does not flicker from frame to frame."""
    def __init__(self, g, shape, color, r, style="flat", stretch=(1., 1.), tilt=.2):
        self.shape, self.color, self.r, self.style = shape, color, r, style
        p = CORNERS[shape]
        if style.startswith("drawn") and shape != "circle":
            p = np.concatenate([p + (np.roll(p, -1, 0) - p) * f for f in (0., .34, .67)], 1).reshape(-1, 2)
        if style.startswith("drawn"): p = p + g.normal(0, .035 if len(p) > 12 else .05, p.shape)
        a = g.uniform(-tilt, tilt); c, s = np.cos(a), np.sin(a)
        self.points = p @ np.array([(c, s), (-s, c)]) * (np.array(stretch) * r)
        self.extent = np.abs(self.points).max(0) + 1.5
        self.rgb = mix_color(g, color)
        self.line = max(1.6, r * g.uniform(.18, .3))

    def paint(self, im, cx, cy, rgb=None, grow=1.):
        """Blends the shape into im [height, width, 3], its centre at (cx, cy) in pixels; parts outside are cut."""
        rgb = self.rgb if rgb is None else rgb
        ex, ey = self.extent * grow + (self.line if "outline" in self.style else 0)
        h, w = im.shape[:2]
        x0, y0, x1, y1 = max(0, int(cx - ex)), max(0, int(cy - ey)), min(w, int(cx + ex) + 2), min(h, int(cy + ey) + 2)
        if x1 <= x0 or y1 <= y0: return
        q = 3
        mask = Image.new("L", ((x1 - x0) * q, (y1 - y0) * q)); d = ImageDraw.Draw(mask)
        pts = [tuple(p) for p in ((self.points * grow + (cx - x0, cy - y0)) * q)]
        if "outline" in self.style: d.line(pts + pts[:2], fill=255, width=int(round(self.line * q)), joint="curve")
        else: d.polygon(pts, fill=255)
        m = np.asarray(mask.resize((x1 - x0, y1 - y0), Image.BOX), np.float32)[..., None] / 255
        part = im[y0:y1, x0:x1]
        if self.style == "shaded":
            ramp = np.linspace(.65, 1.25, y1 - y0, dtype=np.float32)[:, None, None]
            rgb = np.clip(rgb * ramp, 0, 255)
        part += m * (rgb - part)
        if self.style == "bordered":
            edge = Image.new("L", mask.size); ImageDraw.Draw(edge).line(pts + pts[:2], fill=255, width=int(round(1.3 * q)), joint="curve")
            m = np.asarray(edge.resize((x1 - x0, y1 - y0), Image.BOX), np.float32)[..., None] / 255
            part -= m * part * .75

@functools.lru_cache(4096)
def font(name, size): return ImageFont.load_default(size) if not name else ImageFont.truetype(f"{name}.ttf", size)

class Lettering:
    """A line of text, `wide` pixels wide or as wide as `high` allows. centers: of each character, in pixels from the line's left; size: (width, height)."""
    def __init__(self, text, face, wide, high):
        l, t, r, b = font(face, 100).getbbox(text); size = max(8, int(100 * min(wide / (r - l), high / (b - t)))); f = font(face, size); l, t, r, b = f.getbbox(text)
        self.text, self.size = text, (r - l, b - t); self.mask = Image.new("L", (r - l + 2, b - t + 2)); ImageDraw.Draw(self.mask).text((1 - l, 1 - t), text, fill=255, font=f)
        ends = [f.getlength(text[:i]) for i in range(len(text) + 1)]; self.centers = [(a + b) / 2 - l for a, b in zip(ends, ends[1:])]
    def paint(self, im, x, y, rgb):
        """Blends the line into im [height, width, 3], its left top corner at (x, y)."""
        x, y = int(x), int(y); m = np.asarray(self.mask, np.float32)[..., None] / 255; part = im[y:y + m.shape[0], x:x + m.shape[1]]; m = m[:part.shape[0], :part.shape[1]]; part += m * (rgb - part)

def mix_color(g, name):
    a = np.array(COLORS[name], np.float32); w = g.dirichlet(np.full(len(a), .6)).astype(np.float32)
    return np.clip(w @ a + g.uniform(-12, 12, 3), 0, 255).astype(np.float32)

class Grounds:
    """A bank of backgrounds with little colour of their own; a sample takes a random cut of one, or white, or black."""
    def __init__(self, seed, n=160, size=(150, 210)):
        g = np.random.default_rng(seed); h, w = size; self.size = size; self.bank = np.empty((n, h, w, 3), np.uint8)
        y, x = np.mgrid[0:h, 0:w].astype(np.float32) / 100
        for i in range(n):
            im = (g.uniform(15, 240) + g.normal(0, 9, 3)) * np.ones((h, w, 3), np.float32); kind = i % 5
            if kind >= 1: a = g.uniform(0, 2 * np.pi); im += (g.uniform(10, 70) * (np.cos(a) * x + np.sin(a) * y))[..., None] - 20
            if kind == 2: im += g.normal(0, g.uniform(2, 16), (h, w, 1))
            if kind == 3: a = g.uniform(0, np.pi); im += (g.uniform(4, 18) * np.sin(g.uniform(8, 70) * (np.cos(a) * x + np.sin(a) * y)))[..., None]
            if kind == 4:
                k = int(g.integers(4, 24)); t = Image.fromarray(g.integers(0, 255, (h // k + 2, w // k + 2), dtype=np.uint8)).resize((w, h), Image.BICUBIC)
                im += (np.asarray(t, np.float32)[..., None] - 128) * g.uniform(.08, .3)
            if kind >= 2: im += g.normal(0, g.uniform(0, 5), (h, w, 3))
            self.bank[i] = np.clip(im, 0, 255)

    def take(self, g, h, w):
        u = g.random()
        if u < .15: return np.full((h, w, 3), 255. if u < .1 else g.uniform(245, 255), np.float32)
        if u < .2: return np.full((h, w, 3), g.uniform(0, 12), np.float32)
        b = self.bank[int(g.integers(len(self.bank)))]; y, x = int(g.integers(self.size[0] - h + 1)), int(g.integers(self.size[1] - w + 1))
        b = b[y:y + h, x:x + w]
        if g.random() < .5: b = b[::-1]
        if g.random() < .5: b = b[:, ::-1]
        return b.astype(np.float32)

def wear(g, frames):
    """What cameras and codecs do, cheaply: light, noise, soft colour, jpeg blocks. frames float32 [n, h, w, 3] -> uint8."""
    u = g.random()
    if u < .3: frames = (frames - 128) * g.uniform(.8, 1.15) + 128 + g.uniform(-18, 18)
    if g.random() < .25: frames = frames + g.normal(0, g.uniform(1, 7), frames.shape).astype(np.float32)
    out = np.clip(np.round(frames), 0, 255).astype(np.uint8)
    if g.random() < .3:
        n, h, w, _ = out.shape; f = io.BytesIO()
        Image.fromarray(out.reshape(n * h, w, 3)).save(f, "JPEG", quality=int(g.integers(35, 92)), subsampling=int(g.choice([0, 2])))
        out = np.asarray(Image.open(f).convert("RGB")).reshape(n, h, w, 3)
    return out

class Voices:
    """The bank that voices.py rendered."""
    def __init__(self, path):
        z = np.load(path); self.pcm, self.offset = z["pcm"], z["offset"]; word, split = z["word"], z["split"]
        self.index = {(w, s): np.flatnonzero((word == w) & (split == s)) for w in range(int(word.max()) + 1) for s in (0, 1, 2)}

    def say(self, g, word, split, peak=None):
        """float32 samples of one word (its number) by a random voice of the split; a little faster or slower than it was rendered."""
        ids = self.index[word, split]; i = int(ids[g.integers(len(ids))]); y = self.pcm[self.offset[i]:self.offset[i + 1]].astype(np.float32) / 32768
        if g.random() < .5:
            n = int(len(y) * g.uniform(.9, 1.1)); y = np.interp(np.linspace(0, len(y) - 1, n), np.arange(len(y)), y).astype(np.float32)
        return y * (g.uniform(.5, 1.6) if peak is None else peak)

NOISE = np.random.default_rng(9).standard_normal(SR * 40).astype(np.float32)

class Track:
    """A sound line of `seconds`, with what happens when: events = [(start, end, class)]; class 0 is nothing."""
    def __init__(self, g, seconds, samples=None):
        self.g, self.events = g, []; n = samples or int(round(seconds * SR)); self.seconds = n / SR
        o = int(g.integers(len(NOISE) - n)); self.wave = NOISE[o:o + n] * np.float32(10 ** g.uniform(-4.5, -2.1))
        if g.random() < .3:  # softer, coloured noise
            self.wave = np.convolve(self.wave, np.ones(8, np.float32) / 3, "same").astype(np.float32)
        if g.random() < .08: self.wave = self.wave * 0

    def put(self, y, start, kind):
        i = max(0, min(int(start * SR), len(self.wave) - len(y))); y = y[:len(self.wave) - i]
        self.wave[i:i + len(y)] += y; self.events.append((i / SR, (i + len(y)) / SR, kind)); return i / SR, (i + len(y)) / SR

    def finish(self):
        """Gain and limits, as a recording would have. float32."""
        w = self.wave * np.float32(10 ** self.g.uniform(-.35, .15))
        return np.clip(np.round(w * 32767), -32768, 32767).astype(np.float32) / 32768

def beep(g, seconds=.12, pitch=None):
    pitch = pitch or g.uniform(500, 1800); t = np.arange(int(seconds * SR)) / SR
    y = np.sin(2 * np.pi * pitch * t)
    if g.random() < .3: y = y + .4 * np.sin(6 * np.pi * pitch * t)
    return (y * np.minimum(1, np.minimum(t, t[::-1]) / .008) * g.uniform(.12, .4)).astype(np.float32)

def sweep(g, seconds, rising):
    a = g.uniform(250, 900); b = a * g.uniform(1.6, 3.2); a, b = (a, b) if rising else (b, a); t = np.arange(int(seconds * SR)) / SR
    y = np.sin(2 * np.pi * (a * t + (b - a) * t * t / (2 * seconds)))
    return (y * np.minimum(1, np.minimum(t, t[::-1]) / .02) * g.uniform(.12, .4)).astype(np.float32)
