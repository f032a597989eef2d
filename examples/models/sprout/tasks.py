"""Pictures, clips, sounds and clips with sound, and what can be asked about each. Endless: a seed decides everything.

A task is (name, question, answer). Sizes are in pixels of whatever canvas is asked for, so the same scene code draws training tensors
directly at the size the model sees and held-out files at the size a camera would write."""
import numpy as np
from lexicon import HELD_OUT as NEW_WORDS, LETTERS, TRAINED as PRINTED, made_up
from questions import ABOUT_SIGHT, ABOUT_SOUND, HELD_OUT_STRANGE, NUMBERS, STRANGE, UNKNOWN, WORDINGS
from scenes import COLOR_NAMES, FONTS, HELD_OUT_FONTS, HELD_OUT_STYLES, SHAPES, STYLES, Grounds, Lettering, Thing, Track, Voices, beep, mix_color, sweep, NOISE, SR
from voices import DIGITS, WORDS

PLACES = "left right top bottom middle".split()
DIRECTIONS = dict(left=(-1, 0), right=(1, 0), up=(0, -1), down=(0, 1))
# what a row of sound can be: nothing, a word, a beep, a rising tone, a falling tone, noise
BEEP, RISE, FALL, HISS = len(WORDS) + 1, len(WORDS) + 2, len(WORDS) + 3, len(WORDS) + 4
SOUND_CLASSES = len(WORDS) + 5
# what is on screen at a moment: a colour, nothing, or the shape that moves
SCREEN_NOTHING, SCREEN_MOVES = len(COLOR_NAMES), len(COLOR_NAMES) + 1
SCREEN_CLASSES = SCREEN_MOVES + len(SHAPES)

def plural(shape): return shape + ("es" if shape.endswith("s") else "s")

class Scene:
    """Things over time. `draw(t)` gives a float32 frame; `marks` what stage one of the training asks of the picture encoder:
    (step, thing, shape, colour, x, y) with x, y in 0..1."""
    def __init__(self, ground, stretch): self.ground, self.stretch, self.actors, self.screen, self.form, self.lines, self.letters = ground, stretch, [], None, None, [], []
    def add(self, thing, path): self.actors.append((thing, path))
    def draw(self, t, step=0, marks=None):
        im = self.ground.copy(); h, w = im.shape[:2]
        for k, (thing, path) in enumerate(self.actors):
            at = path(t)
            if at is None: continue
            x, y, color, rgb = at; thing.paint(im, x * w, y * h, rgb)
            if marks is not None: marks.append((step, k, SHAPES.index(thing.shape), COLOR_NAMES.index(color), x, y))
        for lettering, x, y, rgb in self.lines: lettering.paint(im, x, y, rgb)
        return im

class Tasks:
    def __init__(self, seed, split, voices, grounds):
        self.g = np.random.default_rng(seed); self.split, self.voices, self.grounds = split, voices, grounds
        self.styles = HELD_OUT_STYLES if split else STYLES; self.stretch = (1., 1.)

    # ---- choosing
    def one(self, items): return items[int(self.g.integers(len(items)))]
    def some(self, items, k): return [items[i] for i in self.g.permutation(len(items))[:k]]
    def chance(self, p): return self.g.random() < p
    def ask(self, task, answer, *fill):
        q = self.one(WORDINGS[task][1 if self.split else 0]).format(*fill)
        if not self.split:
            if self.chance(.15): q = q[0].lower() + q[1:]
            if self.chance(.1): q = q.rstrip("?.")
        return task, q, answer
    def unknown(self, about):
        """A question that the medium cannot answer."""
        if self.chance(.3): return "unknown", self.one(HELD_OUT_STRANGE if self.split else STRANGE), UNKNOWN
        return ("unknown",) + self.ask(self.one(about), UNKNOWN, "shape")[1:]
    def name(self, shape): return shape if self.chance(.6) else "shape"

    # ---- drawing
    def scene(self, h, w):
        if not self.split:
            s = np.exp(self.g.normal(0, .09)) ; self.stretch = (float(s), float(1 / s))
        return Scene(self.grounds.take(self.g, h, w), self.stretch)
    def thing(self, shape, color, r): return Thing(self.g, shape, color, r, self.one(self.styles), self.stretch)

    # ---- pictures
    def picture(self, h, w, kind=None):
        s = self.scene(h, w); m = min(h, w); u = self.g.random()
        kind = kind or ("one" if u < .36 else "many" if u < .8 else "pair")
        if kind == "one":
            c, sh, p = self.one(COLOR_NAMES), self.one(SHAPES), self.one(PLACES); big = self.chance(.5); r = m * (self.g.uniform(.175, .23) if big else self.g.uniform(.075, .115))
            ax, ay = (r + 2) / w, (r + 2) / h; e = self.g.uniform(0, .09); mid = lambda: self.g.uniform(.42, .58)
            x, y = dict(left=(ax + e, mid()), right=(1 - ax - e, mid()), top=(mid(), ay + e), bottom=(mid(), 1 - ay - e), middle=(self.g.uniform(.45, .55), self.g.uniform(.45, .55)))[p]
            if self.chance(.25) and not self.split: x, y, p = self.g.uniform(ax, 1 - ax), self.g.uniform(ay, 1 - ay), None
            t = self.thing(sh, c, r); s.add(t, lambda _: (x, y, c, None))
            qs = [self.ask("color", c), self.ask("shape", sh), self.ask("size", "big" if big else "small", sh)] + [self.ask("place", p, self.name(sh))] * int(p is not None)
            other = self.one([o for o in SHAPES if o != sh]); oc = self.one([o for o in COLOR_NAMES if o != c])
            v = self.g.random()
            if v < .25: qs.append(self.ask("count", "one"))
            elif v < .5: qs.append(self.ask("color of", UNKNOWN, other)); qs[-1] = ("unknown",) + qs[-1][1:]
            elif v < .65: qs.append(self.unknown(ABOUT_SOUND))
            elif v < .9: yes = self.chance(.5); qs.append(self.ask("exists", "yes" if yes else "no", *((c, sh) if yes else (c, other) if self.chance(.5) else (oc, sh))))
            return s, self.some(qs, 4)
        if kind == "pair":  # two or three shapes side by side, of different kind, one much bigger
            n = 2 if self.chance(.6) else 3; sh = self.some(SHAPES, n); c = [self.one(COLOR_NAMES) for _ in sh]; top = int(self.g.integers(n)); xs = (np.arange(n) + .5) / n
            cell = w / n
            for k in range(n):
                big = min(.42 * cell, .3 * h) * self.g.uniform(.9, 1); r = big if k == top else big * self.g.uniform(.45, .62)
                slack = max(0., cell / 2 - r - 1) / w; x = xs[k] + self.g.uniform(-slack, slack); y = self.g.uniform((r + 1) / h, 1 - (r + 1) / h)
                s.add(self.thing(sh[k], c[k], r), lambda _, x=x, y=y, k=k: (x, y, c[k], None))
            k = int(self.g.integers(n - 1)); qs = [self.ask("biggest", sh[top]), self.ask("left of", sh[k], sh[k + 1]), self.ask("right of", sh[k + 1], sh[k])]
            k = int(self.g.integers(n)); qs.append(self.ask("color of", c[k], sh[k]))
            if self.chance(.2): qs[3] = self.ask("count", NUMBERS[n])
            return s, qs
        n = int(self.g.integers(2, 7)); spots = []; tries = 0; lo, hi = .085 * m, .125 * m
        if max(h, w) > 1.6 * m: lo, hi = .11 * m, .15 * m
        while len(spots) < n and tries < 300:
            tries += 1; r = self.g.uniform(lo, hi); x, y = self.g.uniform(r + 1, w - r - 1), self.g.uniform(r + 1, h - r - 1)
            if all((x - a) ** 2 + (y - b) ** 2 > (r + q) ** 2 * 1.35 for a, b, q in spots): spots.append((x, y, r))
        n = len(spots); of = [(self.one(COLOR_NAMES), self.one(SHAPES)) for _ in spots]
        if self.chance(.35): c = self.one(COLOR_NAMES); of = [(c if self.chance(.6) else a, b) for a, b in of]
        for (c, sh), (x, y, r) in zip(of, spots): s.add(self.thing(sh, c, r), lambda _, x=x, y=y, c=c: (x / w, y / h, c, None))
        cs, ss = [c for c, _ in of], [b for _, b in of]; qs = [self.ask("count", NUMBERS[n])]
        # how many of one colour: the answer is drawn first, so that "one" is not nearly always right
        have = {k: [c for c in COLOR_NAMES if cs.count(c) == k] for k in range(4)}; k = self.one([k for k in (0, 1, 1, 2, 2, 3, 3) if have[k]])
        extra = [self.ask("count color", NUMBERS[k], self.one(have[k]))]
        have = {k: [b for b in SHAPES if ss.count(b) == k] for k in range(5)}; k = self.one([k for k in (0, 1, 1, 2, 2, 3, 3, 4) if have[k]])
        extra.append(self.ask("count shape", NUMBERS[k], plural(self.one(have[k]))))
        us = [i for i, b in enumerate(ss) if ss.count(b) == 1]; uc = [i for i, c in enumerate(cs) if cs.count(c) == 1]
        if us: i = self.one(us); extra.append(self.ask("color of", cs[i], ss[i]))
        if uc: i = self.one(uc); extra.append(self.ask("shape of", ss[i], cs[i]))
        if self.chance(.5): o = self.one(of)
        else:
            while True:
                o = (self.one(cs), self.one(SHAPES)) if self.chance(.5) else (self.one(COLOR_NAMES), self.one(ss))
                if o not in of: break
        extra.append(self.ask("exists", "yes" if o in of else "no", *o))
        missing = [b for b in SHAPES if b not in ss]
        if missing and self.chance(.12): extra.append(("unknown",) + self.ask("color of", UNKNOWN, self.one(missing))[1:])
        return s, qs + self.some(extra, 3)

    def print_line(self, s, text, wide, high, band=None):
        """Prints text somewhere in the scene, or between the rows of band, in any case, face and colour that stand out; notes where each letter is."""
        h, w = s.ground.shape[:2]; top, bottom = band or (0, h); shown = text if self.chance(.45) else text.upper() if self.chance(.6) else text.capitalize()
        line = Lettering(shown, self.one(HELD_OUT_FONTS if self.split else FONTS), wide, high); a, b = line.size
        x, y = self.g.uniform(1, max(1.1, w - a - 3)), self.g.uniform(top + 1, max(top + 1.1, bottom - b - 3)); back = s.ground[int(y):int(y) + b, int(x):int(x) + a].mean((0, 1)); light = back @ (.3, .59, .11)
        for _ in range(20):
            rgb = mix_color(self.g, self.one(COLOR_NAMES)) if self.chance(.5) else np.full(3, self.one((8., 245.)), np.float32) + self.g.uniform(-8, 8)
            if abs(rgb @ (.3, .59, .11) - light) > 70: break
        else: rgb = np.full(3, 250. if light < 128 else 5., np.float32)
        s.lines.append((line, x, y, rgb)); s.letters += [(c, (x + 1 + m) / w, (y + 1 + b / 2) / h) for c, m in zip(text, line.centers)]

    def page(self, h, w):
        """Lines of letters and digits without meaning, as many as fit: what the picture encoder learns letters from."""
        s = self.scene(h, w); n = int(self.g.integers(max(1, h // 45), h // 23 + 1)); high = h / n; wide = w * self.g.uniform(.75, .95)
        for k in range(n):
            size = self.g.uniform(13, max(15, min(32, .8 * high))); m = max(1, int(wide / size)); of = LETTERS[:26] if self.chance(.75) else LETTERS[26:]; text = "".join(of[int(i)] for i in self.g.integers(len(of), size=m))
            self.print_line(s, text, wide, max(9, min(.8 * high, 1.5 * size)), (k * high, (k + 1) * high))
        return s, []

    def printed(self, h, w, kind=None):
        """A word or a number to read. kind: "word", "number", or "new", a word that is never trained on."""
        s = self.scene(h, w); kind = kind or ("number" if self.chance(.35) else "new" if self.split else "word")
        if kind == "number": text = "".join(str(int(d)) for d in self.g.integers(10, size=int(self.g.integers(1, 5))))
        else: text = self.one(NEW_WORDS) if kind == "new" else self.one(PRINTED) if self.split or self.chance(.45) else made_up(self.g)
        n = len(text); least = min(.86, max(.4, .165 * n)); self.print_line(s, text, w * self.g.uniform(least, .93), h * self.g.uniform(.35, .7))
        qs = [self.ask("read number" if kind == "number" else "read", text)] * 2
        if kind == "new": qs = [("read new", *qs[0][1:])]
        if self.chance(.1): qs = qs[:1] + [("unknown",) + self.ask(self.one(["shape", "size"]), UNKNOWN, "shape")[1:]]
        return s, qs

    def two_pictures(self, sizes):
        """One shape in each of two pictures."""
        same_s, same_c = self.chance(.5), self.chance(.5); a = (self.one(COLOR_NAMES), self.one(SHAPES))
        b = (a[0] if same_c else self.one([c for c in COLOR_NAMES if c != a[0]]), a[1] if same_s else self.one([x for x in SHAPES if x != a[1]])); scenes = []
        for (h, w), (c, sh) in zip(sizes, (a, b)):
            s = self.scene(h, w); r = min(h, w) * self.g.uniform(.11, .22); x, y = self.g.uniform((r + 1) / w, 1 - (r + 1) / w), self.g.uniform((r + 1) / h, 1 - (r + 1) / h)
            s.add(self.thing(sh, c, r), lambda _, x=x, y=y, c=c: (x, y, c, None)); scenes.append(s)
        qs = [self.ask("same", "yes" if same_s else "no"), self.ask("same color", "yes" if same_c else "no")]
        if a != b: k = int(self.g.integers(2)); qs.append(self.ask("which picture", ("first", "second")[k], *(a, b)[k]))
        return scenes, qs

    # ---- clips
    def path(self, d, h, w, r, t0, t1, lane=None, span=None):
        """Moves in direction d from t0 to t1 (seconds) and rests before and after: t -> (x, y) in 0..1."""
        dx, dy = DIRECTIONS[d]; ax, ay = (r + 1) / w, (r + 1) / h
        span = span or self.g.uniform(.3, .55)
        x = self.g.uniform(min(max(ax, ax + span * (dx < 0)), .9), max(min(1 - ax, 1 - ax - span * (dx > 0)), .1)); y = self.g.uniform(min(max(ay, ay + span * (dy < 0)), .9), max(min(1 - ay, 1 - ay - span * (dy > 0)), .1))
        if lane is not None:
            if dx: y = lane + self.g.uniform(-.03, .03)
            else: x = lane + self.g.uniform(-.03, .03)
        def at(t): u = min(1., max(0., (t - t0) / (t1 - t0))); return x + dx * span * u, y + dy * span * u
        return at
    def radius(self, h, w): return min(h, w) * self.g.uniform(.11, .175) * (1.15 if max(h, w) > 1.6 * min(h, w) else 1)
    def spot(self, h, w, r): return self.g.uniform((r + 1) / w, 1 - (r + 1) / w), self.g.uniform((r + 1) / h, 1 - (r + 1) / h)
    def whole(self, lo, hi):
        """A moment near a whole second within lo..hi."""
        lo = int(np.ceil(lo)); k = int(self.g.integers(lo, max(lo, int(hi + .15)) + 1)); return k, k + self.g.uniform(-.18, .18)

    def moves(self, h, w, D, step):
        s = self.scene(h, w); sh, c, d = self.one(SHAPES), self.one(COLOR_NAMES), self.one(list(DIRECTIONS)); r = self.radius(h, w)
        fast = self.chance(.5); span = self.g.uniform(.35, .55); v = self.g.uniform(.32, .6) if fast else self.g.uniform(.08, .15); long = span / v
        if long > D: long = D; span = min(.55, v * D)
        span = max(span, .16); t0 = self.g.uniform(0, max(0., D - long)); at = self.path(d, h, w, r, t0, t0 + long, span=span)
        s.add(self.thing(sh, c, r), lambda t: (*at(t), c, None)); n = self.name(sh)
        qs = [self.ask("direction", d, n), self.ask("direction", d, n), self.ask("speed", "fast" if fast else "slow", n), self.ask("shape", sh), self.ask("color", c), self.ask("act", "moves", n)]
        if self.chance(.35):  # another one that rests
            o = self.one([x for x in SHAPES if x != sh]); oc = self.one([x for x in COLOR_NAMES if x != c]); q = r * .9; x0, y0 = at(0); x1, y1 = at(D)
            for _ in range(60):
                x, y = self.spot(h, w, q)
                if min((x - x0 - (x1 - x0) * f) ** 2 * w * w + (y - y0 - (y1 - y0) * f) ** 2 * h * h for f in np.linspace(0, 1, 7)) > (r + q) ** 2 * 1.2: break
            else: return s, self.some(qs, 4), None
            s.add(self.thing(o, oc, q), lambda t: (x, y, oc, None))
            qs = [self.ask("moving shape", sh), self.ask("moving shape", sh), self.ask("direction", d, sh), self.ask("color of", oc, o), self.ask("color of", c, sh)]
            return s, self.some(qs, 4), None
        return s, self.some(qs, 4), None

    def event(self, h, w, D, step, appears=None):
        s = self.scene(h, w); sh, c = self.one(SHAPES), self.one(COLOR_NAMES); r = self.radius(h, w); x, y = self.spot(h, w, r); k, at = self.whole(1, D - 1); appears = self.chance(.55) if appears is None else appears
        s.add(self.thing(sh, c, r), lambda t: (x, y, c, None) if (t >= at) == appears else None); n = self.name(sh); when = "when appear" if appears else "when disappear"
        qs = [self.ask(when, NUMBERS[k], n), self.ask(when, NUMBERS[k], n), self.ask("event", "appear" if appears else "disappear", n), self.some([self.ask("shape", sh), self.ask("color", c), self.ask("act", "appears" if appears else "disappears", n), self.unknown(ABOUT_SOUND)], 1)[0]]
        s.screen = lambda t: COLOR_NAMES.index(c) if (t >= at) == appears else SCREEN_NOTHING; s.form = lambda t: SHAPES.index(sh) if (t >= at) == appears else len(SHAPES)
        return s, qs, (at, appears, sh, c)

    def cuts(self, D, n, least):
        """n segments of 0..D, each at least `least` long, at random moments."""
        slack = D - n * least; u = np.sort(self.g.uniform(0, slack, n - 1)); return [0., *(u[i] + least * (i + 1) for i in range(n - 1)), D]

    def changes(self, h, w, D, step, n=None, least=None):
        s = self.scene(h, w); sh = self.one(SHAPES); least = least or max(.8, step * 1.2); n = n or (2 if D < 3.2 else 3); c = self.some(COLOR_NAMES, n); cut = self.cuts(D, n, min(least, D / n * .95)); r = self.radius(h, w); x, y = self.spot(h, w, r)
        rgb = [mix_color(self.g, k) for k in c]; which = lambda t: min(n - 1, int(np.searchsorted(cut, t, "right")) - 1)
        s.add(self.thing(sh, c[0], r), lambda t: (x, y, c[which(t)], rgb[which(t)])); s.screen, s.form = lambda t: COLOR_NAMES.index(c[which(t)]), lambda t: SHAPES.index(sh); k = int(self.g.integers(n - 1)); m = self.name(sh)
        qs = [self.ask("first color", c[0], m), self.ask("last color", c[-1], m), self.ask("color after", c[k + 1], c[k]), self.ask("shape", sh) if self.chance(.7) else self.ask("act", "changes", m)]
        return s, qs, (cut, [(sh, k) for k in c])

    def order(self, h, w, D, step):
        n = 2 if D < 3 else 3; s = self.scene(h, w); sh = self.some(SHAPES, n); c = [self.one(COLOR_NAMES) for _ in sh]; gap = max(.6, step * 1.15); cut = self.cuts(D, n + 1, min(gap, D / (n + 1) * .95))[1:]; slot = self.g.permutation(n)
        stay = self.chance(.6); r = min(.42 * w / n, self.radius(h, w))
        for k in range(n):
            x = (slot[k] + .5) / n; y = self.g.uniform((r + 1) / h, 1 - (r + 1) / h); a, b = cut[k], (D + 1 if stay else cut[k + 1])
            s.add(self.thing(sh[k], c[k], r), lambda t, x=x, y=y, k=k, a=a, b=b: (x, y, c[k], None) if a <= t < b else None)
        qs = [self.ask("first shape", sh[0]), self.ask("last shape", sh[-1])] + [self.ask("second shape", sh[1])] * int(n > 2)
        k = int(self.g.integers(n)); qs.append(self.ask("color of", c[k], sh[k]))
        return s, qs, None

    def blinking(self, h, w, D, step, times=None, span=None):
        """Goes away and comes back `times` times."""
        off = max(.6, step * 1.15); a, b = span or (0, D); most = int((b - a - off * .8) / (2 * off)); n = times or int(self.g.integers(1, max(1, min(4, most)) + 1)); n = min(n, max(1, most))
        lengths = np.array([off] * (2 * n + 1)); lengths[::2] *= .95; lengths += self.g.dirichlet(np.ones(2 * n + 1)) * max(0., b - a - lengths.sum()) * self.g.uniform(.3, 1.); lengths[0] += self.g.uniform(0, max(0, b - a - lengths.sum())); cut = a + np.cumsum(lengths)
        if cut[-1] > b: cut = a + (cut - a) * ((b - a) / (cut[-1] - a))
        s = self.scene(h, w); sh, c = self.one(SHAPES), self.one(COLOR_NAMES); r = self.radius(h, w); x, y = self.spot(h, w, r); hidden = lambda t: int(np.searchsorted(cut[:2 * n], t, "right")) % 2 == 1
        s.add(self.thing(sh, c, r), lambda t: None if hidden(t) else (x, y, c, None)); m = self.name(sh); s.screen, s.form = lambda t: SCREEN_NOTHING if hidden(t) else COLOR_NAMES.index(c), lambda t: len(SHAPES) if hidden(t) else SHAPES.index(sh)
        qs = [self.ask("blinks", NUMBERS[n], m), self.ask("blinks", NUMBERS[n], m), self.ask("act", "blinks", m), self.ask("shape", sh) if self.chance(.5) else self.ask("color", c)]
        return s, qs, (cut[0], cut[2 * n - 1], sh)

    def clip(self, h, w, D, step, kind=None):
        """step: seconds between frames that are looked at; what happens is slow enough to be seen in them."""
        kinds = ["moves", "moves", "event", "event", "changes", "order"] + ["blinking"] * (2 * int(D >= 2.9 * max(.6, 1.15 * step)))
        s, qs, _ = getattr(self, kind or self.one(kinds))(h, w, D, step)
        if self.chance(.06): qs[-1] = self.unknown(ABOUT_SOUND)
        return s, qs

    # ---- sounds
    def say(self, w): return self.voices.say(self.g, w, self.split if self.split < 2 else 2)

    def crowd(self, D, samples=None):
        """Word after word with hardly a pause: what the sound encoder learns words from."""
        x = Track(self.g, D, samples); t = self.g.uniform(0, .25)
        while True:
            w = int(self.g.integers(10)) if self.chance(.3) else int(self.g.integers(len(WORDS))); y = self.say(w)
            if t + len(y) / SR > x.seconds: return x, []
            _, t = x.put(y, t, 1 + w); t += self.g.uniform(.02, .3)

    def sound(self, D, samples=None, kind=None):
        x = Track(self.g, D, samples); D = x.seconds
        kinds = ["word", "word", "digit", "beeps", "beeps", "tone", "noise", "when", "when"] + ["silence"] * int(self.chance(.5)) + ["two", "digits"] * int(D > 2) + ["digits"] * int(D > 3)
        kind = kind or self.one(kinds)
        if kind in ("word", "digit"):
            w = int(self.g.integers(10 if kind == "digit" else len(WORDS))); y = self.say(w); x.put(y, self.g.uniform(0, max(.01, D - len(y) / SR)), 1 + w)
            qs = [self.ask("digit" if kind == "digit" else "word", WORDS[w]), self.ask("hear", "speech") if self.chance(.5) else self.ask("word", WORDS[w])]
            if self.chance(.15): qs[1] = self.unknown(ABOUT_SIGHT) if self.chance(.5) else ("unknown",) + self.ask(self.one(["beeps", "tone", "when beep"]), UNKNOWN)[1:]
        elif kind in ("two", "digits"):
            n = 2 if kind == "two" else int(self.g.integers(2, min(4, int((D - .2) / .8)) + 1)); ws = [int(i) for i in self.g.integers(10 if kind == "digits" else len(WORDS), size=n)]; ys = [self.say(w) for w in ws]
            free = max(0., D - sum(len(y) for y in ys) / SR - .1); gaps = self.g.dirichlet(np.ones(n + 1)) * free; t = gaps[0]
            if free > .1 * n: gaps[1:-1] = np.maximum(gaps[1:-1], .08)
            for k, (w, y) in enumerate(zip(ws, ys)): _, t = x.put(y, t, 1 + w); t += gaps[k + 1]
            first, last = self.ask("first word", WORDS[ws[0]]), self.ask("last word", WORDS[ws[-1]])
            qs = [first, last] if kind == "two" else [self.ask("digits", " ".join(WORDS[w] for w in ws)), first if self.chance(.5) else last]
        elif kind == "beeps":
            n = int(self.g.integers(1, 6)); long = self.g.uniform(.07, .14); f = self.g.uniform(450, 1900); room = max(0., D - .1 - n * (long + .11)); gaps = self.g.dirichlet(np.ones(n + 1)) * room * (self.g.uniform(.2, 1)); t = gaps[0] + self.g.uniform(0, max(0., room - gaps.sum()))
            if self.chance(.5): gaps[1:n] = gaps[1:n].mean() if n > 1 else 0
            for k in range(n): _, t = x.put(beep(self.g, long, f), t, BEEP); t += .11 + gaps[k + 1]
            qs = [self.ask("beeps", NUMBERS[n]), self.ask("hear", "beeps") if self.chance(.5) else self.ask("beeps", NUMBERS[n])]
            if self.chance(.15): qs[1] = ("unknown",) + self.ask(self.one(["word", "digit", "first word"]), UNKNOWN)[1:]
        elif kind == "when":
            k, t = self.whole(.4 if D < 2 else 1, max(1, D - .5)) if self.chance(.8) or D < 2 else (0, .08); long = self.g.uniform(.1, .25); x.put(beep(self.g, long), max(0., t - long / 2), BEEP); qs = [self.ask("when beep", NUMBERS[k])] * 2
        elif kind == "tone":
            up = self.chance(.5); long = self.g.uniform(.5, min(1.4, D * .9)); x.put(sweep(self.g, long, up), self.g.uniform(0, D - long), RISE if up else FALL); qs = [self.ask("tone", "rises" if up else "falls"), self.ask("hear", "tone")]
        elif kind == "noise":
            long = self.g.uniform(.5, min(1.5, D * .9)); n = int(long * SR); o = int(self.g.integers(len(NOISE) - n)); x.put(NOISE[o:o + n] * np.float32(self.g.uniform(.05, .25)), self.g.uniform(0, D - long), HISS); qs = [self.ask("hear", "noise"), self.unknown(["word", "digit", "beeps"] + ABOUT_SIGHT)]
        else: qs = [self.ask("hear", "silence"), self.unknown(["word", "digit", "tone", "when beep", "first word"])]
        return x, qs

    # ---- clips with sound
    def joint(self, h, w, D, step, samples=None, kind=None):
        x = Track(self.g, D, samples); kind = kind or self.one(["segments"] * 5 + ["before", "before", "moving", "moving"] + ["often"] * int(D >= 5))
        if kind == "segments":
            n = 4 if D > 5.4 and self.chance(.5) else 3
            if D < 3.4: n = 2
            least = max(1.05, step * 1.3)
            if n * least > D: n = max(2, int(D / least))
            if self.chance(.45): s, sight, (cut, of) = self.changes(h, w, D, step, n, least); swap = False
            else:  # other shapes, at other places
                s = self.scene(h, w); r = self.radius(h, w); cut = self.cuts(D, n, min(least, D / n * .95)); of = list(zip(self.some(SHAPES, n), self.some(COLOR_NAMES, n))); swap = True
                for k, (sh, c) in enumerate(of): p = self.spot(h, w, r); s.add(self.thing(sh, c, r), lambda t, p=p, k=k, c=c: (*p, c, None) if cut[k] <= t < cut[k + 1] or (k == n - 1 and t >= D) else None)
                at = lambda t: of[max(0, min(n - 1, int(np.searchsorted(cut, t, "right")) - 1))]; s.screen, s.form = lambda t: COLOR_NAMES.index(at(t)[1]), lambda t: SHAPES.index(at(t)[0]); sight = [self.ask("first color", of[0][1], "shape"), self.ask("last color", of[-1][1], "shape")]
            # not every segment has a word, so that the order alone does not say which is which
            spoken = [k for k in range(n) if self.chance(.75)] or [int(self.g.integers(n))]; ws = self.some(range(len(WORDS)), n); words = {}
            for k in spoken:
                y = self.say(ws[k]); room = cut[k + 1] - cut[k] - len(y) / SR
                lo, hi = cut[k] + min(.12, max(0., room / 2)), cut[k + 1] - len(y) / SR - min(.12, max(0., room / 2)); x.put(y, self.g.uniform(lo, max(lo + .001, hi)), 1 + ws[k]); words[k] = WORDS[ws[k]]
            qs = []
            for k, word in words.items():
                sh, c = of[k]; qs.append(self.ask("word while", word, c, sh)); qs.append(self.ask("color when", c, word))
                if swap: qs += [self.ask("shape when", sh, word)] * 2
            order = [words[k] for k in sorted(words)]; qs = self.some(qs, 5); more = sight[:2] + [self.ask("first word", order[0]), self.ask("last word", order[-1])]
            u = self.g.random()
            if u < .12: other = self.one([v for v in WORDS if v not in order]); more = [("unknown",) + self.ask("color when", UNKNOWN, other)[1:]] + more[:1]
            elif u < .22: other = self.one([v for v in COLOR_NAMES if v not in [c for _, c in of]]); more = [("unknown",) + self.ask("word while", UNKNOWN, other, self.one(SHAPES))[1:]] + more[:1]
            return s, x, qs + self.some(more, max(1, 6 - len(qs)))
        if kind == "before":
            s, sight, (at, appears, sh, c) = self.event(h, w, D, step, True); spoken = self.chance(.6); word = int(self.g.integers(len(WORDS))); y = self.say(word) if spoken else beep(self.g, self.g.uniform(.12, .25)); L = len(y) / SR; early = self.chance(.5)
            lo, hi = (0, at - L - .3) if early else (at + .35, D - L)
            if hi < lo: early = not early; lo, hi = (0, max(.01, at - L - .3)) if early else (at + .35, D - L)
            t, _ = x.put(y, self.g.uniform(lo, max(lo + .01, hi)), 1 + word if spoken else BEEP); a = "before" if early else "after"; n = self.name(sh); what = self.one(["word", "word " + WORDS[word]]) if spoken else "beep"
            qs = [self.ask("before or after", a, what, n), self.ask("before or after", a, what, n), sight[0], self.ask("word", WORDS[word]) if spoken else self.ask("hear", "beeps"), self.ask("color", c)]
            return s, x, qs
        if kind == "moving":
            n = 3 if D >= 3.2 else 2; s = self.scene(h, w); many = 3 if self.chance(.4) and n == 3 else 2; sh = self.some(SHAPES, many); r = min(self.radius(h, w), (.4 if many == 2 else .15) * min(h, w)); flat = w >= h if max(h, w) > 1.3 * min(h, w) else self.chance(.5); lanes = self.g.permutation(many)
            turns = [int(self.g.integers(many))]
            while len(turns) < n: turns.append(self.one([k for k in range(many) if k != turns[-1]]))
            cut = self.cuts(D, n, min(max(1., step * 1.6), D / n * .95))
            for k in range(many):
                lane = (lanes[k] + .5) / many; c = self.one(COLOR_NAMES); legs = []; hor = w >= h
                ds = ("left", "right") if (hor and many == 3) or (many == 2 and flat) else ("up", "down"); size = w if ds[0] == "left" else h; lo, hi = (r + 1) / size, 1 - (r + 1) / size; u = self.g.uniform(lo, hi); pos = [(0., u)]
                for i in range(n):
                    if turns[i] != k: continue
                    a, b = cut[i] + .05, cut[i + 1] - .05; span = min(self.g.uniform(.3, .45), hi - lo); v = u + span if u + span <= hi and (u - span < lo or self.chance(.5)) else max(lo, u - span); pos += [(a, u), (b, v)]; u = v
                ts, us = [p[0] for p in pos], [p[1] for p in pos]; across = lane + self.g.uniform(-.03, .03)
                s.add(self.thing(sh[k], c, r), (lambda t, ts=ts, us=us, y=across, c=c: (float(np.interp(t, ts, us)), y, c, None)) if ds[0] == "left" else (lambda t, ts=ts, us=us, x=across, c=c: (x, float(np.interp(t, ts, us)), c, None)))
            i = int(self.g.integers(n)); long = self.g.uniform(.12, .25); x.put(beep(self.g, long), self.g.uniform(cut[i] + .15, cut[i + 1] - .15 - long), BEEP); s.screen = lambda t: SCREEN_MOVES + SHAPES.index(sh[turns[max(0, min(n - 1, int(np.searchsorted(cut, t, "right")) - 1))]])
            qs = [self.ask("moving when", sh[turns[i]]), self.ask("moving when", sh[turns[i]]), self.ask("moving when", sh[turns[i]]), self.ask("hear", "beeps")]
            return s, x, qs
        # often: a word now and then; the shape blinks for a part of the time
        a = self.g.uniform(0, D * .35); b = self.g.uniform(max(a + 3 * max(.6, step * 1.15), D * .62), D); s, sight, (t0, t1, sh) = self.blinking(h, w, D, step, None, (a, b)); word = int(self.g.integers(len(WORDS))); inside = 0; t = self.g.uniform(0, 1.)
        while t < D - .7:
            y = self.say(word); L = len(y) / SR; clear_in, clear_out = t > t0 + .05 and t + L < t1 - .05, t + L < t0 - .15 or t > t1 + .15
            if (clear_in and self.chance(.75)) or (clear_out and self.chance(.6)): x.put(y, t, 1 + word); inside += clear_in; t += L + self.g.uniform(.15, 1.)
            else: t += .15
        qs = [self.ask("often while", NUMBERS[inside], WORDS[word], sh), self.ask("often while", NUMBERS[inside], WORDS[word], sh), sight[0], self.ask("shape", sh)]
        if not x.events: qs = sight[:3]
        return s, x, qs
