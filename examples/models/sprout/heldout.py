"""Writes the held-out set as real files: png, jpeg, wav, mp3, mp4 (h264, aac).

Other seeds, wordings, voices, noise and drawing styles than the training data, and any size of picture.

    python voices.py BANK.npz
    python heldout.py OUT_FOLDER --bank BANK.npz [--items 50] [--seed 20261124]

OUT_FOLDER/manifest.json:
{"items": [{"id", "task", "kind", "chance", "media": [{"type", "path"}], "turns": [{"question", "answers"}]}]}.
A media entry is in the words of a chat message; a video with `"sound": true` is read with its sound. The answer counts
when, in lower case and without its full stop, it is one of `answers`. Several turns: each question is asked after the
model's own answers, and all must be right."""
import argparse
import json
import os
import random
import subprocess

from PIL import Image

from bounds import BOUND, TASKS, USUAL
from data import RATES
from features import sampled
from media import pixels, raw_video, write_wav
from questions import NUMBERS
from scenes import Grounds, Voices
from tasks import Tasks

PICTURE_SIZES = (  # width, height
    (224, 224), (320, 240), (400, 300), (480, 270), (256, 192), (300, 300), (240, 320), (360, 240), (200, 150),
)
CLIP_SIZES = ((160, 160), (192, 144), (240, 180), (256, 144), (224, 168), (160, 120), (192, 192))
ANOTHER_SYNTHESIZER = "digit, a synthesizer never trained on"
# which kind of sample is made for a task; None: any
PRINT_OF = {"read": "word", "read new": "new", "read number": "number"}
CLIP_OF = {
    "direction": "moves", "speed": "moves", "moving shape": "moves", "event": "event", "when appear": "event",
    "when disappear": "event", "first color": "changes", "last color": "changes", "color after": "changes",
    "first shape": "order", "second shape": "order", "last shape": "order", "blinks": "blinking",
    "act": None, "shape": None, "color": None,
}
JOINT_OF = {
    "word while": "segments", "color when": "segments", "shape when": "segments", "before or after": "before",
    "moving when": "moving", "often while": "often",
}


def answers(answer: str, count=False) -> list[str]:
    """The ways to say it: numbers also as digits. count: whether it says how many."""
    forms, words = {answer}, answer.split()
    if all(word in NUMBERS for word in words):
        digits = [str(NUMBERS.index(word)) for word in words]
        forms |= {" ".join(digits), "".join(digits), ", ".join(words)}
    if answer == "zero" and count:
        forms.add("none")
    return sorted(form.lower() for form in forms)


class Writer:
    """Writes files, and keeps the manifest's items: so many of each task.

    rng decides about files; tasks.g about what is in them."""

    def __init__(self, folder: str, bank: Voices, seed: int, items: int):
        os.makedirs(f"{folder}/media", exist_ok=True)
        self.folder, self.items = folder, items
        self.out, self.have, self.files = [], {}, 0
        self.rng = random.Random(seed)
        self.tasks = Tasks(seed, 1, bank, Grounds(seed + 1, 60, (400, 500)))

    # ---- files: each returns its path

    def _path(self, kind):
        self.files += 1
        return f"{self.folder}/media/{kind}-{self.files:04d}"

    def picture(self, scene) -> str:
        image = Image.fromarray(pixels(scene))
        path = self._path("picture")
        if self.rng.random() < .2:
            path += ".png"
            image.save(path, optimize=True)
        else:
            path += ".jpg"
            image.save(path, quality=self.rng.randint(70, 92))
        return path

    def sound(self, track) -> str:
        path = self._path("sound")
        write_wav(track, path + ".wav")
        if self.rng.random() < .2:
            return path + ".wav"
        rate = self.rng.choice(["40k", "64k", "96k"])
        coded = ["-c:a", "libmp3lame", "-b:a", rate, "-bitexact", path + ".mp3"]
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", path + ".wav", *coded], check=True)
        os.remove(path + ".wav")
        return path + ".mp3"

    def film(self, scene, frames: int, rate: float, track=None) -> str:
        path = self._path("joint" if track else "clip") + ".mp4"
        options, raw = raw_video(scene, frames, rate)
        command = ["ffmpeg", "-v", "error", "-y", "-threads", "1", *options]
        if track:
            write_wav(track, path + ".wav")
            command += ["-i", path + ".wav", "-c:a", "aac", "-b:a", "96k"]
        quality = str(self.rng.randint(18, 26))
        command += ["-c:v", "libx264", "-preset", "veryfast", "-crf", quality, "-pix_fmt", "yuv420p"]
        subprocess.run(command + ["-threads", "1", "-bitexact", path], input=raw, check=True)
        if track:
            os.remove(path + ".wav")
        return path

    # ---- items

    def wants(self, kind: str) -> list[str]:
        """Tasks of which there are not enough."""
        return [task for task in TASKS[kind] if self.have.get((kind, task), 0) < self.items]

    def add(self, kind: str, questions: list, write_files, sound=False):
        """Keeps one question of each task that still wants items.

        write_files: a function that writes the media and returns their paths, called when they are wanted. sound:
        whether a clip is read with its sound."""
        wanted, new = self.wants(kind), {}
        self.rng.shuffle(questions)
        for task, question, answer in questions:
            if task in wanted and task not in new:
                new[task] = (question, answer)
        if not new:
            return
        media = [self.entry(kind, path, sound) for path in write_files()]
        for task, turn in new.items():
            self.keep(kind, task, TASKS[kind][task], media, [turn])

    def entry(self, kind: str, path: str, sound=False) -> dict:
        """A file in the words of a chat message."""
        media_type = "image" if kind.startswith("picture") else "audio" if kind == "sound" else "video"
        entry = dict(type=media_type, path=os.path.relpath(path, self.folder))
        return dict(entry, sound=True) if sound else entry

    def keep(self, kind: str, task: str, chance: float, media: list[dict], turns: list):
        """turns: [(question, answer)]"""
        n = self.have[kind, task] = self.have.get((kind, task), 0) + 1
        name = task.replace(" ", "-").replace(",", "")
        item = dict(id=f"{kind}-{name}-{n}", kind=kind, task=task, chance=round(chance, 3))
        if task != ANOTHER_SYNTHESIZER:
            item["bound"] = BOUND.get((kind, task), USUAL)
        item["media"] = media
        item["turns"] = [
            dict(question=question, answers=answers(answer, "count" in task or "often" in task))
            for question, answer in turns
        ]
        self.out.append(item)

    # ---- what to make

    def size(self, sizes) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.rng.choice(sizes)[::-1]

    def timing(self, choices):
        """Of a clip of about so many seconds: those, frames, frames a second, seconds between frames looked at."""
        seconds = self.rng.choice(choices)
        rate = self.rng.choice(RATES)
        n = int(round(seconds * rate))
        picked, _ = sampled(n, rate)
        return seconds, n, rate, (picked[-1] - picked[0]) / rate / (len(picked) - 1)


def write(folder: str, bank: Voices, seed: int, items: int):
    """The whole set. bank: of voices.py."""
    writer = Writer(folder, bank, seed, items)
    _pictures(writer)
    _sounds(writer)
    _clips(writer)
    _two_turns(writer)
    _joint(writer)
    if len(bank.index[0, 2]):
        _another_synthesizer(writer, Tasks(seed + 2, 2, bank, writer.tasks.grounds))
    with open(f"{folder}/manifest.json", "w") as file:
        json.dump(dict(seed=seed, items=writer.out), file, indent=1, ensure_ascii=False)
    print(f"{len(writer.out)} items of {len(writer.have)} tasks, {writer.files} files")


def _pictures(writer):
    while wanted := writer.wants("picture"):
        h, w = writer.size(PICTURE_SIZES)
        to_read = [task for task in wanted if task in PRINT_OF]
        if to_read:
            scene, asked = writer.tasks.printed(h, w, PRINT_OF[to_read[0]])
        else:
            scene, asked = writer.tasks.picture(h, w)
        writer.add("picture", asked, lambda: [writer.picture(scene)])
    while writer.wants("pictures"):
        scenes, asked = writer.tasks.two_pictures([writer.size(PICTURE_SIZES) for _ in range(2)])
        writer.add("pictures", asked, lambda: [writer.picture(scene) for scene in scenes])


def _sounds(writer):
    while wanted := writer.wants("sound"):
        seconds = writer.rng.choice((1.5, 2, 2.5, 3, 4, 5))
        kind = None if writer.rng.random() < .5 else "digit"
        if wanted == ["digits"]:
            kind, seconds = "digits", max(seconds, 2.5)
        track, asked = writer.tasks.sound(seconds, None, kind)
        writer.add("sound", asked, lambda: [writer.sound(track)])


def _clips(writer):
    while wanted := writer.wants("clip"):
        seconds, n, rate, step = writer.timing((2, 3, 4, 4, 5, 6, 8))
        h, w = writer.size(CLIP_SIZES)
        kind = CLIP_OF[wanted[0]]
        if kind == "blinking" and seconds < 3:
            continue
        scene, asked = writer.tasks.clip(h, w, n / rate, step, kind)
        writer.add("clip", asked, lambda: [writer.film(scene, n, rate)])


def _two_turns(writer):
    """Two questions about one clip, one after the other."""
    made = 0
    while made < writer.items:
        _, n, rate, step = writer.timing((3, 4, 5, 6))
        h, w = writer.size(CLIP_SIZES)
        kind = writer.rng.choice(["moves", "event", "changes", "order"])
        scene, asked = writer.tasks.clip(h, w, n / rate, step, kind)
        turns = {}
        for task, question, answer in asked:
            turns.setdefault(task, (question, answer))
        if len(turns) < 2:
            continue
        media = [writer.entry("clip", writer.film(scene, n, rate))]
        writer.keep("clip", "two turns", 1 / 16, media, list(turns.values())[:2])
        made += 1


def _joint(writer):
    while wanted := writer.wants("joint"):
        task = wanted[0]
        _, n, rate, step = writer.timing((4, 4, 5, 6) if task != "often while" else (5, 6, 8))
        h, w = writer.size(CLIP_SIZES)
        scene, track, asked = writer.tasks.joint(h, w, n / rate, step, None, JOINT_OF[task])
        writer.add("joint", asked, lambda: [writer.film(scene, n, rate, track)], sound=True)


def _another_synthesizer(writer, tasks):
    for _ in range(writer.items):
        track, asked = tasks.sound(2., None, "digit")
        turn = next((question, answer) for task, question, answer in asked if task == "digit")
        media = [writer.entry("sound", writer.sound(track))]
        writer.keep("sound", ANOTHER_SYNTHESIZER, 1 / 10, media, [turn])


def main():
    p = argparse.ArgumentParser()
    p.add_argument("out")
    p.add_argument("--bank", required=True)
    p.add_argument("--items", type=int, default=50)
    p.add_argument("--seed", type=int, default=20261124)
    options = p.parse_args()
    write(options.out, Voices(options.bank), options.seed, options.items)


if __name__ == "__main__":
    main()
