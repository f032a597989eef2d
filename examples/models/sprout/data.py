"""Batches for the twin, equal to what Qwen2_5OmniProcessor makes of the same media.

    python data.py BANK.npz                      # how long batches take
    python data.py BANK.npz OUT.png [SPLIT]      # and a sheet to look at"""
import sys
import time

import numpy as np
import torch

from features import audio_rows, featured, mel_frames, sampled
from prompt import NOT_ASKED, Words, layout
from scenes import SR, Grounds, Voices, recorded, wear
from targets import Sample, cells, covers, letters, rows
from tasks import Tasks

CELL = 28  # pixels
# cells high and wide that the bounds on pixels allow, and how often each is drawn
PICTURE_GRIDS = {(4, 4): 6, (3, 4): 5, (4, 3): 2, (3, 3): 2, (3, 5): 3, (5, 3): 1, (2, 5): .7, (2, 6): .7, (2, 7): .3}
PRINT_GRIDS = {(4, 4): 4, (3, 4): 5, (3, 3): 1, (3, 5): 3, (2, 4): 2, (2, 5): 2, (2, 6): 1.5, (2, 7): .5, (4, 3): 1}
CLIP_GRIDS = {(3, 3): 6, (3, 4): 3, (4, 3): .7, (2, 4): 4, (2, 3): 1.5, (4, 2): .5, (2, 5): .3}
# seconds, and how often each is drawn
SOUND_SECONDS = {1: 1, 1.5: 2, 2: 4, 2.5: 2, 3: 3, 4: 2, 5: 1, 6: .7, 8: .3}
CLIP_SECONDS = {2: 1.5, 3: 3, 4: 5, 5: 2, 6: 1.2, 8: .5, 10: .15}
JOINT_SECONDS = {3: 1.5, 4: 5, 5: 3.5, 6: 2, 8: .5}
SECONDS = {"alone": {2: 1, 3: 1}, "often": {5: 5, 6: 2, 8: .3}}  # the same of what a plan names so
RATES = (10, 12, 12.5, 15, 20, 24, 25, 30)  # frames a second
QUESTIONS = dict(picture=4, print=2, pictures=3, sound=2, clip=4, joint=6)  # a sample, at most


class Data:
    """Endless batches. kinds: picture, print, pictures, sound, clip, joint."""

    def __init__(self, seed: int, split: int, bank: Voices, words: Words, questions=QUESTIONS, plain=False):
        """plain: every row at its own place on all axes, as in a model of text alone."""
        self.words, self.questions, self.plain, self.layouts = words, questions, plain, {}
        self.tasks = Tasks(seed, split, bank, Grounds(1000 + split))
        self.g = self.tasks.g

    def batch(self, kind: str, size: int, of="") -> dict:
        """One layout, `size` samples: those of `raw` with their features.

        pixels [size, steps, patches, 1176]; mel [size, 128, frames]."""
        return featured(self.raw(kind, size, of))

    def raw(self, kind: str, size: int, of="") -> dict:
        """The same before features.

        of: "alone", short clips and many shapes, for training the encoders by themselves; "often", joint samples that
        ask how often a word is said while something blinks; or nothing.

        prefix [n]: ids up to the questions; vision_slots, audio_slots: where in it rows of media go; parts: see layout.
        frames uint8 [size, steps, 2, h, w, 3], of pictures [size, steps, 1, ..], with grid (rows, columns of patches);
        wave float32 [size, samples].
        text, label, block [size, m]: see _pack; names: the tasks asked; position_ids [3, size, n + m].
        letters and covers or cells, and heard, shown, form, so_far: see targets.py."""
        make = dict(
            picture=self._pictures, pictures=self._pictures, print=self._prints,
            sound=self._sounds, clip=self._clips, joint=self._clips,
        )[kind]
        samples, parts, grid = make(kind, size, of)
        key = tuple(parts)
        if key not in self.layouts:
            if len(self.layouts) > 300:
                self.layouts.clear()
            self.layouts[key] = layout(parts, self.words)
        prefix, vision_slots, audio_slots, positions, after = self.layouts[key]
        if self.plain:
            positions, after = torch.arange(len(prefix)).expand(3, -1), len(prefix)
        out = dict(kind=kind, prefix=prefix, vision_slots=vision_slots, audio_slots=audio_slots, parts=parts)
        if grid:
            out["frames"] = torch.from_numpy(np.stack([sample.frames for sample in samples]))
            out["grid"] = (grid[0] * 2, grid[1] * 2)
        if samples[0].wave is not None:
            out["wave"] = torch.from_numpy(np.stack([sample.wave for sample in samples]))
        out.update(self._pack([sample.questions[:self.questions[kind]] for sample in samples], positions, after))
        if kind == "print":
            out.update(letters=letters(samples, *grid), covers=covers(samples, *grid))
        elif grid:
            out["cells"] = cells(samples, *grid)
        if "wave" in out:
            out["heard"], out["shown"], out["form"], out["so_far"] = rows(samples, len(audio_slots))
        return out

    # ---- samples of one layout: (samples, parts of the layout, (h, w) in cells or None)

    def _pictures(self, kind, size, of):
        h, w = self._weighted(PICTURE_GRIDS)
        pixels = (h * CELL, w * CELL)
        samples = []
        for _ in range(size):
            if kind == "picture":
                scene, asked = self.tasks.picture(*pixels, "many" if of == "alone" and self.g.random() < .5 else None)
                scenes = [scene]
            else:
                scenes, asked = self.tasks.two_pictures([pixels] * 2)
            marks = []
            shots = [wear(self.g, scene.draw(0, i, marks)[None])[0] for i, scene in enumerate(scenes)]
            samples.append(Sample(asked, np.stack(shots)[:, None], marks=marks, steps=len(scenes)))
        return samples, [("image", h, w)] * (1 if kind == "picture" else 2), (h, w)

    def _prints(self, kind, size, of):
        h, w = self._weighted(PRINT_GRIDS)
        pixels = (h * CELL, w * CELL)
        samples = []
        for _ in range(size):
            if of == "alone" and self.g.random() < .65:
                scene, asked = self.tasks.page(*pixels)
            else:
                scene, asked = self.tasks.printed(*pixels, self._what_to_read())
            shot = wear(self.g, scene.draw(0)[None])
            samples.append(Sample(asked, shot[:, None], letters=scene.letters))
        return samples, [("image", h, w)], (h, w)

    def _what_to_read(self):
        if self.tasks.split == 0:
            return None
        return "number" if self.g.random() < .35 else "new" if self.g.random() < .5 else "word"

    def _sounds(self, kind, size, of):
        seconds = self._weighted(SOUND_SECONDS)
        n = int((seconds + self.g.uniform(-.1, .1)) * SR)
        samples = []
        for _ in range(size):
            if of == "alone" and self.g.random() < .6:
                track, asked = self.tasks.crowd(seconds, n)
            else:
                track, asked = self.tasks.sound(seconds, n)
            samples.append(Sample(asked, wave=recorded(self.g, track.finish()), events=track.events))
        return samples, [("audio", audio_rows(mel_frames(n)))], None

    def _clips(self, kind, size, of):
        h, w = self._weighted(CLIP_GRIDS)
        pixels = (h * CELL, w * CELL)
        lengths = SECONDS.get(of, CLIP_SECONDS if kind == "clip" else JOINT_SECONDS)
        seconds, times, each = self._timing(lengths)
        between = times[1] - times[0] if len(times) > 1 else .5
        n = int(seconds * SR + self.g.uniform(-600, 1200))
        steps = len(times) // 2
        samples = []
        for _ in range(size):
            sample = Sample([], steps=steps, per=2)
            if kind == "clip":
                scene, sample.questions = self.tasks.clip(*pixels, seconds, between)
            else:
                scene, track, sample.questions = self.tasks.joint(*pixels, seconds, between, n, of)
                sample.wave, sample.events = recorded(self.g, track.finish()), track.events
                sample.screen, sample.form, sample.since = scene.screen, scene.form, scene.since
            sample.frames = self._film(scene, times, sample.marks)
            samples.append(sample)
        if kind == "clip":
            return samples, [("video", steps, h, w, each)], (h, w)
        return samples, [("joint", steps, h, w, each, audio_rows(mel_frames(n)))], (h, w)

    def _weighted(self, table):
        """One of a table's keys, as often as its value says."""
        keys = list(table)
        p = np.array([table[key] for key in keys], float)
        return keys[int(self.g.choice(len(keys), p=p / p.sum()))]

    def _timing(self, lengths):
        """Seconds, times of the frames that are looked at, seconds a step."""
        seconds = self._weighted(lengths)
        seconds = seconds + self.g.uniform(-.12, .12) if self.g.random() < .5 else float(seconds)
        rate = float(self.g.choice(RATES))
        n = max(4, int(round(seconds * rate)))
        picked, fps = sampled(n, rate)
        return n / rate, picked / rate, 2 / fps

    def _film(self, scene, times, marks):
        """uint8 [steps, 2, h, w, 3]"""
        frames = wear(self.g, np.stack([scene.draw(t, i, marks) for i, t in enumerate(times)]))
        return frames.reshape(len(times) // 2, 2, *frames.shape[1:])

    # ---- questions

    def _pack(self, asked, positions, after):
        """Packs questions behind the media: text, label, block, names, position_ids.

        Blocks (a question, sometimes two turns) do not see each other, and each starts at the position `after` the
        media, where a lone question would. block: its number, 99 where there is none; label: see Words.block."""
        two = self.g.random() < .15
        packed = [self._blocks(questions, 2 if two else 1, after) for questions in asked]
        n = -(-max(len(ids) for ids, *_ in packed) // 8) * 8
        text, label, block, at = (np.full((len(asked), n), empty, np.int64) for empty in (0, NOT_ASKED, 99, after))
        for i, sample in enumerate(packed):
            for table, values in zip((text, label, block, at), sample):
                table[i, :len(values)] = values
        media = positions[:, None].expand(-1, len(asked), -1)
        return dict(
            text=torch.from_numpy(text),
            label=torch.from_numpy(label),
            block=torch.from_numpy(block),
            names=[names for *_, names in packed],
            position_ids=torch.cat([media, torch.from_numpy(at)[None].expand(3, -1, -1)], 2),
        )

    def _blocks(self, questions, turns, after):
        """ids, labels, blocks, positions and tasks of one sample's questions, so many turns a block."""
        ids, label, block, at, names = [], [], [], [], []
        for k in range(0, len(questions), turns):
            group = questions[k:k + turns]
            more_ids, more_label = self.words.block(group)
            ids += more_ids
            label += more_label
            block += [k // turns] * len(more_ids)
            at += range(after, after + len(more_ids))
            names += [task for task, _, _ in group]
        return ids, label, block, at, names


def _times(bank, words):
    """Prints how long each kind takes, and two of its texts."""
    for kind, n in (("picture", 64), ("pictures", 32), ("sound", 64), ("clip", 32), ("joint", 32)):
        data = Data(3, 0, bank, words)
        start = time.time()
        batch = data.batch(kind, n, "" if kind == "joint" else "alone")
        taken = (time.time() - start) / n * 1e3
        texts = [words.tok.decode(ids[ids > 0].tolist(), skip_special_tokens=False) for ids in batch["text"][:2]]
        print(kind, f"{taken:.1f} ms a sample", batch["parts"], tuple(batch["text"].shape), texts)


def _sheet(path, bank, words, split):
    """Draws fifty pictures, and ten frames each of some clips; prints what is asked of the clips."""
    from PIL import Image

    data = Data(5, split, bank, words)
    sheet = Image.new("RGB", (1200, 1500))

    def paste(frame, column, y):
        sheet.paste(Image.fromarray(wear(data.g, frame[None])[0]), (column * 116, y))

    for row in range(5):
        for column in range(10):
            scene, _ = data.tasks.picture(112, 112)
            paste(scene.draw(0), column, row * 116)
    y = 5 * 116
    for kind in ("moves", "event", "changes", "order", "blinking", "segments", "before", "moving", "moving", "often"):
        if kind in ("segments", "before", "moving", "often"):
            scene, track, asked = data.tasks.joint(84, 112, 5., .53, None, kind)
            print(kind, asked, track.events)
        else:
            scene, asked = data.tasks.clip(84, 112, 5., .53, kind)
            print(kind, asked)
        for i in range(10):
            paste(scene.draw(i * .53), i, y)
        y += 88
    sheet.save(path)


if __name__ == "__main__":
    _bank, _words = Voices(sys.argv[1]), Words()
    _times(_bank, _words)
    if len(sys.argv) > 2:
        _sheet(sys.argv[2], _bank, _words, int(sys.argv[3]) if len(sys.argv) > 3 else 0)
