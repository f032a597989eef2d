"""Sounds: words, digits, beeps, tones, noise, silence."""
import numpy as np

from questions import ABOUT_SIGHT, NUMBERS
from scenes import NOISE, SR, Track, beep, sweep
from tasks.choices import Choices
from tasks.classes import BEEP, FALL, HISS, RISE
from voices import DIGITS, WORDS


class Sounds(Choices):
    def say(self, word: int) -> np.ndarray:
        """float32 samples of a word (its number) by a random voice of the split."""
        return self.voices.say(self.g, word, self.split if self.split < 2 else 2)

    def crowd(self, seconds: float, samples=None):
        """Word after word with hardly a pause: what the sound encoder learns words from."""
        track = Track(self.g, seconds, samples)
        t = self.g.uniform(0, .25)
        while True:
            word = int(self.g.integers(len(DIGITS))) if self.chance(.3) else int(self.g.integers(len(WORDS)))
            wave = self.say(word)
            if t + len(wave) / SR > track.seconds:
                return track, []
            _, t = track.put(wave, t, 1 + word)
            t += self.g.uniform(.02, .3)

    def sound(self, seconds: float, samples=None, kind=None):
        """A track, and questions. samples: its exact length. kind: see below; or any."""
        track = Track(self.g, seconds, samples)
        seconds = track.seconds
        kinds = ["word", "word", "digit", "beeps", "beeps", "tone", "noise", "when", "when"]
        kinds += ["silence"] * int(self.chance(.5))
        kinds += ["two", "digits"] * int(seconds > 2) + ["digits"] * int(seconds > 3)
        kind = kind or self.one(kinds)
        if kind in ("word", "digit"):
            asked = self._word(track, seconds, kind)
        elif kind in ("two", "digits"):
            asked = self._words(track, seconds, kind)
        elif kind == "beeps":
            asked = self._beeps(track, seconds)
        elif kind == "when":
            asked = self._when(track, seconds)
        elif kind == "tone":
            asked = self._tone(track, seconds)
        elif kind == "noise":
            asked = self._noise(track, seconds)
        else:
            asked = [
                self.ask("hear", "silence"),
                self.unknown(["word", "digit", "tone", "when beep", "first word"]),
            ]
        return track, asked

    def _word(self, track, seconds, kind):
        """One word or digit."""
        word = int(self.g.integers(len(DIGITS) if kind == "digit" else len(WORDS)))
        wave = self.say(word)
        track.put(wave, self.g.uniform(0, max(.01, seconds - len(wave) / SR)), 1 + word)
        asked = [
            self.ask(kind, WORDS[word]),
            self.ask("hear", "speech") if self.chance(.5) else self.ask("word", WORDS[word]),
        ]
        if self.chance(.15):
            if self.chance(.5):
                asked[1] = self.unknown(ABOUT_SIGHT)
            else:
                asked[1] = self.ask_in_vain(self.one(["beeps", "tone", "when beep"]))
        return asked

    def _words(self, track, seconds, kind):
        """Two words, or two to four digits, with pauses at random."""
        n = 2 if kind == "two" else int(self.g.integers(2, min(4, int((seconds - .2) / .8)) + 1))
        words = [int(i) for i in self.g.integers(len(DIGITS) if kind == "digits" else len(WORDS), size=n)]
        waves = [self.say(word) for word in words]
        free = max(0., seconds - sum(len(wave) for wave in waves) / SR - .1)
        gaps = self.g.dirichlet(np.ones(n + 1)) * free
        t = gaps[0]
        if free > .1 * n:
            gaps[1:-1] = np.maximum(gaps[1:-1], .08)
        for k, (word, wave) in enumerate(zip(words, waves)):
            _, t = track.put(wave, t, 1 + word)
            t += gaps[k + 1]
        first = self.ask("first word", WORDS[words[0]])
        last = self.ask("last word", WORDS[words[-1]])
        if kind == "two":
            return [first, last]
        return [
            self.ask("digits", " ".join(WORDS[word] for word in words)),
            first if self.chance(.5) else last,
        ]

    def _beeps(self, track, seconds):
        """One to five beeps, of one pitch and length."""
        n = int(self.g.integers(1, 6))
        long = self.g.uniform(.07, .14)
        pitch = self.g.uniform(450, 1900)
        room = max(0., seconds - .1 - n * (long + .11))
        gaps = self.g.dirichlet(np.ones(n + 1)) * room * self.g.uniform(.2, 1)
        t = gaps[0] + self.g.uniform(0, max(0., room - gaps.sum()))
        if self.chance(.5):  # evenly
            gaps[1:n] = gaps[1:n].mean() if n > 1 else 0
        for k in range(n):
            _, t = track.put(beep(self.g, long, pitch), t, BEEP)
            t += .11 + gaps[k + 1]
        asked = [
            self.ask("beeps", NUMBERS[n]),
            self.ask("hear", "beeps") if self.chance(.5) else self.ask("beeps", NUMBERS[n]),
        ]
        if self.chance(.15):
            asked[1] = self.ask_in_vain(self.one(["word", "digit", "first word"]))
        return asked

    def _when(self, track, seconds):
        """One beep near a whole second, or at the very beginning."""
        if self.chance(.8) or seconds < 2:
            second, t = self.whole(.4 if seconds < 2 else 1, max(1, seconds - .5))
        else:
            second, t = 0, .08
        long = self.g.uniform(.1, .25)
        track.put(beep(self.g, long), max(0., t - long / 2), BEEP)
        return [self.ask("when beep", NUMBERS[second])] * 2

    def _tone(self, track, seconds):
        up = self.chance(.5)
        long = self.g.uniform(.5, min(1.4, seconds * .9))
        wave = sweep(self.g, long, up)
        track.put(wave, self.g.uniform(0, seconds - long), RISE if up else FALL)
        return [self.ask("tone", "rises" if up else "falls"), self.ask("hear", "tone")]

    def _noise(self, track, seconds):
        long = self.g.uniform(.5, min(1.5, seconds * .9))
        n = int(long * SR)
        at = int(self.g.integers(len(NOISE) - n))
        wave = NOISE[at:at + n] * np.float32(self.g.uniform(.05, .25))
        track.put(wave, self.g.uniform(0, seconds - long), HISS)
        return [self.ask("hear", "noise"), self.unknown(["word", "digit", "beeps"] + ABOUT_SIGHT)]
