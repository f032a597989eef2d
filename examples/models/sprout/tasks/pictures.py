"""One picture with one, two or up to six shapes; two pictures with one shape each."""
import numpy as np

from questions import ABOUT_SOUND, NUMBERS
from scenes import COLOR_NAMES, SHAPES
from tasks.choices import PLACES, Choices, plural
from tasks.scene import Scene, still


class Pictures(Choices):
    def picture(self, h: int, w: int, kind=None):
        """A scene of h x w pixels, and questions. kind: "one", "many", "pair", or any."""
        scene = self.scene(h, w)
        u = self.g.random()
        kind = kind or ("one" if u < .36 else "many" if u < .8 else "pair")
        if kind == "one":
            return self._one(scene, h, w)
        if kind == "pair":
            return self._pair(scene, h, w)
        return self._many(scene, h, w)

    def _one(self, scene: Scene, h, w):
        """One shape, big or small, at a place that has a name; in training a quarter of them anywhere."""
        color, shape, place = self.one(COLOR_NAMES), self.one(SHAPES), self.one(PLACES)
        big = self.chance(.5)
        r = min(h, w) * (self.g.uniform(.175, .23) if big else self.g.uniform(.075, .115))
        x, y = self._at(place, r, h, w)
        if self.chance(.25) and not self.split:
            edge_x, edge_y = (r + 2) / w, (r + 2) / h
            x, y = self.g.uniform(edge_x, 1 - edge_x), self.g.uniform(edge_y, 1 - edge_y)
            place = None
        scene.add(self.thing(shape, color, r), still(x, y, color))
        asked = [
            self.ask("color", color),
            self.ask("shape", shape),
            self.ask("size", "big" if big else "small", shape),
        ]
        where = self.ask("place", place, self.name(shape))
        if place is not None:
            asked.append(where)
        other = self.one([s for s in SHAPES if s != shape])
        other_color = self.one([c for c in COLOR_NAMES if c != color])
        v = self.g.random()
        if v < .25:
            asked.append(self.ask("count", "one"))
        elif v < .5:
            asked.append(self.ask_in_vain("color of", other))
        elif v < .65:
            asked.append(self.unknown(ABOUT_SOUND))
        elif v < .9:
            if self.chance(.5):
                asked.append(self.ask("exists", "yes", color, shape))
            else:
                asked.append(self.ask("exists", "no", *((color, other) if self.chance(.5) else (other_color, shape))))
        return scene, self.some(asked, 4)

    def _at(self, place, r, h, w):
        """(x, y) in 0..1 of a shape of radius r at one of PLACES. Numbers are drawn for all of them."""
        edge_x, edge_y = (r + 2) / w, (r + 2) / h
        off = self.g.uniform(0, .09)

        def middle():
            return self.g.uniform(.42, .58)

        spots = dict(
            left=(edge_x + off, middle()),
            right=(1 - edge_x - off, middle()),
            top=(middle(), edge_y + off),
            bottom=(middle(), 1 - edge_y - off),
            middle=(self.g.uniform(.45, .55), self.g.uniform(.45, .55)),
        )
        return spots[place]

    def _pair(self, scene: Scene, h, w):
        """Two or three shapes side by side, of different kind, one much bigger."""
        n = 2 if self.chance(.6) else 3
        shapes = self.some(SHAPES, n)
        colors = [self.one(COLOR_NAMES) for _ in shapes]
        biggest = int(self.g.integers(n))
        middles = (np.arange(n) + .5) / n
        cell = w / n
        for k in range(n):
            big = min(.42 * cell, .3 * h) * self.g.uniform(.9, 1)
            r = big if k == biggest else big * self.g.uniform(.45, .62)
            slack = max(0., cell / 2 - r - 1) / w
            x = middles[k] + self.g.uniform(-slack, slack)
            y = self.g.uniform((r + 1) / h, 1 - (r + 1) / h)
            scene.add(self.thing(shapes[k], colors[k], r), still(x, y, colors[k]))
        k = int(self.g.integers(n - 1))
        asked = [
            self.ask("biggest", shapes[biggest]),
            self.ask("left of", shapes[k], shapes[k + 1]),
            self.ask("right of", shapes[k + 1], shapes[k]),
        ]
        k = int(self.g.integers(n))
        asked.append(self.ask("color of", colors[k], shapes[k]))
        if self.chance(.2):
            asked[3] = self.ask("count", NUMBERS[n])
        return scene, asked

    def _many(self, scene: Scene, h, w):
        """Two to six shapes anywhere, in any colours, that do not touch."""
        spots = self._apart(int(self.g.integers(2, 7)), h, w)
        of = [(self.one(COLOR_NAMES), self.one(SHAPES)) for _ in spots]
        if self.chance(.35):
            favourite = self.one(COLOR_NAMES)
            of = [(favourite if self.chance(.6) else color, shape) for color, shape in of]
        for (color, shape), (x, y, r) in zip(of, spots):
            scene.add(self.thing(shape, color, r), still(x / w, y / h, color))
        colors, shapes = [color for color, _ in of], [shape for _, shape in of]
        asked = [self.ask("count", NUMBERS[len(spots)])]
        more = [
            self._how_many("count color", colors, COLOR_NAMES, (0, 1, 1, 2, 2, 3, 3)),
            self._how_many("count shape", shapes, SHAPES, (0, 1, 1, 2, 2, 3, 3, 4)),
        ]
        lone_shapes = [i for i, shape in enumerate(shapes) if shapes.count(shape) == 1]
        lone_colors = [i for i, color in enumerate(colors) if colors.count(color) == 1]
        if lone_shapes:
            i = self.one(lone_shapes)
            more.append(self.ask("color of", colors[i], shapes[i]))
        if lone_colors:
            i = self.one(lone_colors)
            more.append(self.ask("shape of", shapes[i], colors[i]))
        wanted = self.one(of) if self.chance(.5) else self._absent(of)
        more.append(self.ask("exists", "yes" if wanted in of else "no", *wanted))
        missing = [shape for shape in SHAPES if shape not in shapes]
        if missing and self.chance(.12):
            more.append(self.ask_in_vain("color of", self.one(missing)))
        return scene, asked + self.some(more, 3)

    def _apart(self, n, h, w):
        """Up to n circles that do not touch: [(x, y, r)] in pixels."""
        short = min(h, w)
        low, high = .085 * short, .125 * short
        if max(h, w) > 1.6 * short:
            low, high = .11 * short, .15 * short
        spots, tries = [], 0
        while len(spots) < n and tries < 300:
            tries += 1
            r = self.g.uniform(low, high)
            x, y = self.g.uniform(r + 1, w - r - 1), self.g.uniform(r + 1, h - r - 1)
            if all((x - a) ** 2 + (y - b) ** 2 > (r + q) ** 2 * 1.35 for a, b, q in spots):
                spots.append((x, y, r))
        return spots

    def _how_many(self, task, there, names, counts):
        """How many of one colour or shape: the answer is drawn first, so that "one" is not nearly always right."""
        having = {k: [name for name in names if there.count(name) == k] for k in range(max(counts) + 1)}
        k = self.one([k for k in counts if having[k]])
        name = self.one(having[k])
        return self.ask(task, NUMBERS[k], plural(name) if task == "count shape" else name)

    def _absent(self, of):
        """A colour and a shape that are not there together, though one of them is there."""
        while True:
            if self.chance(.5):
                wanted = (self.one([color for color, _ in of]), self.one(SHAPES))
            else:
                wanted = (self.one(COLOR_NAMES), self.one([shape for _, shape in of]))
            if wanted not in of:
                return wanted

    def two_pictures(self, sizes):
        """One shape in each of two pictures. sizes: [(h, w)] in pixels. Returns the two scenes, and questions."""
        same_shape, same_color = self.chance(.5), self.chance(.5)
        first = (self.one(COLOR_NAMES), self.one(SHAPES))
        second = (
            first[0] if same_color else self.one([c for c in COLOR_NAMES if c != first[0]]),
            first[1] if same_shape else self.one([s for s in SHAPES if s != first[1]]),
        )
        scenes = []
        for (h, w), (color, shape) in zip(sizes, (first, second)):
            scene = self.scene(h, w)
            r = min(h, w) * self.g.uniform(.11, .22)
            x, y = self.spot(h, w, r)
            scene.add(self.thing(shape, color, r), still(x, y, color))
            scenes.append(scene)
        asked = [
            self.ask("same", "yes" if same_shape else "no"),
            self.ask("same color", "yes" if same_color else "no"),
        ]
        if first != second:
            k = int(self.g.integers(2))
            asked.append(self.ask("which picture", ("first", "second")[k], *(first, second)[k]))
        return scenes, asked
