"""Accuracy of a training file or a checkpoint on held-out samples that stay in memory.

The same voices, wordings, styles and grounds as the held-out files, without a codec between; quick, so many samples.
Then the joint tasks again with something taken away or out of time.

    python score.py BANK.npz [--checkpoint checkpoint] [--batches 12] [--plain]"""
import argparse
import os

import torch

from bounds import TASKS
from curves import evaluate
from data import Data
from model import Thinker
from prompt import Words, exchanged_rows, exchanged_times
from scenes import Voices

HERE = os.path.dirname(os.path.abspath(__file__))


# ---- other positions; each takes position_ids [3, batch, n], vision slots, sound slots


def times(positions, vision, audio):
    """Vision rows exchange their times, step for step; the order of rows stays."""
    positions[0][:, vision] = exchanged_times(positions[0, 0, vision], torch.Generator().manual_seed(0))
    return positions


def sound(positions, vision, audio):
    """Sound rows exchange their positions."""
    positions[:, :, audio] = exchanged_rows(positions[:, :, audio], torch.Generator().manual_seed(0))
    return positions


def print_accuracy(model, kind: str, test: list[dict]):
    """The lines of one kind; of joint ones only the tasks that need both media."""
    for name, (right, n) in sorted(evaluate(model, test).items()):
        task = name.split(".", 1)[1]
        chance = TASKS["picture" if kind == "print" else kind].get(task)
        if kind != "joint" or chance:
            chance = "" if chance is None else f"{chance:.2f}"
            print(f"| {kind}: {task} | {n} | {right / n:.2f} | {chance} |", flush=True)


def print_ablations(model, joint: list[dict], plain: list[dict]):
    """plain: the same samples with plain positions."""
    tasks = list(TASKS["joint"])
    print("\n| joint tasks | " + " | ".join(tasks) + " |\n|---" + "|---" * len(tasks) + "|")

    def of_another(name):
        return [dict(b, **{name: b[name].roll(1, 0)}) for b in joint]

    for name, test, positions in (
        ("as trained", joint, None),
        ("sound of another clip", of_another("mel"), None),
        ("picture of another clip", of_another("pixels"), None),
        ("times of the picture shuffled", joint, times),
        ("positions of the sound shuffled", joint, sound),
        ("plain positions for every row", plain, None),
    ):
        got = evaluate(model, test, positions)
        counts = [got[f"j.{task}"] for task in tasks]
        print(f"| {name} | " + " | ".join(f"{right / max(1, n):.2f}" for right, n in counts) + " |", flush=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("bank")
    p.add_argument("--checkpoint", default=f"{HERE}/checkpoint")
    p.add_argument("--batches", type=int, default=12)
    p.add_argument("--size", type=int, default=24)
    p.add_argument("--plain", action="store_true", help="for a checkpoint that was trained so")
    options = p.parse_args()
    torch.set_num_threads(1)
    model = Thinker()
    model.load_checkpoint(options.checkpoint)
    words, bank = Words(f"{options.checkpoint}/tokenizer.json"), Voices(options.bank)
    print("| task | n | right | chance |\n|---|---|---|---|", flush=True)

    def samples(kind, plain):
        data = Data(4321, 1, bank, words, plain=plain)
        return [data.batch(kind, options.size) for _ in range(options.batches * (2 if kind == "joint" else 1))]

    for kind in ("picture", "print", "pictures", "sound", "clip", "joint"):
        test = samples(kind, options.plain)
        print_accuracy(model, kind, test)
    print_ablations(model, test, samples("joint", True))


if __name__ == "__main__":
    main()
