"""A picture or a clip to draw."""
import numpy as np

from scenes import COLOR_NAMES, SHAPES


class Scene:
    """Things over time, and lines of text.

    actors: [(thing, path)]; a path gives (x, y, colour's name, rgb or None) at a moment, None while the thing is away.
    screen, form: the class of what is on screen at a moment, where that is known.
    since: the moment from which words are counted, where they are.
    lines: [(lettering, x, y, rgb)] in pixels; letters: [(character, left, right, top, bottom)], in 0..1."""

    def __init__(self, ground: np.ndarray):
        self.ground = ground
        self.actors, self.lines, self.letters = [], [], []
        self.screen, self.form, self.since = None, None, None

    def add(self, thing, path):
        self.actors.append((thing, path))

    def draw(self, t: float, step=0, marks=None) -> np.ndarray:
        """The frame at t seconds, float32 [h, w, 3].

        marks: a list that gets what stage one of the training asks of the picture encoder:
        (step, thing, shape, colour, x, y) with x, y in 0..1."""
        im = self.ground.copy()
        h, w = im.shape[:2]
        for k, (thing, path) in enumerate(self.actors):
            at = path(t)
            if at is None:
                continue
            x, y, color, rgb = at
            thing.paint(im, x * w, y * h, rgb)
            if marks is not None:
                marks.append((step, k, SHAPES.index(thing.shape), COLOR_NAMES.index(color), x, y))
        for lettering, x, y, rgb in self.lines:
            lettering.paint(im, x, y, rgb)
        return im


def still(x: float, y: float, color: str):
    """The path of a thing that stays where it is."""
    return lambda t: (x, y, color, None)


def between(start: float, end: float, x: float, y: float, color: str):
    """The path of a thing that is there from start to end, in one place."""
    return lambda t: (x, y, color, None) if start <= t < end else None
