"""Accuracy of a training file or a checkpoint on held-out samples that stay in memory: the same voices, wordings, styles and grounds as the
held-out files, without a codec between; quick, so many samples. Then the joint tasks again with something taken away or out of time.
    python score.py BANK.npz [--checkpoint checkpoint] [--batches 12]"""
import argparse, os
import torch
from safetensors.torch import load_file
from data import Data
from bounds import TASKS
from model import Thinker
from prompt import Words
from scenes import Voices
from curves import evaluate

HERE = os.path.dirname(os.path.abspath(__file__))

def merge(tables):
    out = {}
    for t in tables:
        for k, (c, n) in t.items(): a = out.setdefault(k, [0, 0]); a[0] += c; a[1] += n
    return out
def times(pos, vision, audio):
    """Vision rows exchange their times, step for step; the order of rows stays."""
    g = torch.Generator().manual_seed(0); t = pos[0, 0, vision]; u = t.unique(); pos[0][:, vision] = u[torch.randperm(len(u), generator=g)][torch.searchsorted(u, t)]; return pos
def sound(pos, vision, audio):
    g = torch.Generator().manual_seed(0); pos[:, :, audio] = pos[:, :, audio[torch.randperm(len(audio), generator=g)]]; return pos
def flat(pos, vision, audio):
    """Plain positions: every row of the prompt at its own place, all axes alike."""
    n = int((pos[0, 0] == pos[0, 0]).sum()); start = max(int(vision.max()), int(audio.max())) + 3; return torch.cat([torch.arange(start).expand(3, pos.shape[1], -1), pos[:, :, start:] - pos[:, :, start:].amin() + start], 2)

if __name__ == "__main__":
    p = argparse.ArgumentParser(); p.add_argument("bank"); p.add_argument("--checkpoint", default=f"{HERE}/checkpoint"); p.add_argument("--batches", type=int, default=12); p.add_argument("--size", type=int, default=24); a = p.parse_args(); torch.set_num_threads(1)
    model = Thinker(); model.load_state_dict({k.removeprefix("thinker."): v.float() for k, v in load_file(f"{a.checkpoint}/model.safetensors").items()}); words = Words(f"{a.checkpoint}/tokenizer.json"); bank = Voices(a.bank)
    print("| task | n | right | chance |\n|---|---|---|---|", flush=True); joint = []
    for kind in ("picture", "pictures", "sound", "clip", "joint"):
        d = Data(4321, 1, bank, words); test = [d.batch(kind, a.size) for _ in range(a.batches * (2 if kind == "joint" else 1))]; got = evaluate(model, test); joint = test
        for k, (c, n) in sorted(got.items()):
            task = k.split(".", 1)[1]; chance = TASKS[kind].get(task)
            if kind != "joint" or chance: print(f"| {kind}: {task} | {n} | {c / n:.2f} | {'' if chance is None else f'{chance:.2f}'} |", flush=True)
    tasks = list(TASKS["joint"]); row = lambda got: " | ".join(f"{got[f'j.{t}'][0] / max(1, got[f'j.{t}'][1]):.2f}" for t in tasks)
    print("\n| joint tasks | " + " | ".join(tasks) + " |\n|---" * 1 + "|---" * len(tasks) + "|"); print(f"| as trained | {row(evaluate(model, joint))} |", flush=True)
    def other(name): return [dict(b, **{name: b[name].roll(1, 0)}) for b in joint]
    for name, test, positions in (("sound of another clip", other("mel"), None), ("picture of another clip", other("pixels"), None), ("times of the picture shuffled", joint, times), ("positions of the sound shuffled", joint, sound), ("plain positions for every row", joint, flat)): print(f"| {name} | {row(evaluate(model, test, positions))} |", flush=True)
