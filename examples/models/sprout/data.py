"""Batches for the twin, equal to what Qwen2_5OmniProcessor makes of the same media: sizes, normalization, log-mel, layout and positions.
Also `python data.py show OUT.png` draws a sheet to look at."""
import math, sys
import numpy as np
import torch
from transformers.audio_utils import mel_filter_bank
from lexicon import LETTERS
from scenes import SR, Grounds, Voices, wear
from tasks import BEEP, SCREEN_NOTHING, SOUND_CLASSES, Tasks
from tokenizer import SPECIALS

IMAGE_PIXELS, VIDEO_PIXELS = (7056, 12544), (4704, 9408)
MEAN, STD = torch.tensor([0.48145466, 0.4578275, 0.40821073]), torch.tensor([0.26862954, 0.26130258, 0.27577711])
# cells (28 pixels) high and wide that those bounds allow, and how often each is drawn
PICTURE_GRIDS = {(4, 4): 6, (3, 4): 5, (4, 3): 2, (3, 3): 2, (3, 5): 3, (5, 3): 1, (2, 5): .7, (2, 6): .7, (2, 7): .3}
PRINT_GRIDS = {(4, 4): 4, (3, 4): 5, (3, 3): 1, (3, 5): 3, (2, 4): 2, (2, 5): 2, (2, 6): 1.5, (2, 7): .5, (4, 3): 1}
CLIP_GRIDS = {(3, 3): 6, (3, 4): 3, (4, 3): .7, (2, 4): 4, (2, 3): 1.5, (4, 2): .5, (2, 5): .3}
RATES = (10, 12, 12.5, 15, 20, 24, 25, 30)

def sampled(frames, rate, fps=2.0):
    """Which frames are looked at (shared/golden/README.md) and the rate that makes."""
    k = int(min(min(max(frames / rate * fps, 4), frames // 2 * 2), frames) // 2 * 2)
    return torch.linspace(0, frames - 1, k).round().long().numpy(), k / frames * rate

def patches(frames):
    """uint8 [batch, steps, 2, height, width, 3] -> [batch, steps, patches, 1176], merge block by merge block."""
    x = (torch.from_numpy(frames).float() / 255 - MEAN) / STD; b, t, _, h, w, _ = x.shape; gh, gw = h // 14, w // 14
    return x.view(b, t, 2, gh // 2, 2, 14, gw // 2, 2, 14, 3).permute(0, 1, 3, 6, 4, 7, 9, 2, 5, 8).reshape(b, t, gh * gw, 1176)

MEL = torch.from_numpy(mel_filter_bank(201, 128, 0.0, 8000.0, SR, norm="slaney", mel_scale="slaney")).float()
WINDOW = torch.hann_window(400)
def log_mel(wave):
    """float32 [batch, samples] -> [batch, 128, ceil(samples / 160)], as WhisperFeatureExtractor on sound padded with silence to 30 s."""
    n = -(-wave.shape[1] // 160); wave = torch.nn.functional.pad(wave, (0, 480 + (-wave.shape[1]) % 160)); p = torch.stft(wave, 400, 160, window=WINDOW, return_complex=True).abs() ** 2
    m = (MEL.T @ p)[..., :n].clamp(min=1e-10).log10(); top = m.amax(dim=(1, 2), keepdim=True); return (torch.maximum(m, top - 8.0) + 4.0) / 4.0
def audio_rows(mel_frames): return ((mel_frames - 1) // 2 + 1 - 2) // 2 + 1

class Words:
    """The tokenizer, with what the chat template adds around a question."""
    def __init__(self, path):
        from tokenizers import Tokenizer
        self.tok = Tokenizer.from_file(path); self.id = {s: self.tok.token_to_id(s) for s in SPECIALS}; self.memo = {}; s = self.id
        self.newline = self.plain("\n"); self.user = [s["<|im_start|>"]] + self.plain("user\n"); self.end = s["<|im_end|>"]; self.reply = [s["<|im_end|>"]] + self.newline + [s["<|im_start|>"]] + self.plain("assistant\n")
    def plain(self, text):
        if text not in self.memo: self.memo[text] = self.tok.encode(text, add_special_tokens=False).ids
        return self.memo[text]
    def block(self, turns):
        """ids and labels of [(task, question, answer)]; label i is the token to say after position i. What is read is spelt, a token a letter."""
        ids, label = [], []
        for k, (task, q, a) in enumerate(turns):
            head = (self.newline + self.user if k else []) + self.plain(q) + self.reply; said = (sum(map(self.plain, a), []) if task.startswith("read") else self.plain(a)) + [self.end]
            label += [-100] * (len(head) - 1) + said + [-100]; ids += head + said
        return ids, label

def layout(parts, words):
    """The prompt up to the question. parts: ("image", h, w) | ("audio", rows) | ("video", steps, h, w, seconds a step) | ("joint", steps, h, w,
    seconds a step, rows), sizes in cells. Returns ids, slots of vision rows, slots of sound rows, positions [3, n], the next position.
    As replace_multimodal_special_tokens and get_rope_index of transformers 4.57.6 do it: 25 positions and two-second chunks."""
    s = words.id; ids, pos, vision, audio, p = [], [], [], [], 0
    def text(tokens, move=True):
        nonlocal p
        for t in tokens: ids.append(t); pos.append([p] * 3); p += move
    def see(token, start, steps, h, w, each):
        for t in steps:
            for y in range(h):
                for x in range(w): vision.append(len(ids)); ids.append(token); pos.append([start + int(np.float32(t * np.float32(each)) * np.float32(25)), start + y, start + x])
    def listen(start, rows):
        for a in rows: audio.append(len(ids)); ids.append(s["<|AUDIO|>"]); pos.append([start + a] * 3)
    text(words.user)
    for part in parts:
        if part[0] in ("image", "video"):
            text([s["<|vision_bos|>"]]); start, first = p, len(pos)
            if part[0] == "image": see(s["<|IMAGE|>"], start, [0], *part[1:3], 1)
            else: see(s["<|VIDEO|>"], start, range(part[1]), *part[2:5])
            p = max(max(q) for q in pos[first:]) + 1; text([s["<|vision_eos|>"]])
        elif part[0] == "audio": text([s["<|audio_bos|>"]]); listen(p, range(part[1])); p += part[1]; text([s["<|audio_eos|>"]])
        else:
            _, steps, h, w, each, rows = part; text([s["<|vision_bos|>"]], False); text([s["<|audio_bos|>"]]); start = p; chunk = [int(t * each * 25 // 50) for t in range(steps)]; last = len(pos)
            assert all(b - a <= 1 for a, b in zip(chunk, chunk[1:])), "a step may not skip a chunk here"
            for c in range(max(chunk[-1] + 1, -(-rows // 50))):
                mine = [t for t in range(steps) if chunk[t] == c]; 
                if mine: last = len(pos); see(s["<|VIDEO|>"], start, mine, h, w, each)
                if c * 50 < rows: last = len(pos); listen(start, range(c * 50, min(rows, c * 50 + 50)))
            p = max(max(q) for q in pos[last:]) + 1  # of the piece appended last, as upstream
            text([s["<|audio_eos|>"]], False); text([s["<|vision_eos|>"]])
    return torch.tensor(ids), torch.tensor(vision, dtype=torch.long), torch.tensor(audio, dtype=torch.long), torch.tensor(pos).T, p

class Data:
    """Endless batches. kinds: picture, print, pictures, sound, clip, joint."""
    def __init__(self, seed, split, bank, words, questions=dict(picture=4, print=2, pictures=3, sound=2, clip=4, joint=6)):
        self.words, self.questions, self.layouts = words, questions, {}
        self.tasks = Tasks(seed, split, bank, Grounds(1000 + split)); self.g = self.tasks.g

    def weighted(self, table): k = list(table); p = np.array([table[x] for x in k], float); return k[int(self.g.choice(len(k), p=p / p.sum()))]

    def timing(self, table):
        """Seconds, frame rate, times of the frames looked at, seconds a step."""
        d = self.weighted(table); d = d + self.g.uniform(-.12, .12) if self.g.random() < .5 else float(d); rate = float(self.g.choice(RATES)); n = max(4, int(round(d * rate))); picked, fps = sampled(n, rate)
        return n / rate, picked / rate, 2 / fps

    def film(self, scene, times, marks=None):
        out = []
        for i, t in enumerate(times): out.append(scene.draw(t, i, marks))
        f = wear(self.g, np.stack(out)); return f.reshape(len(times) // 2, 2, *f.shape[1:])

    def batch(self, kind, size, alone=False):
        """One layout, `size` samples. alone: short clips and many shapes, for training the encoders by themselves."""
        g = self.g; frames, waves, asked, raw = [], [], [], []; out = dict(kind=kind)
        if kind in ("picture", "pictures"):
            h, w = self.weighted(PICTURE_GRIDS)
            for _ in range(size):
                if kind == "picture": s, qs = self.tasks.picture(h * 28, w * 28, "many" if alone and g.random() < .5 else None); scenes = [s]
                else: scenes, qs = self.tasks.two_pictures([(h * 28, w * 28)] * 2)
                marks = []; f = np.stack([wear(g, s.draw(0, i, marks)[None])[0] for i, s in enumerate(scenes)]); frames.append(np.repeat(f[:, None], 2, 1)); asked.append(qs); raw.append(dict(marks=marks, steps=len(scenes), per=1))
            parts = [("image", h, w)] * (1 if kind == "picture" else 2)
        elif kind == "print":
            h, w = self.weighted(PRINT_GRIDS)
            for _ in range(size):
                s, qs = self.tasks.page(h * 28, w * 28) if alone and g.random() < .65 else self.tasks.printed(h * 28, w * 28, None if self.tasks.split == 0 else "number" if g.random() < .35 else "new" if g.random() < .5 else "word"); f = wear(g, s.draw(0)[None]); frames.append(np.repeat(f[:, None], 2, 1)); asked.append(qs); raw.append(dict(letters=s.letters))
            parts = [("image", h, w)]
        elif kind == "sound":
            d = self.weighted({1: 1, 1.5: 2, 2: 4, 2.5: 2, 3: 3, 4: 2, 5: 1, 6: .7, 8: .3}); n = int((d + g.uniform(-.1, .1)) * SR); 
            for _ in range(size): x, qs = self.tasks.crowd(d, n) if alone and g.random() < .6 else self.tasks.sound(d, n); waves.append(x.finish()); asked.append(qs); raw.append(dict(events=x.events))
            parts = [("audio", audio_rows(-(-n // 160)))]
        else:
            h, w = self.weighted(CLIP_GRIDS); D, times, each = self.timing({2: 1, 3: 1} if alone else {2: 1.5, 3: 3, 4: 5, 5: 2, 6: 1.2, 8: .5, 10: .15} if kind == "clip" else {3: 1.5, 4: 6, 5: 2.5, 6: 1.5, 8: .2}); step = times[1] - times[0] if len(times) > 1 else .5
            n = int(D * SR + g.uniform(-600, 1200))
            for _ in range(size):
                marks = []
                if kind == "clip": s, qs = self.tasks.clip(h * 28, w * 28, D, step); raw.append(dict(marks=marks, steps=len(times) // 2, per=2))
                else: s, x, qs = self.tasks.joint(h * 28, w * 28, D, step, n); waves.append(x.finish()); raw.append(dict(marks=marks, steps=len(times) // 2, per=2, events=x.events, screen=s.screen, form=s.form))
                frames.append(self.film(s, times, marks)); asked.append(qs)
            parts = [("video", len(times) // 2, h, w, each)] if kind == "clip" else [("joint", len(times) // 2, h, w, each, audio_rows(-(-n // 160)))]
        key = tuple(parts)
        if key not in self.layouts:
            if len(self.layouts) > 300: self.layouts.clear()
            self.layouts[key] = layout(parts, self.words)
        ids, vi, ai, pos, p = self.layouts[key]
        out.update(prefix=ids, vision_slots=vi, audio_slots=ai, parts=parts)
        if frames: out["pixels"] = patches(np.stack(frames)); out["grid"] = (h * 2, w * 2)
        if waves: out["mel"] = log_mel(torch.from_numpy(np.stack(waves)))
        self.text(out, asked, pos, p, self.questions[kind])
        self.dense(out, raw, h if frames else 0, w if frames else 0)
        return out

    def text(self, out, asked, pos, p, most):
        """Packs questions behind the media. Blocks do not see each other, and each starts at the position where a lone question would."""
        rows = []; two = self.g.random() < .15
        for qs in asked:
            ids, label, block, at, names = [], [], [], [], []; qs = qs[:most]
            groups = [qs[i:i + 2] for i in range(0, len(qs), 2)] if two else [[q] for q in qs]
            for k, turns in enumerate(groups):
                a, b = self.words.block(turns); ids += a; label += b; block += [k] * len(a); at += range(p, p + len(a)); names += [t[0] for t in turns]
            rows.append((ids, label, block, at, names))
        n = -(-max(len(r[0]) for r in rows) // 8) * 8; b = len(rows)
        text, label, block, at = np.zeros((b, n), np.int64), np.full((b, n), -100, np.int64), np.full((b, n), 99, np.int64), np.full((b, n), p, np.int64)
        for i, r in enumerate(rows):
            for table, values in zip((text, label, block, at), r): table[i, :len(values)] = values
        out.update(text=torch.from_numpy(text), label=torch.from_numpy(label), block=torch.from_numpy(block), names=[r[4] for r in rows],
            position_ids=torch.cat([pos[:, None].expand(-1, b, -1), torch.from_numpy(at)[None].expand(3, -1, -1)], 2))

    def dense(self, out, raw, h, w):
        """Targets for throw-away heads: what is in each cell of each step, what is heard and shown at each row of sound."""
        b = len(raw)
        if out["kind"] == "print":  # of each cell, the letter whose middle is in its left half, and in its right half
            label = np.zeros((b, 1, h * w, 2), np.int64)
            for i, r in enumerate(raw):
                for c, x, y in r["letters"]: x, y = min(2 * w - 1, int(x * 2 * w)), min(h - 1, int(y * h)); at = (i, 0, y * w + x // 2, x % 2); label[at] = -100 if label[at] else 1 + LETTERS.index(c)
            out["letters"] = torch.from_numpy(label); return
        if h:
            steps = raw[0]["steps"]; count = np.zeros((b, steps, h * w), np.int64); label = np.full((b, steps, h * w, 4), -100, np.int64); where = np.zeros((b, steps, h * w, 2), np.float32)
            for i, r in enumerate(raw):
                seen = {}
                for step, k, shape, color, x, y in r["marks"]: seen.setdefault((step // r["per"], k), {})[step % r["per"]] = (shape, color, x, y)
                for (step, k), v in seen.items():
                    shape, color, x, y = v.get(0) or v[1]; cell = min(h - 1, int(y * h)) * w + min(w - 1, int(x * w)); count[i, step, cell] += 1; moving, state = 0, 0
                    if r["per"] == 2:
                        if 0 in v and 1 in v:
                            dx, dy = (v[1][2] - x) * w * 28, (v[1][3] - y) * h * 28
                            if max(abs(dx), abs(dy)) > .7: moving = (1 if dx < 0 else 2) if abs(dx) > abs(dy) else (3 if dy < 0 else 4)
                            if v[1][1] != color: state = 3
                        else: state = 1 if 0 in v else 2
                    label[i, step, cell] = (color, shape, moving, state); where[i, step, cell] = (x * w - int(x * w), y * h - int(y * h))
            label[count > 1] = -100; out["cells"] = (torch.from_numpy(np.minimum(count, 2)), torch.from_numpy(label), torch.from_numpy(where))
        if "mel" in out:
            rows = len(out["audio_slots"]); heard = np.zeros((b, rows), np.int64); shown = np.full((b, rows), -100, np.int64); form = shown.copy()
            for i, r in enumerate(raw):
                for a, e, k in r["events"]: a = int(round(a * 25)); heard[i, a:max(a + 1, int(round(e * 25)))] = k
                for table, what in ((shown, "screen"), (form, "form")):
                    if r.get(what): table[i] = [r[what]((t + .5) * .04) for t in range(rows)]
            out.update(heard=torch.from_numpy(heard), shown=torch.from_numpy(shown), form=torch.from_numpy(form))

if __name__ == "__main__":
    import time
    from PIL import Image
    bank = Voices(sys.argv[1]); words = Words("checkpoint/tokenizer.json"); rows = []
    for kind, n in (("picture", 64), ("pictures", 32), ("sound", 64), ("clip", 32), ("joint", 32)):
        d = Data(3, 0, bank, words); t = time.time(); b = d.batch(kind, n, True); t = time.time() - t
        print(kind, "%.1f ms a sample" % (t / n * 1e3), b["parts"], tuple(b["text"].shape), [words.tok.decode(x[x > 0].tolist(), skip_special_tokens=False) for x in b["text"][:2]])
    if len(sys.argv) > 2:
        d = Data(5, int(sys.argv[3]) if len(sys.argv) > 3 else 0, bank, words); sheet = Image.new("RGB", (1200, 1500)); y = 0
        for r in range(5):
            x = 0
            for _ in range(10): s, q = d.tasks.picture(112, 112); sheet.paste(Image.fromarray(wear(d.g, s.draw(0)[None])[0]), (x, y)); x += 116
            y += 116
        for kind in ("moves", "event", "changes", "order", "blinking"):
            s, q = d.tasks.clip(84, 112, 5., .53, kind); print(kind, q)
            for i in range(10): sheet.paste(Image.fromarray(wear(d.g, s.draw(i * .53)[None])[0]), (i * 116, y))
            y += 88
        for kind in ("segments", "before", "moving", "moving", "often"):
            s, x, q = d.tasks.joint(84, 112, 5., .53, None, kind); print(kind, q, x.events)
            for i in range(10): sheet.paste(Image.fromarray(wear(d.g, s.draw(i * .53)[None])[0]), (i * 116, y))
            y += 88
        sheet.save(sys.argv[2])
