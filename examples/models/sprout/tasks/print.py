"""Words and numbers to read."""
import numpy as np

from lexicon import HELD_OUT as NEW_WORDS
from lexicon import LETTERS, made_up
from lexicon import TRAINED as PRINTED
from scenes import COLOR_NAMES, FONTS, HELD_OUT_FONTS, Lettering, mix_color
from tasks.choices import Choices
from tasks.scene import Scene

LIGHT = (.3, .59, .11)  # how bright red, green and blue look


class Print(Choices):
    def printed(self, h: int, w: int, kind=None):
        """A word or a number. kind: "word", "number", or "new", a word that is never trained on."""
        scene = self.scene(h, w)
        kind = kind or ("number" if self.chance(.35) else "new" if self.split else "word")
        text = self._text(kind)
        least = min(.86, max(.4, .165 * len(text)))
        self.print_line(scene, text, w * self.g.uniform(least, .93), h * self.g.uniform(.35, .7))
        asked = [self.ask("read number" if kind == "number" else "read", text)] * 2
        if kind == "new":
            asked = [("read new", *asked[0][1:])]
        if self.chance(.1):
            asked = asked[:1] + [self.ask_in_vain(self.one(["shape", "size"]), "shape")]
        return scene, asked

    def _text(self, kind):
        if kind == "number":
            return "".join(str(int(d)) for d in self.g.integers(10, size=int(self.g.integers(1, 5))))
        if kind == "new":
            return self.one(NEW_WORDS)
        return self.one(PRINTED) if self.split or self.chance(.45) else made_up(self.g)

    def page(self, h: int, w: int):
        """Lines of letters and digits without meaning, as many as fit: what the picture encoder learns letters from."""
        scene = self.scene(h, w)
        n = int(self.g.integers(max(1, h // 45), h // 23 + 1))
        high = h / n
        wide = w * self.g.uniform(.75, .95)
        for k in range(n):
            size = self.g.uniform(13, max(15, min(32, .8 * high)))
            length = max(1, int(wide / size))
            signs = LETTERS[:26] if self.chance(.75) else LETTERS[26:]
            text = "".join(signs[int(i)] for i in self.g.integers(len(signs), size=length))
            self.print_line(scene, text, wide, max(9, min(.8 * high, 1.5 * size)), (k * high, (k + 1) * high))
        return scene, []

    def print_line(self, scene: Scene, text: str, wide: float, high: float, band=None):
        """Prints text somewhere in the scene, or between the rows of `band`; notes where each letter is.

        In any case, face and colour that stand out; at most wide x high pixels."""
        h, w = scene.ground.shape[:2]
        top, bottom = band or (0, h)
        shown = text if self.chance(.45) else text.upper() if self.chance(.6) else text.capitalize()
        fine = 1 if self.split else self.one((1, 2, 3))
        line = Lettering(shown, self.one(HELD_OUT_FONTS if self.split else FONTS), wide, high, fine)
        width, height = line.size
        x = self.g.uniform(1, max(1.1, w - width - 3))
        y = self.g.uniform(top + 1, max(top + 1.1, bottom - height - 3))
        behind = scene.ground[int(y):int(y) + height, int(x):int(x) + width].mean((0, 1))
        scene.lines.append((line, x, y, self._standing_out(behind @ LIGHT)))
        above, below = (y + 1) / h, (y + 1 + height) / h
        scene.letters += [
            (letter, (x + 1 + left) / w, (x + 1 + right) / w, above, below)
            for letter, (left, right) in zip(text, line.spans)
        ]

    def _standing_out(self, light):
        """A colour, or nearly black or white, that stands out from a ground as bright as `light`."""
        for _ in range(20):
            if self.chance(.5):
                rgb = mix_color(self.g, self.one(COLOR_NAMES))
            else:
                rgb = np.full(3, self.one((8., 245.)), np.float32) + self.g.uniform(-8, 8)
            if abs(rgb @ LIGHT - light) > 70:
                return rgb
        return np.full(3, 250. if light < 128 else 5., np.float32)
