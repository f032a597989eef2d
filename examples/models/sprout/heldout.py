"""Writes the held-out set as real files: png, jpeg, wav, mp3, mp4 (h264, aac). Other seeds, wordings, voices, noise and drawing styles than the
training data, and any size of picture.

    python voices.py BANK.npz
    python heldout.py OUT_FOLDER --bank BANK.npz [--items 50] [--seed 20261124]

OUT_FOLDER/manifest.json: {"items": [{"id", "task", "kind", "chance", "media": [{"type", "path"}], "turns": [{"question", "answers"}]}]}.
A media entry is in the words of a chat message; a video with `"sound": true` is read with its sound. The answer counts when, in lower case and
without its full stop, it is one of `answers`. Several turns: each question is asked after the model's own answers, and all must be right."""
import argparse, io, json, os, random, subprocess, wave
import numpy as np
from PIL import Image
from data import RATES
from features import sampled
from questions import NUMBERS, UNKNOWN
from scenes import SR, Grounds, Voices
from tasks import PLACES, Tasks

PICTURE_SIZES = ((224, 224), (320, 240), (400, 300), (480, 270), (256, 192), (300, 300), (240, 320), (360, 240), (200, 150))  # width, height
CLIP_SIZES = ((160, 160), (192, 144), (240, 180), (256, 144), (224, 168), (160, 120), (192, 192))
# of each task: chance, and the bound the project set itself
TASKS = dict(
    picture={"color": 1 / 6, "shape": 1 / 5, "place": 1 / 5, "size": 1 / 2, "count": 1 / 6, "count color": 1 / 4, "count shape": 1 / 5, "color of": 1 / 6, "shape of": 1 / 5, "exists": 1 / 2, "biggest": 1 / 2, "left of": 1 / 2, "right of": 1 / 2, "unknown": 1 / 6, "read": 1 / 500, "read new": 0, "read number": 1 / 1000},
    pictures={"same": 1 / 2, "same color": 1 / 2, "which picture": 1 / 2},
    clip={"direction": 1 / 4, "event": 1 / 2, "when appear": 1 / 3, "when disappear": 1 / 3, "first color": 1 / 6, "last color": 1 / 6, "color after": 1 / 6, "first shape": 1 / 3, "second shape": 1 / 3, "last shape": 1 / 3, "blinks": 1 / 3,
        "moving shape": 1 / 2, "speed": 1 / 2, "act": 1 / 5, "shape": 1 / 5, "color": 1 / 6},
    sound={"digit": 1 / 10, "word": 1 / 60, "digits": 1 / 100, "first word": 1 / 60, "last word": 1 / 60, "hear": 1 / 5, "beeps": 1 / 5, "tone": 1 / 2, "when beep": 1 / 4, "unknown": 1 / 6},
    joint={"word while": 1 / 3, "color when": 1 / 3, "shape when": 1 / 3, "before or after": 1 / 2, "moving when": 1 / 2, "often while": 1 / 4})
BOUND = {("picture", k): .95 for k in ("color", "shape", "place")} | {("clip", "direction"): .95, ("clip", "shape"): .95, ("clip", "color"): .95, ("sound", "digit"): .95, ("sound", "beeps"): .95} | {("joint", k): .9 for k in TASKS["joint"]} | {(m, k): .9 for m in ("clip", "sound") for k in TASKS[m] if k.startswith("when")}
ANOTHER_SYNTHESIZER = "digit, a synthesizer never trained on"

def answers(a, count=False):
    """The ways to say it: numbers also as digits, `tone` and `event` words in their other forms."""
    forms = {a}; words = a.split()
    if all(w in NUMBERS for w in words): forms |= {" ".join(str(NUMBERS.index(w)) for w in words), "".join(str(NUMBERS.index(w)) for w in words), ", ".join(words)}
    if a == "zero" and count: forms.add("none")
    return sorted(f.lower() for f in forms)

class Writer:
    def __init__(self, folder, bank, seed, items):
        os.makedirs(f"{folder}/media", exist_ok=True); self.folder, self.items, self.out, self.have, self.files, self.rng = folder, items, [], {}, 0, random.Random(seed)
        self.tasks = Tasks(seed, 1, bank, Grounds(seed + 1, 60, (400, 500))); self.tasks.stretch = (1., 1.); self.g = self.tasks.g
    def path(self, kind): self.files += 1; return f"{self.folder}/media/{kind}-{self.files:04d}"

    def picture(self, scene):
        im = Image.fromarray(np.clip(np.round(scene.draw(0)), 0, 255).astype(np.uint8)); p = self.path("picture")
        if self.rng.random() < .2: p += ".png"; im.save(p, optimize=True)
        else: p += ".jpg"; im.save(p, quality=self.rng.randint(70, 92))
        return p
    def pcm(self, track, path):
        w = track.finish()
        with wave.open(path, "wb") as f: f.setnchannels(1); f.setsampwidth(2); f.setframerate(SR); f.writeframes((w * 32767).astype("<i2").tobytes())
    def sound(self, track):
        p = self.path("sound"); self.pcm(track, p + ".wav")
        if self.rng.random() < .2: return p + ".wav"
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", p + ".wav", "-c:a", "libmp3lame", "-b:a", self.rng.choice(["40k", "64k", "96k"]), "-bitexact", p + ".mp3"], check=True); os.remove(p + ".wav"); return p + ".mp3"
    def film(self, scene, frames, rate, track=None):
        p = self.path("joint" if track else "clip") + ".mp4"; raw = b"".join(np.clip(np.round(scene.draw(i / rate)), 0, 255).astype(np.uint8).tobytes() for i in range(frames)); h, w = scene.ground.shape[:2]
        command = ["ffmpeg", "-v", "error", "-y", "-threads", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{w}x{h}", "-r", str(rate), "-i", "-"]
        if track: self.pcm(track, p + ".wav"); command += ["-i", p + ".wav", "-c:a", "aac", "-b:a", "96k"]
        subprocess.run(command + ["-c:v", "libx264", "-preset", "veryfast", "-crf", str(self.rng.randint(18, 26)), "-pix_fmt", "yuv420p", "-threads", "1", "-bitexact", p], input=raw, check=True)
        if track: os.remove(p + ".wav")
        return p

    def add(self, kind, questions, media, sound=False):
        """Keeps one question of each task that still wants items. media: a function that writes the files when they are wanted."""
        new, seen = [], set(); self.rng.shuffle(questions)
        for task, q, a in questions:
            if task in TASKS[kind] and task not in seen and self.have.get((kind, task), 0) < self.items: seen.add(task); new.append((task, q, a))
        if not new: return
        files = [dict(type="image" if kind.startswith("picture") else "audio" if kind == "sound" else "video", path=os.path.relpath(p, self.folder), **(dict(sound=True) if sound else {})) for p in media()]
        for task, q, a in new: self.keep(kind, task, TASKS[kind][task], files, [(q, a)])
    def keep(self, kind, task, chance, files, turns):
        n = self.have[kind, task] = self.have.get((kind, task), 0) + 1
        self.out.append(dict(id=f"{kind}-{task.replace(' ', '-').replace(',', '')}-{n}", kind=kind, task=task, chance=round(chance, 3), **({} if task == ANOTHER_SYNTHESIZER else dict(bound=BOUND.get((kind, task), .85))), media=files, turns=[dict(question=q, answers=answers(a, "count" in task or "often" in task)) for q, a in turns]))
    def wants(self, kind): return [t for t in TASKS[kind] if self.have.get((kind, t), 0) < self.items]

    def timing(self, choices):
        D = self.rng.choice(choices); rate = self.rng.choice(RATES); n = int(round(D * rate)); k, _ = sampled(n, rate); return D, rate, n, (k[-1] - k[0]) / rate / (len(k) - 1)

def write(folder, bank, seed, items):
    w = Writer(folder, bank, seed, items); t = w.tasks
    while w.wants("picture"):
        W, H = w.rng.choice(PICTURE_SIZES); words = [k for k in w.wants("picture") if k.startswith("read")]; s, qs = t.printed(H, W, dict(zip(("read", "read new", "read number"), ("word", "new", "number")))[words[0]]) if words else t.picture(H, W); w.add("picture", qs, lambda: [w.picture(s)])
    while w.wants("pictures"): sizes = [w.rng.choice(PICTURE_SIZES)[::-1] for _ in range(2)]; ss, qs = t.two_pictures(sizes); w.add("pictures", qs, lambda: [w.picture(s) for s in ss])
    while w.wants("sound"):
        D = w.rng.choice((1.5, 2, 2.5, 3, 4, 5)); kind = None if w.rng.random() < .5 else "digit"
        if w.wants("sound") == ["digits"]: kind = "digits"
        x, qs = t.sound(max(D, 2.5) if kind == "digits" else D, None, kind); w.add("sound", qs, lambda: [w.sound(x)])
    of = dict(direction="moves", event="event", blinks="blinking", speed="moves", act=None, shape=None, color=None)
    while w.wants("clip"):
        D, rate, n, step = w.timing((2, 3, 4, 4, 5, 6, 8)); W, H = w.rng.choice(CLIP_SIZES); task = w.wants("clip")[0]; kind = of.get(task) or ("event" if task.startswith("when") else "changes" if "color" in task and task != "color" else "order" if task in ("first shape", "second shape", "last shape") else "moves" if task == "moving shape" else None)
        if kind == "blinking" and D < 3: continue
        s, qs = t.clip(H, W, n / rate, step, kind); w.add("clip", qs, lambda: [w.film(s, n, rate)])
    turns = 0
    while turns < items:  # several turns about one clip
        D, rate, n, step = w.timing((3, 4, 5, 6)); W, H = w.rng.choice(CLIP_SIZES); s, qs = t.clip(H, W, n / rate, step, w.rng.choice(["moves", "event", "changes", "order"])); done, chain = set(), []
        for task, q, a in qs:
            if task not in done: done.add(task); chain.append((q, a))
        if len(chain) < 2: continue
        p = w.film(s, n, rate); w.keep("clip", "two turns", 1 / 16, [dict(type="video", path=os.path.relpath(p, folder))], chain[:2]); turns += 1
    while w.wants("joint"):
        task = w.wants("joint")[0]; D, rate, n, step = w.timing((4, 4, 5, 6) if task != "often while" else (5, 6, 8)); W, H = w.rng.choice(CLIP_SIZES)
        kind = dict([("word while", "segments"), ("color when", "segments"), ("shape when", "segments"), ("before or after", "before"), ("moving when", "moving"), ("often while", "often")])[task]
        s, x, qs = t.joint(H, W, n / rate, step, None, kind); w.add("joint", qs, lambda: [w.film(s, n, rate, x)], True)
    if len(bank.index[0, 2]):
        u = Tasks(seed + 2, 2, bank, t.grounds)
        for _ in range(items): x, qs = u.sound(2., None, "digit"); q = next(q for q in qs if q[0] == "digit"); p = w.sound(x); w.keep("sound", ANOTHER_SYNTHESIZER, 1 / 10, [dict(type="audio", path=os.path.relpath(p, folder))], [q[1:]])
    with open(f"{folder}/manifest.json", "w") as f: json.dump(dict(seed=seed, items=w.out), f, indent=1, ensure_ascii=False)
    print(f"{len(w.out)} items of {len(w.have)} tasks, {w.files} files")

if __name__ == "__main__":
    p = argparse.ArgumentParser(); p.add_argument("out"); p.add_argument("--bank", required=True); p.add_argument("--items", type=int, default=50); p.add_argument("--seed", type=int, default=20261124); a = p.parse_args()
    write(a.out, Voices(a.bank), a.seed, a.items)
