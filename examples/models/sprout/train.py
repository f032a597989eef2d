"""Trains sprout from nothing, on a CPU or an accelerator. Three stages, each resumable from its own file:

    python voices.py BANK.npz
    python train.py see    --bank BANK.npz --out see.pt  --minutes 8    # picture encoder alone, throw-away heads
    python train.py hear   --bank BANK.npz --out hear.pt --minutes 8    # sound encoder alone
    python train.py answer --bank BANK.npz --out answer.pt --minutes 90 --see see.pt --hear hear.pt
    python train.py export --out answer.pt --checkpoint checkpoint

`--out` that exists is gone on with. The run sleeps while the file $SENSORIUM_QUIET_LOCK (default: sensorium-quiet.lock
in the temporary folder) exists. Weights are float32; products are bfloat16 on a CPU with avx512_bf16, where that is
some three times faster. On an accelerator: `--device cuda --makers 15`, one process a core but one."""
import argparse
import collections
import os
import time

import torch

from curves import Means, evaluate, evaluate_encoder, report
from feed import feed, moved
from heads import Heads
from losses import batch_losses, encoder_losses, weighted
from machine import half, wait
from model import Thinker
from run import Run
from workers import Second, batches, data_of, made

HERE = os.path.dirname(os.path.abspath(__file__))
# of one encoder alone, kind: (weight, samples a batch)
SEE = {"picture alone": (2., 48), "clip alone": (1., 16), "print alone": (1., 48)}
HEAR = {"sound alone": (1., 40)}
PLAN = {  # the same of the whole model, by minute of the run
    0: dict(picture=(1.3, 64), pictures=(.1, 32), sound=(1., 64), clip=(1., 32), joint=(.5, 16)),
    8: dict(picture=(1.7, 48), pictures=(.1, 20), sound=(1.2, 40), clip=(.9, 20), joint=(1.5, 16)),
    65: dict(
        picture=(1.4, 48), print=(1., 48), pictures=(.5, 32), sound=(.9, 40), clip=(1., 24), joint=(1.8, 20)
    ),
    164: dict(
        picture=(1., 32), print=(.8, 32), pictures=(.15, 20), sound=(.9, 28), clip=(1., 16), joint=(2., 12)
    ),
    # after the accelerator: the sound encoder learns what files do to sound, the rest keeps what it knows
    285: {
        "picture": (.4, 32), "print": (.5, 32), "pictures": (.15, 20), "clip": (.5, 16), "joint": (1.5, 12),
        "sound": (2., 28), "sound alone": (2., 32),
    },
    # small type as a camera sees it, wordings, more voices
    325: {
        "picture": (1., 32), "print": (1., 40), "pictures": (.1, 20), "clip": (.4, 16), "joint": (.8, 12),
        "sound": (1.5, 28), "picture alone": (.2, 48), "print alone": (.7, 48), "sound alone": (1., 32),
    },
    # how often a word is said while something blinks: an answer that neither picture nor sound alone tells
    364: {
        "picture": (.4, 32), "print": (.7, 40), "pictures": (.05, 20), "clip": (.3, 16), "joint": (.9, 12),
        "joint often": (1.6, 14), "sound": (.9, 28), "print alone": (.5, 48), "sound alone": (.9, 32),
    },
    # the same, and more of what was forgotten meanwhile: counts, what happens in a clip, the order of shapes
    387: {
        "picture": (.6, 32), "print": (.7, 40), "pictures": (.1, 20), "clip": (1., 16), "joint": (1.4, 12),
        "joint often": (.9, 14), "sound": (.8, 28), "print alone": (.5, 48), "sound alone": (.9, 32),
    },
    396: {
        "picture": (1.1, 32), "print": (.7, 40), "pictures": (.1, 20), "clip": (1.6, 16), "joint": (1.2, 12),
        "joint often": (.7, 14), "sound": (.8, 28), "picture alone": (.1, 48), "print alone": (.4, 48),
        "sound alone": (.8, 32),
    },
    # and of print
    430: {
        "picture": (1.2, 32), "print": (1.4, 40), "pictures": (.1, 20), "clip": (1.8, 16), "joint": (.7, 12),
        "joint often": (.3, 14), "sound": (.5, 28), "picture alone": (.2, 48), "print alone": (.6, 48),
        "sound alone": (.5, 32),
    },
}
FAST = {  # the same on an accelerator, all the time
    "picture": (.15, 256), "picture alone": (.04, 256), "print": (.22, 256), "print alone": (.08, 256),
    "pictures": (.05, 96), "sound": (.12, 192), "sound alone": (.04, 192), "clip": (.12, 96), "joint": (.18, 96),
    "joint often": (.06, 96),
}
# held-out batches that the curves of the whole model are made of
HELD_OUT = {"picture": 4, "print": 2, "pictures": 2, "sound": 4, "clip": 4, "joint": 4, "joint often": 2}


def encoder(options):
    """Stages "see" and "hear": one encoder and the throw-away heads."""
    torch.manual_seed(options.seed)
    model, heads = Thinker(), Heads()
    part, plan = (model.visual, SEE) if options.stage == "see" else (model.audio_tower, HEAR)
    params = list(part.parameters()) + list(heads.parameters())
    run = Run(options, dict(part=part, heads=heads), [dict(params=params, weight_decay=.01)])
    held_out = data_of(777, 1, options.bank)
    test = [made(held_out.batch, name, 48) for name in plan for _ in range(3)]
    source = batches(options.seed + 10 + run.step, options.bank, plan)
    reported, means = time.time(), Means()
    while not run.done():
        wait()
        start = time.time()
        b = next(source)
        with half():
            dense = encoder_losses(model, heads, b, options.stage)
        run.update(weighted(dense))
        run.seen[b["kind"]] += len(b["names"])
        run.seconds += time.time() - start
        for name, (loss, _) in dense.items():
            means.add(name, loss)
        if time.time() - reported > options.every:
            reported = time.time()
            got = evaluate_encoder(model, heads, test, options.stage)
            report(
                minutes=round(run.minutes, 2), step=run.step, seen=dict(run.seen), loss=means.take(),
                held_out={name: round(right / max(1, n), 3) for name, (right, n) in got.items()},
            )
            run.save()
    run.save()
    print("done", run.step, dict(run.seen), flush=True)


def answer(options):
    """Stage "answer": the whole model, with the heads' losses beside that of the answers."""
    torch.manual_seed(options.seed)
    torch.set_float32_matmul_precision("high")  # of accelerators; a CPU's products stay as they are
    model, heads = Thinker(), Heads()
    if not os.path.exists(options.out):
        _load_encoder(options.see, model.visual, heads, of_sound=False)
        _load_encoder(options.hear, model.audio_tower, heads, of_sound=True)
    if options.start:
        model.load_checkpoint(options.start)
    run = Run(options, dict(model=model, heads=heads), _groups(model, heads, options.encoders))
    held_out = data_of(888, 1, options.bank, options.plain)
    test = [moved(made(held_out.batch, kind, 24), options.device) for kind, n in HELD_OUT.items() for _ in range(n)]
    second = None
    if not options.makers and options.processes > 1:
        for p in run.params:
            p.data = p.data.clone().share_memory_()
        second = Second(model, heads, options.bank, options.align, options.plain)
    source = _planned(options, run, second)
    reported, means, spent = time.time(), Means(), collections.defaultdict(float)
    while not run.done():
        wait()
        start = time.time()
        b = next(source)
        drawn = time.time()
        with half():
            loss, total, named = batch_losses(model, heads, b, options.align)
        run.update(total, second)
        if not (options.makers or b["alone"]):
            _keep_rows(model, b)
        run.seen[b["kind"]] += len(b["names"])
        run.seen["again"] += len(b["names"]) * (b["pass"] > 1)
        run.seconds += time.time() - start
        for name, value in {**named, b["kind"]: loss}.items():
            means.add(name, value)
        spent["wait"] += drawn - start
        spent[b["kind"]] += time.time() - drawn
        if time.time() - reported > options.every:
            reported = time.time()
            seconds = {name: round(t, 1) for name, t in spent.items()}
            _report_answers(run, model, test, lr=round(options.lr * run.rate(), 6), seconds=seconds, loss=means.take())
            spent.clear()
            run.save()
    run.save()
    _report_answers(run, model, test)


def _planned(options, run, second):
    """Batches, without end, each by the plan of its minute; the second process follows the same plan."""
    plans = {0: FAST} if options.makers else PLAN
    source, phase = None, None
    while True:
        now = max(minute for minute in plans if minute <= run.minutes)
        if now != phase:
            if source:
                source.close()
            seed = options.seed + (20000 if source else 10000) + run.step
            source, phase = _source(options, seed, plans[now]), now
            if second:
                second.start(options.seed + 50000 + run.step, plans[now])
        yield next(source)


def _source(options, seed, plan):
    if options.makers:
        return feed(seed, options.bank, plan, options.device, options.makers, options.times, options.plain)
    return batches(seed, options.bank, plan, times=options.times, plain=options.plain)


def _report_answers(run, model, test, **more):
    """A line of the curves: of each task how many of its held-out questions are right, and how many there are."""
    got = evaluate(model, test)
    report(
        minutes=round(run.minutes, 2), step=run.step, seen=dict(run.seen), **more,
        held_out={task: f"{right / n:.3f} ({n})" for task, (right, n) in sorted(got.items())},
    )


def _load_encoder(path, part, heads, of_sound):
    """Takes an encoder, and the heads that were trained with it, from the file of its stage."""
    if not path:
        return
    stored = torch.load(path, weights_only=False, map_location="cpu")
    part.load_state_dict(stored["part"])
    mine = {name: p for name, p in stored["heads"].items() if name.startswith("heard") == of_sound}
    heads.load_state_dict(mine, strict=False)


def _groups(model, heads, encoders):
    """The optimizer's: matrices decay, the rest does not; `encoders` is a factor of the encoders' rate."""

    def of(matrix, encoder):
        return [
            p for name, p in model.named_parameters()
            if (p.dim() > 1) == matrix and name.startswith(("visual", "audio_tower")) == encoder
        ]

    groups = [
        dict(params=of(matrix, encoder), weight_decay=.01 if matrix else 0., mul=encoders if encoder else 1.)
        for matrix in (True, False)
        for encoder in (True, False)
    ]
    return groups + [dict(params=list(heads.parameters()), weight_decay=0., head=True)]


def _keep_rows(model, b):
    """The second time only the decoder learns, from the rows that the encoders made the first time: half the cost."""
    if "pixels" in b and "seen_rows" not in b:
        b["seen_rows"] = model.seen_rows.detach()
        del b["pixels"]
        b.pop("cells", None)
    if "mel" in b and "heard_rows" not in b:
        b["heard_rows"] = model.heard_rows.detach()
        del b["mel"]


def _weights(options) -> dict:
    """Of the file, or between those and the checkpoint's that the run went on from.

    As WiSE-FT (arXiv 2109.01903): what a short run at a high rate forgot comes back, most of what it learned stays."""
    weights = torch.load(options.out, weights_only=False, map_location="cpu")["model"]
    if not options.start or options.share == 1:
        return weights
    before = Thinker()
    before.load_checkpoint(options.start)
    return {name: options.share * weights[name] + (1 - options.share) * w for name, w in before.state_dict().items()}


def _options():
    p = argparse.ArgumentParser()
    p.add_argument("stage", choices=["see", "hear", "answer", "export"])
    p.add_argument("--bank", help="of voices.py")
    p.add_argument("--out", required=True, help="the file of this stage")
    p.add_argument("--minutes", type=float, default=8)
    p.add_argument("--until", help="HH:MM today")
    p.add_argument("--lr", type=float, default=1e-3)
    p.add_argument("--decay", type=float, default=.3, help="the part of the run in which the rate goes down")
    p.add_argument("--warm", type=int, default=60, help="steps in which the rate goes up")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--every", type=float, default=60, help="seconds between lines of the curves")
    p.add_argument("--see", help="the file of that stage")
    p.add_argument("--hear", help="the file of that stage")
    p.add_argument("--start", help="a checkpoint whose weights to go on from, with new throw-away heads")
    p.add_argument("--spent", type=float, default=0, help="minutes that those weights have had")
    p.add_argument(
        "--heads", type=int, default=0, help="steps at the beginning in which only the throw-away heads learn"
    )
    p.add_argument("--encoders", type=float, default=.4, help="a factor of the encoders' rate")
    p.add_argument("--processes", type=int, default=2, help="that train on a CPU: 1 or 2")
    p.add_argument("--device", default="cpu", help="as torch names it; an accelerator wants --makers, too")
    p.add_argument("--makers", type=int, default=0, help="processes that make data for an accelerator")
    p.add_argument("--times", type=int, default=2, help="that a batch is used, at most")
    p.add_argument("--align", type=float, default=.15, help="the weight of the throw-away heads' losses")
    p.add_argument("--plain", action="store_true", help="positions as in a model of text alone: a twin to compare with")
    p.add_argument("--share", type=float, default=1, help="of the run's weights in an export, the rest --start's")
    p.add_argument("--checkpoint", default=f"{HERE}/checkpoint", help="what export writes")
    return p.parse_args()


def main():
    options = _options()
    if options.stage == "export":
        from export import export

        export(_weights(options), options.checkpoint)
    elif options.stage == "answer":
        answer(options)
    else:
        encoder(options)


if __name__ == "__main__":
    main()
