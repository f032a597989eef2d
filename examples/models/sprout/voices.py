"""The bank of spoken words that the training data are mixed from: every word by every voice, with a random speed and pitch.

    python voices.py BANK.npz [--seed 0]

Splits are whole voices: 0 = trained on (espeak-ng variants, four flite voices), 1 = held out (eight other variants, flite's `slt`),
2 = a synthesizer that is never trained on (festival, if it is installed). Needs espeak-ng and flite on the path."""
import argparse, os, random, shutil, subprocess, tempfile
from multiprocessing.pool import ThreadPool
import numpy as np

DIGITS = "zero one two three four five six seven eight nine".split()
COLORS = "red green blue yellow purple orange".split()
NOUNS = ("dog cat bird car fish horse house tree water apple bread music window table flower river mountain school doctor garden "
    "monkey rabbit tiger camera coffee paper pencil ship train summer winter sugar butter hello morning night black white king queen "
    "circle triangle square star").split()
WORDS = DIGITS + COLORS + NOUNS
RATE = 16000
ACCENTS = "en-us en-gb en-gb-scotland en-gb-x-rp en-gb-x-gbclan en-gb-x-gbcwmd en-029".split()
TRAINED = ("m1 m2 m3 m4 m5 m6 f1 f2 f3 f4 Alex Alicia Andrea Annie Denis Diogo Gene Hugo Jacky Lee Marco Mario Mike ed belinda steph "
    "boris max rob shelby victor zac").split()
HELD_OUT = "m7 m8 f5 linda Michael Andy steph2 adam".split()
FLITE = (("kal", 0), ("kal16", 0), ("awb", 0), ("rms", 0), ("slt", 1))

def read_wav(data):
    """float32 samples and rate of a mono 16-bit wav in memory."""
    i = data.find(b"data") + 8
    raw = data[i:len(data) - (len(data) - i) % 2]
    return np.frombuffer(raw, "<i2").astype(np.float32) / 32768, int.from_bytes(data[24:28], "little")

def trim(x, rate):
    """At 16 kHz, silence cut at both ends, peak at a half: int16."""
    m = int(round(len(x) * RATE / rate)); m += m % 2
    if m != len(x):
        spectrum = np.fft.rfft(x); bins = m // 2 + 1
        if bins > len(spectrum): spectrum = np.pad(spectrum, (0, bins - len(spectrum)))
        x = np.fft.irfft(spectrum[:bins], m) * (m / len(x))
    loud = np.flatnonzero(np.abs(x) > .01 * np.abs(x).max())
    x = x[max(0, loud[0] - 160):loud[-1] + 320]
    return (x / np.abs(x).max() * .5 * 32767).astype(np.int16)

def espeak(word, accent, variant, speed, pitch):
    out = subprocess.run(["espeak-ng", "-v", f"{accent}+{variant}", "-s", str(speed), "-p", str(pitch), "--stdout", word], capture_output=True, check=True).stdout
    return trim(*read_wav(out))

def to_file(command, **run):
    """Runs a synthesizer that writes a wav file."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as f:
        subprocess.run([c.replace("FILE", f.name) for c in command], check=True, capture_output=True, **run)
        with open(f.name, "rb") as g: return trim(*read_wav(g.read()))

def flite(word, voice, stretch, mean):
    pitch = ["--setf", f"int_f0_target_mean={mean}"] if voice.startswith("kal") else []
    return to_file(["flite", "-voice", voice, "--setf", f"duration_stretch={stretch:.2f}", *pitch, "-t", word, "-o", "FILE"])

def festival(word, stretch):
    return to_file(["text2wave", "-o", "FILE", "-eval", f"(Parameter.set 'Duration_Stretch {stretch:.2f})"], input=word.encode())

def jobs(seed):
    """[(word, split, function, arguments)]"""
    rng = random.Random(seed); out = []
    for i, word in enumerate(WORDS):
        for split, variants in ((0, TRAINED), (1, HELD_OUT)):
            for v in variants:
                for a in ACCENTS: out.append((i, split, espeak, (word, a, v, rng.randint(115, 205), rng.randint(20, 80))))
        for v, split in FLITE:
            for _ in range(8): out.append((i, split, flite, (word, v, rng.uniform(.85, 1.35), rng.randint(80, 180))))
        if shutil.which("text2wave"):
            for s in (.9, 1., 1.15, 1.3): out.append((i, 2, festival, (word, s)))
    return out

if __name__ == "__main__":
    a = argparse.ArgumentParser(); a.add_argument("out"); a.add_argument("--seed", type=int, default=0); a.add_argument("--threads", type=int, default=2); a = a.parse_args()
    todo = jobs(a.seed)
    with ThreadPool(a.threads) as pool: sounds = pool.map(lambda j: j[2](*j[3]), todo, chunksize=16)
    lengths = np.array([len(s) for s in sounds])
    np.savez(a.out, pcm=np.concatenate(sounds), offset=np.concatenate([[0], np.cumsum(lengths)]), word=np.array([j[0] for j in todo]), split=np.array([j[1] for j in todo]))
    print(f"{len(sounds)} recordings of {len(WORDS)} words, {lengths.sum() / RATE / 60:.0f} minutes, mean {lengths.mean() / RATE:.2f} s, longest {lengths.max() / RATE:.2f} s")
