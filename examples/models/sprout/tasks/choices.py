"""What every kind of task chooses with.

The order of random draws is part of the data: a seed must give the same sample."""
import numpy as np

from questions import HELD_OUT_STRANGE, STRANGE, UNKNOWN, WORDINGS
from scenes import HELD_OUT_STYLES, STYLES, Thing
from tasks.scene import Scene
from wider import BEFORE, WIDER, plain

PLACES = "left right top bottom middle".split()


def plural(shape: str) -> str:
    return shape + ("es" if shape.endswith("s") else "s")


class Choices:
    """split: 0 = trained on, 1 = held out, 2 = held out and spoken by a synthesizer that is never trained on."""

    def __init__(self, seed: int, split: int, voices, grounds):
        self.g = np.random.default_rng(seed)
        self.split, self.voices, self.grounds = split, voices, grounds
        self.styles = HELD_OUT_STYLES if split else STYLES
        self.stretch = (1., 1.)

    def one(self, items):
        return items[int(self.g.integers(len(items)))]

    def some(self, items, k: int) -> list:
        """k of the items, in random order; all of them where there are fewer."""
        return [items[i] for i in self.g.permutation(len(items))[:k]]

    def chance(self, p: float) -> bool:
        return self.g.random() < p

    def ask(self, task: str, answer: str, *fill: str):
        """(task, question, answer), in one of the task's wordings; now and then in lower case or without its end."""
        if self.split:
            return task, self.one(WORDINGS[task][1]).format(*fill), answer
        question = self._trained_wording(task, fill)
        if self.chance(.06):
            question = self.one(BEFORE) + question
        if self.chance(.15):
            question = question[0].lower() + question[1:]
        if self.chance(.1):
            question = question.rstrip("?.")
        return task, question, answer

    def _trained_wording(self, task, fill):
        trained, held_out = WORDINGS[task]
        left_out = {plain(wording.format(*fill)) for wording in held_out}
        while True:
            question = self.one(trained if self.chance(.4) else WIDER[task]).format(*fill)
            if plain(question) not in left_out:
                return question

    def ask_in_vain(self, task: str, *fill: str):
        """A task's question where nobody can know the answer."""
        return "unknown", self.ask(task, UNKNOWN, *fill)[1], UNKNOWN

    def unknown(self, about: list[str]):
        """A question that the medium cannot answer: about nothing here, or one of the tasks `about` another medium."""
        if self.chance(.3):
            return "unknown", self.one(HELD_OUT_STRANGE if self.split else STRANGE), UNKNOWN
        return self.ask_in_vain(self.one(about), "shape")

    def name(self, shape: str) -> str:
        """What a question calls the shape."""
        return shape if self.chance(.6) else "shape"

    def scene(self, h: int, w: int) -> Scene:
        """An empty one of h x w pixels. Training scenes are stretched a little, all their things alike."""
        if not self.split:
            s = np.exp(self.g.normal(0, .09))
            self.stretch = (float(s), float(1 / s))
        return Scene(self.grounds.take(self.g, h, w))

    def thing(self, shape: str, color: str, r: float) -> Thing:
        return Thing(self.g, shape, color, r, self.one(self.styles), self.stretch)

    def spot(self, h: int, w: int, r: float) -> tuple[float, float]:
        """A place where a thing of radius r is wholly inside: (x, y) in 0..1."""
        x = self.g.uniform((r + 1) / w, 1 - (r + 1) / w)
        y = self.g.uniform((r + 1) / h, 1 - (r + 1) / h)
        return x, y

    def whole(self, low: float, high: float) -> tuple[int, float]:
        """A moment near a whole second within low..high: the second, and the moment."""
        low = int(np.ceil(low))
        second = int(self.g.integers(low, max(low, int(high + .15)) + 1))
        return second, second + self.g.uniform(-.18, .18)
