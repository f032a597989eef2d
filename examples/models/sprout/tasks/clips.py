"""Clips: something moves, appears or disappears, changes colour, comes in order, blinks.

`seconds` is a clip's length; `step` the seconds between frames that are looked at: what happens is slow enough to
be seen in them. Each maker returns its scene, questions, and what a clip with sound needs to know of it."""
import numpy as np

from questions import ABOUT_SOUND, NUMBERS
from scenes import COLOR_NAMES, SHAPES, mix_color
from tasks.choices import Choices
from tasks.classes import FORM_NOTHING, SCREEN_NOTHING, form_of, screen_color
from tasks.scene import between, still

DIRECTIONS = dict(left=(-1, 0), right=(1, 0), up=(0, -1), down=(0, 1))


def segment_at(cut, n: int, t: float) -> int:
    """Which of the n segments between the moments `cut` the moment t is in."""
    return max(0, min(n - 1, int(np.searchsorted(cut, t, "right")) - 1))


class Clips(Choices):
    def clip(self, h: int, w: int, seconds: float, step: float, kind=None):
        """A scene of h x w pixels, and questions. kind: the name of a maker below, or any."""
        kinds = ["moves", "moves", "event", "event", "changes", "order"]
        if seconds >= 2.9 * max(.6, 1.15 * step):
            kinds += ["blinking"] * 2
        scene, asked, _ = getattr(self, kind or self.one(kinds))(h, w, seconds, step)
        if self.chance(.06):
            asked[-1] = self.unknown(ABOUT_SOUND)
        return scene, asked

    def radius(self, h, w) -> float:
        """Of a shape in a clip, in pixels."""
        return min(h, w) * self.g.uniform(.11, .175) * (1.15 if max(h, w) > 1.6 * min(h, w) else 1)

    def cuts(self, seconds: float, n: int, least: float) -> list:
        """The ends of n segments of 0..seconds, each at least `least` long, at random moments: n + 1 of them."""
        slack = seconds - n * least
        u = np.sort(self.g.uniform(0, slack, n - 1))
        return [0., *(u[i] + least * (i + 1) for i in range(n - 1)), seconds]

    def _way(self, direction, h, w, r, start, end, span):
        """Moves `span` (of the width or height) in a direction from start to end (seconds) and rests before and after.

        A function: t -> (x, y) in 0..1."""
        dx, dy = DIRECTIONS[direction]
        edge_x, edge_y = (r + 1) / w, (r + 1) / h
        x = self.g.uniform(
            min(max(edge_x, edge_x + span * (dx < 0)), .9),
            max(min(1 - edge_x, 1 - edge_x - span * (dx > 0)), .1),
        )
        y = self.g.uniform(
            min(max(edge_y, edge_y + span * (dy < 0)), .9),
            max(min(1 - edge_y, 1 - edge_y - span * (dy > 0)), .1),
        )

        def at(t):
            u = min(1., max(0., (t - start) / (end - start)))
            return x + dx * span * u, y + dy * span * u

        return at

    def moves(self, h, w, seconds, step):
        """One shape moves, fast or slowly; now and then another one rests."""
        scene = self.scene(h, w)
        shape, color = self.one(SHAPES), self.one(COLOR_NAMES)
        direction = self.one(list(DIRECTIONS))
        r = self.radius(h, w)
        fast = self.chance(.5)
        span = self.g.uniform(.35, .55)
        speed = self.g.uniform(.32, .6) if fast else self.g.uniform(.08, .15)
        long = span / speed
        if long > seconds:
            long = seconds
            span = min(.55, speed * seconds)
        span = max(span, .16)
        start = self.g.uniform(0, max(0., seconds - long))
        at = self._way(direction, h, w, r, start, start + long, span)
        scene.add(self.thing(shape, color, r), lambda t: (*at(t), color, None))
        name = self.name(shape)
        asked = [
            self.ask("direction", direction, name),
            self.ask("direction", direction, name),
            self.ask("speed", "fast" if fast else "slow", name),
            self.ask("shape", shape),
            self.ask("color", color),
            self.ask("act", "moves", name),
        ]
        if self.chance(.35):
            other = self.one([s for s in SHAPES if s != shape])
            other_color = self.one([c for c in COLOR_NAMES if c != color])
            spot = self._beside(at(0), at(seconds), h, w, r, r * .9)
            if spot:
                scene.add(self.thing(other, other_color, r * .9), still(*spot, other_color))
                asked = [
                    self.ask("moving shape", shape),
                    self.ask("moving shape", shape),
                    self.ask("direction", direction, shape),
                    self.ask("color of", other_color, other),
                    self.ask("color of", color, shape),
                ]
        return scene, self.some(asked, 4), None

    def _beside(self, start, end, h, w, r, q):
        """A spot for a shape of radius q that one of radius r does not touch on its way; None where none is found."""
        (x0, y0), (x1, y1) = start, end
        for _ in range(60):
            x, y = self.spot(h, w, q)
            nearest = min(
                (x - x0 - (x1 - x0) * f) ** 2 * w * w + (y - y0 - (y1 - y0) * f) ** 2 * h * h
                for f in np.linspace(0, 1, 7)
            )
            if nearest > (r + q) ** 2 * 1.2:
                return x, y
        return None

    def event(self, h, w, seconds, step, appears=None):
        """A shape appears or disappears. Also returns (when, appears, shape, colour)."""
        scene = self.scene(h, w)
        shape, color = self.one(SHAPES), self.one(COLOR_NAMES)
        r = self.radius(h, w)
        x, y = self.spot(h, w, r)
        second, at = self.whole(1, seconds - 1)
        appears = self.chance(.55) if appears is None else appears

        def there(t):
            return (t >= at) == appears

        scene.add(self.thing(shape, color, r), lambda t: (x, y, color, None) if there(t) else None)
        scene.screen = lambda t: screen_color(color) if there(t) else SCREEN_NOTHING
        scene.form = lambda t: form_of(shape) if there(t) else FORM_NOTHING
        name = self.name(shape)
        when = "when appear" if appears else "when disappear"
        asked = [
            self.ask(when, NUMBERS[second], name),
            self.ask(when, NUMBERS[second], name),
            self.ask("event", "appear" if appears else "disappear", name),
        ]
        asked += self.some([
            self.ask("shape", shape),
            self.ask("color", color),
            self.ask("act", "appears" if appears else "disappears", name),
            self.unknown(ABOUT_SOUND),
        ], 1)
        return scene, asked, (at, appears, shape, color)

    def changes(self, h, w, seconds, step, n=None, least=None):
        """A shape changes its colour. n: how many colours; least: seconds of each.

        Also returns (cuts, [(shape, colour)]): the moments between, and what is on screen there."""
        scene = self.scene(h, w)
        shape = self.one(SHAPES)
        least = least or max(.8, step * 1.2)
        n = n or (2 if seconds < 3.2 else 3)
        colors = self.some(COLOR_NAMES, n)
        cut = self.cuts(seconds, n, min(least, seconds / n * .95))
        r = self.radius(h, w)
        x, y = self.spot(h, w, r)
        rgb = [mix_color(self.g, color) for color in colors]

        def path(t):
            k = segment_at(cut, n, t)
            return x, y, colors[k], rgb[k]

        scene.add(self.thing(shape, colors[0], r), path)
        scene.screen = lambda t: screen_color(colors[segment_at(cut, n, t)])
        scene.form = lambda t: form_of(shape)
        k = int(self.g.integers(n - 1))
        name = self.name(shape)
        asked = [
            self.ask("first color", colors[0], name),
            self.ask("last color", colors[-1], name),
            self.ask("color after", colors[k + 1], colors[k]),
            self.ask("shape", shape) if self.chance(.7) else self.ask("act", "changes", name),
        ]
        return scene, asked, (cut, [(shape, color) for color in colors])

    def order(self, h, w, seconds, step):
        """Shapes appear one after another, and stay or go."""
        n = 2 if seconds < 3 else 3
        scene = self.scene(h, w)
        shapes = self.some(SHAPES, n)
        colors = [self.one(COLOR_NAMES) for _ in shapes]
        gap = max(.6, step * 1.15)
        cut = self.cuts(seconds, n + 1, min(gap, seconds / (n + 1) * .95))[1:]
        slot = self.g.permutation(n)
        stay = self.chance(.6)
        r = min(.42 * w / n, self.radius(h, w))
        for k in range(n):
            x = (slot[k] + .5) / n
            y = self.g.uniform((r + 1) / h, 1 - (r + 1) / h)
            end = seconds + 1 if stay else cut[k + 1]
            scene.add(self.thing(shapes[k], colors[k], r), between(cut[k], end, x, y, colors[k]))
        asked = [self.ask("first shape", shapes[0]), self.ask("last shape", shapes[-1])]
        second = self.ask("second shape", shapes[1])
        if n > 2:
            asked.append(second)
        k = int(self.g.integers(n))
        asked.append(self.ask("color of", colors[k], shapes[k]))
        return scene, asked, None

    def blinking(self, h, w, seconds, step, cut=None):
        """A shape goes away and comes back, one to four times. cut: the moments at which it does.

        Also returns (when it first goes, when it last comes back, shape)."""
        cut = self._blinks(seconds, max(.6, step * 1.15)) if cut is None else cut
        n = len(cut) // 2
        scene = self.scene(h, w)
        shape, color = self.one(SHAPES), self.one(COLOR_NAMES)
        r = self.radius(h, w)
        x, y = self.spot(h, w, r)

        def hidden(t):
            return int(np.searchsorted(cut[:2 * n], t, "right")) % 2 == 1

        scene.add(self.thing(shape, color, r), lambda t: None if hidden(t) else (x, y, color, None))
        scene.screen = lambda t: SCREEN_NOTHING if hidden(t) else screen_color(color)
        scene.form = lambda t: FORM_NOTHING if hidden(t) else form_of(shape)
        name = self.name(shape)
        asked = [
            self.ask("blinks", NUMBERS[n], name),
            self.ask("blinks", NUMBERS[n], name),
            self.ask("act", "blinks", name),
            self.ask("shape", shape) if self.chance(.5) else self.ask("color", color),
        ]
        return scene, asked, (cut[0], cut[2 * n - 1], shape)

    def _blinks(self, seconds, off):
        """The ends of the times there, away, there .. in so many seconds: 2 n + 1 of them.

        off: seconds that it is away, at least."""
        most = int((seconds - off * .8) / (2 * off))
        n = int(self.g.integers(1, max(1, min(4, most)) + 1))
        n = min(n, max(1, most))
        lengths = np.array([off] * (2 * n + 1))
        lengths[::2] *= .95
        free = max(0., seconds - lengths.sum())
        lengths += self.g.dirichlet(np.ones(2 * n + 1)) * free * self.g.uniform(.3, 1.)
        lengths[0] += self.g.uniform(0, max(0, seconds - lengths.sum()))
        cut = np.cumsum(lengths)
        return cut if cut[-1] <= seconds else cut * (seconds / cut[-1])
