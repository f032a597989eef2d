"""Clips with sound, where the answer needs both, in time."""
import numpy as np

from questions import NUMBERS
from scenes import COLOR_NAMES, SHAPES, SR, Track, beep
from tasks.classes import BEEP, form_of, screen_color, screen_moves
from tasks.clips import Clips, segment_at
from tasks.scene import between
from tasks.sounds import Sounds
from voices import WORDS


class Joint(Clips, Sounds):
    def joint(self, h: int, w: int, seconds: float, step: float, samples=None, kind=None):
        """A scene, a track, and questions. step: seconds between frames that are looked at; samples: of the track.

        kind: "segments", "before", "moving", "often", or any."""
        track = Track(self.g, seconds, samples)
        kinds = ["segments"] * 5 + ["before", "before", "moving", "moving"] + ["often"] * (2 * (seconds > 4.8))
        kind = kind or self.one(kinds)
        make = dict(segments=self._segments, before=self._before, moving=self._moving, often=self._often)[kind]
        scene, asked = make(track, h, w, seconds, step)
        return scene, track, asked

    # ---- words while colours or shapes take turns

    def _segments(self, track, h, w, seconds, step):
        n = 4 if seconds > 5.4 and self.chance(.5) else 3
        if seconds < 3.4:
            n = 2
        least = max(1.05, step * 1.3)
        if n * least > seconds:
            n = max(2, int(seconds / least))
        if self.chance(.45):
            scene, sight, (cut, of) = self.changes(h, w, seconds, step, n, least)
            by_shape = False
        else:
            scene, sight, (cut, of) = self._exchanged(h, w, seconds, n, least)
            by_shape = True
        words = self._spoken(track, cut, n)
        asked = []
        for k, word in words.items():
            shape, color = of[k]
            asked.append(self.ask("word while", word, color, shape))
            asked.append(self.ask("color when", color, word))
            if by_shape:
                asked += [self.ask("shape when", shape, word)] * 2
        order = [words[k] for k in sorted(words)]
        asked = self.some(asked, 5)
        more = sight[:2] + [self.ask("first word", order[0]), self.ask("last word", order[-1])]
        u = self.g.random()
        if u < .12:
            other = self.one([word for word in WORDS if word not in order])
            more = [self.ask_in_vain("color when", other)] + more[:1]
        elif u < .22:
            other = self.one([color for color in COLOR_NAMES if color not in [c for _, c in of]])
            more = [self.ask_in_vain("word while", other, self.one(SHAPES))] + more[:1]
        return scene, asked + self.some(more, max(1, 6 - len(asked)))

    def _exchanged(self, h, w, seconds, n, least):
        """Other shapes, at other places, one after another. Returns what `changes` does."""
        scene = self.scene(h, w)
        r = self.radius(h, w)
        cut = self.cuts(seconds, n, min(least, seconds / n * .95))
        of = list(zip(self.some(SHAPES, n), self.some(COLOR_NAMES, n)))
        for k, (shape, color) in enumerate(of):
            x, y = self.spot(h, w, r)
            end = np.inf if k == n - 1 else cut[k + 1]
            scene.add(self.thing(shape, color, r), between(cut[k], end, x, y, color))
        scene.screen = lambda t: screen_color(of[segment_at(cut, n, t)][1])
        scene.form = lambda t: form_of(of[segment_at(cut, n, t)][0])
        asked = [self.ask("first color", of[0][1], "shape"), self.ask("last color", of[-1][1], "shape")]
        return scene, asked, (cut, of)

    def _spoken(self, track, cut, n):
        """Says words in segments: {segment: word}.

        Not every segment has a word, so that the order alone does not say which is which."""
        spoken = [k for k in range(n) if self.chance(.75)] or [int(self.g.integers(n))]
        numbers = self.some(range(len(WORDS)), n)
        words = {}
        for k in spoken:
            wave = self.say(numbers[k])
            long = len(wave) / SR
            away = min(.12, max(0., (cut[k + 1] - cut[k] - long) / 2))  # from the segment's ends
            low, high = cut[k] + away, cut[k + 1] - long - away
            track.put(wave, self.g.uniform(low, max(low + .001, high)), 1 + numbers[k])
            words[k] = WORDS[numbers[k]]
        return words

    # ---- a word or a beep before or after a shape appears

    def _before(self, track, h, w, seconds, step):
        scene, sight, (at, _, shape, color) = self.event(h, w, seconds, step, True)
        spoken = self.chance(.6)
        word = int(self.g.integers(len(WORDS)))
        wave = self.say(word) if spoken else beep(self.g, self.g.uniform(.12, .25))
        long = len(wave) / SR
        early = self.chance(.5)
        low, high = (0, at - long - .3) if early else (at + .35, seconds - long)
        if high < low:  # no room on that side
            early = not early
            low, high = (0, max(.01, at - long - .3)) if early else (at + .35, seconds - long)
        track.put(wave, self.g.uniform(low, max(low + .01, high)), 1 + word if spoken else BEEP)
        answer = "before" if early else "after"
        name = self.name(shape)
        what = self.one(["word", "word " + WORDS[word]]) if spoken else "beep"
        return scene, [
            self.ask("before or after", answer, what, name),
            self.ask("before or after", answer, what, name),
            sight[0],
            self.ask("word", WORDS[word]) if spoken else self.ask("hear", "beeps"),
            self.ask("color", color),
        ]

    # ---- two or three shapes move in turns, and it beeps in one of the turns

    def _moving(self, track, h, w, seconds, step):
        n = 3 if seconds >= 3.2 else 2
        scene = self.scene(h, w)
        many = 3 if self.chance(.4) and n == 3 else 2
        shapes = self.some(SHAPES, many)
        r = min(self.radius(h, w), (.4 if many == 2 else .15) * min(h, w))
        flat = w >= h if max(h, w) > 1.3 * min(h, w) else self.chance(.5)
        sideways = flat if many == 2 else w >= h
        lanes = self.g.permutation(many)
        turns = [int(self.g.integers(many))]
        while len(turns) < n:
            turns.append(self.one([k for k in range(many) if k != turns[-1]]))
        cut = self.cuts(seconds, n, min(max(1., step * 1.6), seconds / n * .95))
        for k in range(many):
            lane = (lanes[k] + .5) / many
            color = self.one(COLOR_NAMES)
            mine = [(cut[i] + .05, cut[i + 1] - .05) for i in range(n) if turns[i] == k]
            times, places = self._legs(mine, r, w if sideways else h)
            across = lane + self.g.uniform(-.03, .03)
            scene.add(self.thing(shapes[k], color, r), _along(times, places, across, sideways, color))
        i = int(self.g.integers(n))
        long = self.g.uniform(.12, .25)
        wave = beep(self.g, long)
        track.put(wave, self.g.uniform(cut[i] + .15, cut[i + 1] - .15 - long), BEEP)
        scene.screen = lambda t: screen_moves(shapes[turns[segment_at(cut, n, t)]])
        answer = shapes[turns[i]]
        return scene, [
            self.ask("moving when", answer),
            self.ask("moving when", answer),
            self.ask("moving when", answer),
            self.ask("hear", "beeps"),
        ]

    def _legs(self, turns, r, size):
        """Of a shape that moves during `turns` [(start, end)]: moments, and where it is then, in 0..1.

        size: pixels of its way."""
        low, high = (r + 1) / size, 1 - (r + 1) / size
        here = self.g.uniform(low, high)
        times, places = [0.], [here]
        for start, end in turns:
            span = min(self.g.uniform(.3, .45), high - low)
            forward = here + span <= high and (here - span < low or self.chance(.5))
            there = here + span if forward else max(low, here - span)
            times += [start, end]
            places += [here, there]
            here = there
        return times, places

    # ---- a word now and then, while a shape blinks for a part of the time

    def _often(self, track, h, w, seconds, step):
        """It is said zero to three times while the shape blinks, each as often, and now and then outside.

        So neither picture nor sound alone tells the answer. A word is half a step or more away from both ends of the
        blinking: the frames that are looked at say on which side."""
        cut = self._blinks_for_long(seconds, max(.6, step * 1.15))
        scene, sight, (first, last, shape) = self.blinking(h, w, seconds, step, cut)
        word = int(self.g.integers(len(WORDS)))
        clear = step / 2
        scene.since = first
        inside = self._say_often(track, word, int(self.g.integers(4)), first + clear, last - clear)
        self._say_often(track, word, int(self.g.integers(3)), last + clear, seconds)
        self._say_often(track, word, int(self.g.integers(2)), 0, first - clear)
        asked = [self.ask("often while", NUMBERS[inside], WORDS[word], shape) for _ in range(2)]
        return scene, (asked if track.events else []) + [sight[0], self.ask("shape", shape)]

    def _blinks_for_long(self, seconds, off):
        """The moments at which a shape goes and comes back, for three seconds or more in the middle of a clip.

        off: seconds that it stays away or there, at least."""
        span = self.g.uniform(2.9, max(2.9, seconds - 1.2))
        first = self.g.uniform(.2, seconds - span - .2)
        n = int(self.g.integers(2, min(4, int((span / off + 1) / 2)) + 1))
        free = span - (2 * n - 1) * off
        lengths = off + self.g.dirichlet(np.ones(2 * n - 1)) * free
        return first + np.cumsum([0, *lengths])

    def _say_often(self, track, word, n, low, high):
        """Says a word n times between low and high (seconds), or as often as it fits: how often."""
        waves = [self.say(word) for _ in range(n)]
        pause = .15
        while waves and sum(len(wave) / SR + pause for wave in waves) - pause > high - low:
            waves.pop()
        free = high - low - sum(len(wave) / SR + pause for wave in waves) + pause
        t = low
        for wave, gap in zip(waves, self.g.dirichlet(np.ones(len(waves) + 1)) * max(0, free)):
            _, t = track.put(wave, t + gap, 1 + word)
            t += pause
        return len(waves)


def _along(times, places, across, sideways, color):
    """The path of a thing that is at places[i] at times[i], from left to right or from top to bottom."""

    def path(t):
        along = float(np.interp(t, times, places))
        return (along, across, color, None) if sideways else (across, along, color, None)

    return path
