"""What is behind the shapes, and what cameras and codecs do to a picture."""
import io

import numpy as np
from PIL import Image


class Grounds:
    """A bank of backgrounds with little colour of their own; a sample takes a random cut of one, or white, or black."""

    def __init__(self, seed: int, n=160, size=(150, 210)):
        """size: (height, width) in pixels, the largest cut there is."""
        g = np.random.default_rng(seed)
        h, w = size
        self.size = size
        self.bank = np.empty((n, h, w, 3), np.uint8)
        y, x = np.mgrid[0:h, 0:w].astype(np.float32) / 100
        for i in range(n):
            self.bank[i] = np.clip(_ground(g, i % 5, x, y), 0, 255)

    def take(self, g, h: int, w: int) -> np.ndarray:
        """float32 [h, w, 3]."""
        u = g.random()
        if u < .15:
            return np.full((h, w, 3), 255. if u < .1 else g.uniform(245, 255), np.float32)
        if u < .2:
            return np.full((h, w, 3), g.uniform(0, 12), np.float32)
        cut = self.bank[int(g.integers(len(self.bank)))]
        y = int(g.integers(self.size[0] - h + 1))
        x = int(g.integers(self.size[1] - w + 1))
        cut = cut[y:y + h, x:x + w]
        if g.random() < .5:
            cut = cut[::-1]
        if g.random() < .5:
            cut = cut[:, ::-1]
        return cut.astype(np.float32)


def _ground(g, kind, x, y):
    """One background. kind: 0 plain, 1 graded, 2 noisy, 3 striped, 4 blotched; x, y: [h, w], in hundreds of pixels."""
    h, w = x.shape
    im = (g.uniform(15, 240) + g.normal(0, 9, 3)) * np.ones((h, w, 3), np.float32)
    if kind >= 1:
        angle = g.uniform(0, 2 * np.pi)
        im += (g.uniform(10, 70) * (np.cos(angle) * x + np.sin(angle) * y))[..., None] - 20
    if kind == 2:
        im += g.normal(0, g.uniform(2, 16), (h, w, 1))
    if kind == 3:
        angle = g.uniform(0, np.pi)
        strength = g.uniform(4, 18)
        im += (strength * np.sin(g.uniform(8, 70) * (np.cos(angle) * x + np.sin(angle) * y)))[..., None]
    if kind == 4:
        k = int(g.integers(4, 24))
        coarse = Image.fromarray(g.integers(0, 255, (h // k + 2, w // k + 2), dtype=np.uint8))
        blotches = np.asarray(coarse.resize((w, h), Image.BICUBIC), np.float32)[..., None]
        im += (blotches - 128) * g.uniform(.08, .3)
    if kind >= 2:
        im += g.normal(0, g.uniform(0, 5), (h, w, 3))
    return im


def wear(g, frames: np.ndarray) -> np.ndarray:
    """What cameras and codecs do, cheaply: light, noise, soft colour, jpeg blocks. float32 [n, h, w, 3] -> uint8."""
    if g.random() < .3:
        frames = (frames - 128) * g.uniform(.8, 1.15) + 128 + g.uniform(-18, 18)
    if g.random() < .25:
        frames = frames + g.normal(0, g.uniform(1, 7), frames.shape).astype(np.float32)
    out = np.clip(np.round(frames), 0, 255).astype(np.uint8)
    if g.random() < .3:
        n, h, w, _ = out.shape
        file = io.BytesIO()
        quality = int(g.integers(35, 92))
        Image.fromarray(out.reshape(n * h, w, 3)).save(file, "JPEG", quality=quality, subsampling=int(g.choice([0, 2])))
        out = np.asarray(Image.open(file).convert("RGB")).reshape(n, h, w, 3)
    return out
