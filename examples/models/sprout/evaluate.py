"""Accuracy on the held-out files by the published implementation, task by task.

    python evaluate.py HELDOUT_FOLDER [--checkpoint checkpoint] [--items N] [--json OUT.json] [--ablate]

With --ablate, the joint tasks alone, and again with something taken away."""
import argparse
import collections
import json
import logging
import os

import numpy as np
import torch

from export import load
from prompt import exchanged_rows, exchanged_times
from reference import prepare, say

HERE = os.path.dirname(os.path.abspath(__file__))


def right(answer: str, wanted: list[str]) -> bool:
    return answer.strip().rstrip(".").lower() in wanted


def run(model, processor, folder: str, item: dict, change=None) -> list[str]:
    """Asks every turn of an item after the model's own answers. Returns its answers. change: see prepare."""
    sound = any(medium.get("sound") for medium in item["media"])
    media = [{key: value for key, value in medium.items() if key != "sound"} for medium in item["media"]]
    messages, said = [], []
    for i, turn in enumerate(item["turns"]):
        content = (media if i == 0 else []) + [dict(type="text", text=turn["question"])]
        messages.append(dict(role="user", content=content))
        _, inputs = prepare(processor, messages, folder, sound, change)
        said.append(say(model, processor, inputs, sound))
        messages.append(dict(role="assistant", content=said[-1]))
    return said


def silent(images, videos, audios):
    audios[:] = [np.zeros_like(audio) for audio in audios]


def gray(images, videos, audios):
    videos[:] = [torch.full_like(video, 128) for video in videos]


def shuffle_positions(model, which: str):
    """Exchanges positions among rows: the times of vision rows, or all axes of sound rows. The order of rows stays.

    which: "video", "sound" or "both". `del model.get_rope_index` puts it back."""
    plain = type(model).get_rope_index

    def index(self, ids, *args, **options):
        positions, delta = plain(self, ids, *args, **options)
        g = torch.Generator().manual_seed(0)
        if which in ("video", "both"):
            rows = (ids[0] == self.config.video_token_id).nonzero().flatten()
            positions[0, 0, rows] = exchanged_times(positions[0, 0, rows], g)
        if which in ("sound", "both"):
            rows = (ids[0] == self.config.audio_token_id).nonzero().flatten()
            positions[:, 0, rows] = exchanged_rows(positions[:, 0, rows], g)
        return positions, delta

    model.get_rope_index = index.__get__(model)


ABLATIONS = (  # name, what is changed, whose positions are exchanged
    ("sound silent", silent, None),
    ("picture gray", gray, None),
    ("times of the picture shuffled", None, "video"),
    ("times of the sound shuffled", None, "sound"),
    ("both shuffled", None, "both"),
)


def by_task(model, processor, folder: str, items: list[dict], most: int):
    """Asks at most so many items a task. Returns {(kind, task): [(right, item)]} and {id: what was said}."""
    asked, got, answers = collections.Counter(), collections.defaultdict(list), {}
    for item in items:
        key = item["kind"], item["task"]
        asked[key] += 1
        if asked[key] > most:
            continue
        said = run(model, processor, folder, item)
        ok = all(right(answer, turn["answers"]) for answer, turn in zip(said, item["turns"]))
        got[key].append((ok, item))
        answers[item["id"]] = dict(said=said, right=ok)
    return got, answers


def print_accuracy(got: dict) -> dict:
    """Prints the table. Returns {"kind: task": accuracy}."""
    table = {}
    print("| task | n | right | chance | bound |\n|---|---|---|---|---|")
    for (kind, task), rows in got.items():
        name, accuracy = f"{kind}: {task}", sum(ok for ok, _ in rows) / len(rows)
        table[name] = accuracy
        chance, bound = rows[0][1]["chance"], rows[0][1].get("bound")
        bound = "" if bound is None else f"{bound:.0%}"
        print(f"| {name} | {len(rows)} | {accuracy:.0%} | {chance:.0%} | {bound} |", flush=True)
    return table


def print_ablations(model, processor, folder: str, items: list[dict], most: int, table: dict):
    """Asks the joint tasks again with something taken away; prints a table, and adds to the other."""
    tasks = list(dict.fromkeys(item["task"] for item in items))
    print("| | " + " | ".join(tasks) + " |\n|---|" + "---|" * len(tasks))
    print("| as trained | " + " | ".join(f"{table[f'joint: {task}']:.0%}" for task in tasks) + " |")
    for name, change, which in ABLATIONS:
        if which:
            shuffle_positions(model, which)
        row = []
        for task in tasks:
            some = [item for item in items if item["task"] == task][:most]
            said = [run(model, processor, folder, item, change)[0] for item in some]
            oks = [right(answer, item["turns"][0]["answers"]) for answer, item in zip(said, some)]
            table[f"{name}: {task}"] = sum(oks) / len(oks)
            row.append(f"{sum(oks) / len(oks):.0%}")
        if which:
            del model.get_rope_index
        print(f"| {name} | " + " | ".join(row) + " |", flush=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("folder")
    p.add_argument("--checkpoint", default=f"{HERE}/checkpoint")
    p.add_argument("--items", type=int, default=10 ** 9)
    p.add_argument("--json")
    p.add_argument("--ablate", action="store_true")
    options = p.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    model, processor = load(options.checkpoint)
    with open(f"{options.folder}/manifest.json") as file:
        items = json.load(file)["items"]
    if options.ablate:
        items = [item for item in items if item["kind"] == "joint"]
    got, answers = by_task(model, processor, options.folder, items, options.items)
    table = print_accuracy(got)
    if options.ablate:
        print_ablations(model, processor, options.folder, items, options.items, table)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(dict(accuracy=table, answers=answers), file, indent=1)


if __name__ == "__main__":
    main()
