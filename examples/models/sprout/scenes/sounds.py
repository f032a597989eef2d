"""Voices from the bank, beeps, tones and noise, and the time line that they are mixed on."""
import numpy as np

SR = 16000  # samples a second
NOISE = np.random.default_rng(9).standard_normal(SR * 40).astype(np.float32)


class Voices:
    """The bank that voices.py rendered."""

    def __init__(self, path: str):
        bank = np.load(path)
        self.pcm, self.offset = bank["pcm"], bank["offset"]
        word, split = bank["word"], bank["split"]
        self.index = {
            (w, s): np.flatnonzero((word == w) & (split == s)) for w in range(int(word.max()) + 1) for s in (0, 1, 2)
        }

    def say(self, g, word: int, split: int) -> np.ndarray:
        """float32 samples of one word by a random voice of the split; a little faster or slower than rendered.

        What is trained on also gets other voices out of those: higher and lower, darker and brighter."""
        recordings = self.index[word, split]
        i = int(recordings[g.integers(len(recordings))])
        wave = self.pcm[self.offset[i]:self.offset[i + 1]].astype(np.float32) / 32768
        trained = split == 0
        if g.random() < (.75 if trained else .5):
            n = int(len(wave) * (g.uniform(.74, 1.32) if trained else g.uniform(.9, 1.1)))
            wave = np.interp(np.linspace(0, len(wave) - 1, n), np.arange(len(wave)), wave).astype(np.float32)
        if trained and g.random() < .6:
            wave = _tilted(wave, np.float32(g.uniform(-.85, .95)))
        return wave * g.uniform(.5, 1.6)


def _tilted(wave, amount):
    """Darker (amount above 0) or brighter, as rooms and microphones make it; peak at a half."""
    out = wave.copy()
    out[1:] += amount * wave[:-1]
    return out * np.float32(.5 / max(.05, np.abs(out).max()))


class Track:
    """A sound line of `seconds`, with what happens when: events = [(start, end, class)]; class 0 is nothing."""

    def __init__(self, g, seconds: float, samples=None):
        self.g, self.events = g, []
        n = samples or int(round(seconds * SR))
        self.seconds = n / SR
        at = int(g.integers(len(NOISE) - n))
        self.wave = NOISE[at:at + n] * np.float32(10 ** g.uniform(-4.5, -2.1))
        if g.random() < .3:  # softer, coloured noise
            self.wave = np.convolve(self.wave, np.ones(8, np.float32) / 3, "same").astype(np.float32)
        if g.random() < .08:
            self.wave = self.wave * 0

    def put(self, wave: np.ndarray, start: float, kind: int) -> tuple[float, float]:
        """Adds a sound at `start` seconds, or as late as it fits. Returns when it starts and ends."""
        i = max(0, min(int(start * SR), len(self.wave) - len(wave)))
        wave = wave[:len(self.wave) - i]
        self.wave[i:i + len(wave)] += wave
        start, end = i / SR, (i + len(wave)) / SR
        self.events.append((start, end, kind))
        return start, end

    def finish(self) -> np.ndarray:
        """Gain and limits, as a recording would have. float32."""
        wave = self.wave * np.float32(10 ** self.g.uniform(-.35, .15))
        return np.clip(np.round(wave * 32767), -32768, 32767).astype(np.float32) / 32768


def recorded(g, wave: np.ndarray) -> np.ndarray:
    """What a microphone and a lossy file leave of a sound: often nothing above some pitch, and less at the bottom.

    LAME, say, cuts 16 kHz sound at some 7.2 kHz, whatever the bit rate. float32 samples."""
    if g.random() < .35:
        return wave
    n = -(-len(wave) // 1600) * 1600
    hz = np.fft.rfftfreq(n, 1 / SR)
    top, slope, left = g.uniform(4500, 8000), g.uniform(50, 600), 10 ** g.uniform(-3.5, -1.5)
    gain = np.clip((top + slope - hz) / slope, left, 1)
    if g.random() < .3:
        gain = gain * np.clip(hz / g.uniform(40, 200), .03, 1)
    if g.random() < .4:  # a room, or another throat: less somewhere in the middle
        at, wide, depth = g.uniform(300, 4000), g.uniform(100, 700), g.uniform(.4, .9)
        gain = gain * (1 - depth * np.exp(-((hz - at) / wide) ** 2))
    return np.fft.irfft(np.fft.rfft(wave, n) * gain, n)[:len(wave)].astype(np.float32)


def beep(g, seconds=.12, pitch=None) -> np.ndarray:
    """float32 samples. pitch in hertz."""
    pitch = pitch or g.uniform(500, 1800)
    t = np.arange(int(seconds * SR)) / SR
    wave = np.sin(2 * np.pi * pitch * t)
    if g.random() < .3:
        wave = wave + .4 * np.sin(6 * np.pi * pitch * t)
    return (wave * _fade(t, .008) * g.uniform(.12, .4)).astype(np.float32)


def sweep(g, seconds: float, rising: bool) -> np.ndarray:
    """A tone that rises or falls: float32 samples."""
    low = g.uniform(250, 900)
    high = low * g.uniform(1.6, 3.2)
    a, b = (low, high) if rising else (high, low)
    t = np.arange(int(seconds * SR)) / SR
    wave = np.sin(2 * np.pi * (a * t + (b - a) * t * t / (2 * seconds)))
    return (wave * _fade(t, .02) * g.uniform(.12, .4)).astype(np.float32)


def _fade(t, seconds):
    """1, and a ramp at both ends."""
    return np.minimum(1, np.minimum(t, t[::-1]) / seconds)
