"""Accuracy on the held-out files by the published implementation, task by task. With --ablate, the joint tasks again with something taken away.
    python evaluate.py HELDOUT_FOLDER [--checkpoint checkpoint] [--items N] [--json OUT.json] [--ablate]"""
import argparse, collections, json, logging, os
import numpy as np, torch
from export import load
from reference import prepare, say
logging.disable(logging.WARNING); torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))

def right(answer, wanted): return answer.strip().rstrip(".").lower() in wanted

def run(model, processor, folder, item, change=None, positions=None):
    """Asks every turn after the model's own answers. Returns its answers."""
    sound = any(m.get("sound") for m in item["media"]); content = [{k: v for k, v in m.items() if k != "sound"} for m in item["media"]]; messages, said = [], []
    for i, turn in enumerate(item["turns"]):
        messages.append(dict(role="user", content=(content if i == 0 else []) + [dict(type="text", text=turn["question"])]))
        _, inputs = prepare(processor, messages, folder, sound, change); said.append(say(model, processor, inputs, sound)); messages.append(dict(role="assistant", content=said[-1]))
    return said

def silent(images, videos, audios): audios[:] = [np.zeros_like(a) for a in audios]
def gray(images, videos, audios): videos[:] = [torch.full_like(v, 128) for v in videos]

def shuffled(model, which):
    """Positions with the time axis of vision rows (or of sound rows, all axes) shuffled among themselves; the order of rows stays."""
    plain = type(model).get_rope_index
    def index(self, ids, *a, **k):
        pos, delta = plain(self, ids, *a, **k); g = torch.Generator().manual_seed(0)
        if which in ("video", "both"): i = (ids[0] == self.config.video_token_id).nonzero().flatten(); t = pos[0, 0, i]; u = t.unique(); p = u[torch.randperm(len(u), generator=g)]; pos[0, 0, i] = p[torch.searchsorted(u, t)]
        if which in ("sound", "both"): i = (ids[0] == self.config.audio_token_id).nonzero().flatten(); pos[:, 0, i] = pos[:, 0, i[torch.randperm(len(i), generator=g)]]
        return pos, delta
    model.get_rope_index = index.__get__(model)

if __name__ == "__main__":
    p = argparse.ArgumentParser(); p.add_argument("folder"); p.add_argument("--checkpoint", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "checkpoint")); p.add_argument("--items", type=int, default=10 ** 9); p.add_argument("--json"); p.add_argument("--ablate", action="store_true"); a = p.parse_args()
    model, processor = load(a.checkpoint); items = json.load(open(f"{a.folder}/manifest.json"))["items"]; per = collections.Counter(); got = collections.defaultdict(list); answers = {}
    for item in items:
        key = item["kind"], item["task"]; per[key] += 1
        if per[key] > a.items or (a.ablate and item["kind"] != "joint"): continue
        said = run(model, processor, a.folder, item); ok = all(right(s, t["answers"]) for s, t in zip(said, item["turns"])); got[key].append((ok, item["chance"], item.get("bound"))); answers[item["id"]] = dict(said=said, right=ok)
    table = {}
    print("| task | n | right | chance | bound |\n|---|---|---|---|---|")
    for (kind, task), v in got.items(): acc = sum(o for o, _, _ in v) / len(v); table[f"{kind}: {task}"] = acc; print(f"| {kind}: {task} | {len(v)} | {acc:.0%} | {v[0][1]:.0%} | {'' if v[0][2] is None else f'{v[0][2]:.0%}'} |", flush=True)
    if a.ablate:
        joint = [i for i in items if i["kind"] == "joint"]; tasks = list(dict.fromkeys(i["task"] for i in joint)); print("| | " + " | ".join(tasks) + " |\n|---|" + "---|" * len(tasks)); print("| as trained | " + " | ".join(f"{table[f'joint: {t}']:.0%}" for t in tasks) + " |")
        for name, change, which in (("sound silent", silent, None), ("picture gray", gray, None), ("times of the picture shuffled", None, "video"), ("times of the sound shuffled", None, "sound"), ("both shuffled", None, "both")):
            if which: shuffled(model, which)
            row = [[right(run(model, processor, a.folder, i, change)[0], i["turns"][0]["answers"]) for i in joint if i["task"] == t][:a.items] for t in tasks]
            if which: del model.get_rope_index
            table.update({f"{name}: {t}": sum(r) / len(r) for t, r in zip(tasks, row)}); print(f"| {name} | " + " | ".join(f"{sum(r) / len(r):.0%}" for r in row) + " |", flush=True)
    if a.json: json.dump(dict(accuracy=table, answers=answers), open(a.json, "w"), indent=1)
