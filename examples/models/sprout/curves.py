"""What is right of held-out batches, while training goes on."""
import collections
import json

import torch

from losses import encoder_losses
from machine import half
from voices import WORDS


def report(**line):
    print(json.dumps(line), flush=True)


class Means:
    """Running means by name."""

    def __init__(self):
        self.sums = collections.defaultdict(lambda: [0., 0])

    def add(self, name: str, value: torch.Tensor):
        """value: one number; nobody waits for it here."""
        self.sums[name][0] += value.detach()
        self.sums[name][1] += 1

    def take(self) -> dict:
        """{name: mean}; then they begin anew."""
        means = {name: round(float(total) / n, 3) for name, (total, n) in self.sums.items()}
        self.sums.clear()
        return means


def _counts():
    """{what: [right, asked]}"""
    return collections.defaultdict(lambda: [0, 0])


@torch.no_grad()
def evaluate(model, batches: list[dict], positions=None) -> dict:
    """{task: [right, asked]}: every token of the answer right, given the ones before it. positions: see Thinker."""
    got = _counts()
    with half():
        for b in batches:
            logits, target, where = model(b, positions)
            right = torch.ones_like(where)
            right[where] = logits.argmax(-1) == target
            right, where = right.cpu(), where.cpu()
            medium = "pp" if b["kind"] == "pictures" else b["kind"][0]
            for i, names in enumerate(b["names"]):
                for name, (start, end) in zip(names, _answers(where[i])):
                    count = got[f"{medium}.{name}"]
                    count[0] += int(right[i, start:end].all())
                    count[1] += 1
    return got


def _answers(where):
    """Where a text's answers start and end: one answer is one run of labels."""
    before = torch.cat([torch.tensor([False]), where[:-1]])
    after = torch.cat([where[1:], torch.tensor([False])])
    starts, ends = (where & ~before).nonzero().flatten(), (where & ~after).nonzero().flatten() + 1
    return zip(starts.tolist(), ends.tolist())


@torch.no_grad()
def evaluate_encoder(model, heads, batches: list[dict], stage: str) -> dict:
    """{head: [right, asked]}, and of "hear" also which of the words each is, by all of its rows."""
    got = _counts()
    with half():
        for b in batches:
            rows = model.audio_tower(b["mel"]) if stage == "hear" else None
            for name, (_, right) in encoder_losses(model, heads, b, stage, rows).items():
                if name == "heard":
                    right = right[b["heard"].flatten() > 0]
                count = got[b["kind"][0] + "." + name]
                count[0] += int(right.sum())
                count[1] += right.numel()
            if stage == "hear":
                logits = heads["heard"](rows).float()
                for sample, heard in zip(logits, b["heard"]):
                    for word in heard.unique().tolist():
                        if 1 <= word <= len(WORDS):
                            chances = sample[heard == word][:, 1:1 + len(WORDS)].log_softmax(-1).sum(0)
                            got["word"][0] += int(chances.argmax() + 1 == word)
                            got["word"][1] += 1
    return got
