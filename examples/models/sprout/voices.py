"""The bank of spoken words that the training data are mixed from: every word by every voice, at random speed and pitch.

    python voices.py BANK.npz [--seed 0]

Splits are whole voices: 0 = trained on (espeak-ng variants, four flite voices), 1 = held out (eight other variants,
flite's `slt`), 2 = a synthesizer that is never trained on (festival, if it is installed). Needs espeak-ng and flite on
the path."""
import argparse
import random
import shutil
import subprocess
import tempfile
from multiprocessing.pool import ThreadPool

import numpy as np

DIGITS = "zero one two three four five six seven eight nine".split()
COLORS = "red green blue yellow purple orange".split()
NOUNS = """
    dog cat bird car fish horse house tree water apple bread music window table flower river mountain school doctor
    garden monkey rabbit tiger camera coffee paper pencil ship train summer winter sugar butter hello morning night
    black white king queen circle triangle square star
""".split()
WORDS = DIGITS + COLORS + NOUNS
RATE = 16000  # samples a second
ACCENTS = "en-us en-gb en-gb-scotland en-gb-x-rp en-gb-x-gbclan en-gb-x-gbcwmd en-029".split()
TRAINED = """
    m1 m2 m3 m4 m5 m6 f1 f2 f3 f4 Alex Alicia Andrea Annie Denis Diogo Gene Hugo Jacky Lee Marco Mario Mike ed belinda
    steph boris max rob shelby victor zac
""".split()
# trained on in three accents each
TRAINED_LESS = """
    anika announcer antonio aunty benjamin caleb croak david edward edward2 grandma grandpa gustave iven iven2 iven3
    iven4 john kaukovalta klatt klatt2 klatt3 klatt4 klatt5 klatt6 marcelo michel miguel norbert pablo paul pedro quincy
    robert sandro steph3 travis Henrique Nguyen RicishayMax RicishayMax3 Storm Tweaky Gene2 UniRobot whisperf
""".split()
HELD_OUT = "m7 m8 f5 linda Michael Andy steph2 adam".split()
FLITE = (("kal", 0), ("kal16", 0), ("awb", 0), ("rms", 0), ("slt", 1))  # voice, split


def read_wav(data: bytes) -> tuple[np.ndarray, int]:
    """float32 samples and rate of a mono 16-bit wav in memory."""
    i = data.find(b"data") + 8
    raw = data[i:len(data) - (len(data) - i) % 2]
    return np.frombuffer(raw, "<i2").astype(np.float32) / 32768, int.from_bytes(data[24:28], "little")


def trim(wave: np.ndarray, rate: int) -> np.ndarray:
    """At 16 kHz, silence cut at both ends, peak at a half: int16."""
    n = int(round(len(wave) * RATE / rate))
    n += n % 2
    if n != len(wave):
        spectrum = np.fft.rfft(wave)
        bins = n // 2 + 1
        if bins > len(spectrum):
            spectrum = np.pad(spectrum, (0, bins - len(spectrum)))
        wave = np.fft.irfft(spectrum[:bins], n) * (n / len(wave))
    loud = np.flatnonzero(np.abs(wave) > .01 * np.abs(wave).max())
    wave = wave[max(0, loud[0] - 160):loud[-1] + 320]
    return (wave / np.abs(wave).max() * .5 * 32767).astype(np.int16)


def espeak(word: str, accent: str, variant: str, speed: int, pitch: int) -> np.ndarray:
    command = ["espeak-ng", "-v", f"{accent}+{variant}", "-s", str(speed), "-p", str(pitch), "--stdout", word]
    return trim(*read_wav(subprocess.run(command, capture_output=True, check=True).stdout))


def flite(word: str, voice: str, stretch: float, mean: int) -> np.ndarray:
    """mean: of the pitch, in hertz, for those voices that have one to set."""
    pitch = ["--setf", f"int_f0_target_mean={mean}"] if voice.startswith("kal") else []
    stretched = ["--setf", f"duration_stretch={stretch:.2f}"]
    return to_file(["flite", "-voice", voice, *stretched, *pitch, "-t", word, "-o", "FILE"])


def festival(word: str, stretch: float) -> np.ndarray:
    setting = f"(Parameter.set 'Duration_Stretch {stretch:.2f})"
    return to_file(["text2wave", "-o", "FILE", "-eval", setting], input=word.encode())


def to_file(command: list[str], **run) -> np.ndarray:
    """Runs a synthesizer that writes a wav file, named FILE in the command."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        command = [part.replace("FILE", file.name) for part in command]
        subprocess.run(command, check=True, capture_output=True, **run)
        with open(file.name, "rb") as written:
            return trim(*read_wav(written.read()))


def jobs(seed: int) -> list:
    """[(word's number, split, function, arguments)]"""
    rng = random.Random(seed)
    out = []
    for i, word in enumerate(WORDS):
        for split, variants in ((0, TRAINED), (1, HELD_OUT)):
            for variant in variants:
                for accent in ACCENTS:
                    speed, pitch = rng.randint(115, 205), rng.randint(20, 80)
                    out.append((i, split, espeak, (word, accent, variant, speed, pitch)))
        for voice, split in FLITE:
            for _ in range(8):
                out.append((i, split, flite, (word, voice, rng.uniform(.85, 1.35), rng.randint(80, 180))))
        if shutil.which("text2wave"):
            for stretch in (.9, 1., 1.15, 1.3):
                out.append((i, 2, festival, (word, stretch)))
    rng = random.Random(seed + 1)  # behind the others, so that those stay as they were
    for i, word in enumerate(WORDS):
        for variant in TRAINED_LESS:
            for accent in rng.sample(ACCENTS, 3):
                speed, pitch = rng.randint(115, 205), rng.randint(20, 80)
                out.append((i, 0, espeak, (word, accent, variant, speed, pitch)))
    return out


def main():
    p = argparse.ArgumentParser()
    p.add_argument("out")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--threads", type=int, default=2)
    options = p.parse_args()
    todo = jobs(options.seed)
    with ThreadPool(options.threads) as pool:
        sounds = pool.map(lambda job: job[2](*job[3]), todo, chunksize=16)
    lengths = np.array([len(sound) for sound in sounds])
    np.savez(
        options.out,
        pcm=np.concatenate(sounds),
        offset=np.concatenate([[0], np.cumsum(lengths)]),
        word=np.array([job[0] for job in todo]),
        split=np.array([job[1] for job in todo]),
    )
    minutes, mean, longest = lengths.sum() / RATE / 60, lengths.mean() / RATE, lengths.max() / RATE
    print(
        f"{len(sounds)} recordings of {len(WORDS)} words, {minutes:.0f} minutes, "
        f"mean {mean:.2f} s, longest {longest:.2f} s"
    )


if __name__ == "__main__":
    main()
