"""The other processes: one makes batches ahead of the trainer, one adds gradients of its own batches.

A plan is {kind: (weight, samples a batch)}; a kind may have a second word, see Data.raw."""
import collections
import random
import time
from queue import Full

import torch
import torch.multiprocessing as mp

from data import Data
from losses import batch_losses
from machine import HALF, Others, half, settle, wait
from prompt import Words
from scenes import Voices

# for the encoders alone, where a plan has nothing of the kind
ALONE = {
    "picture alone": (1., 48), "print alone": (3., 48), "clip alone": (.5, 16), "sound alone": (.8, 32),
}


def data_of(seed: int, split: int, bank: str, plain=False) -> Data:
    return Data(seed, split, Voices(bank), Words(), plain=plain)


def made(make, name: str, size: int) -> dict:
    """A batch by `make`, a method of Data, of a plan's kind; b["alone"]: whether it is for an encoder alone."""
    kind, _, of = name.partition(" ")
    return dict(make(kind, size, of), alone=of == "alone")


def drawn(make, rng: random.Random, plan: dict) -> dict:
    """The same, of each kind as often as its weight says."""
    name = rng.choices(list(plan), [weight for weight, _ in plan.values()])[0]
    return made(make, name, plan[name][1])


def batches(seed: int, bank: str, plan: dict, ahead=4, times=2, plain=False):
    """Every batch comes `times` times, some batches apart: drawing costs a third of a training step.

    ahead: how many batches are made ahead."""
    mp.set_sharing_strategy("file_system")
    context = mp.get_context("spawn")
    queue = context.Queue(ahead)
    process = context.Process(target=maker, args=(queue, seed, bank, plan, False, plain), daemon=True)
    process.start()
    again = collections.deque()
    try:
        while True:
            if not process.is_alive() and queue.empty():
                raise RuntimeError("the process that makes data has ended")
            b = queue.get(timeout=600)
            b["pass"] = 1
            yield b
            again.append(b)
            for _ in range(times - 1):
                if len(again) > 16:
                    b = again.popleft()
                    b["pass"] += 1
                    yield b
                    if b["pass"] < times:
                        again.append(b)
    finally:
        process.kill()


def maker(queue, seed, bank, plan, raw, plain):
    """A process that makes batches ahead of the trainer, until that is gone. raw: without features."""
    torch.set_num_threads(1)
    data = data_of(seed, 0, bank, plain)
    rng = random.Random(seed)
    while True:
        wait()
        b = drawn(data.raw if raw else data.batch, rng, plan)
        if HALF:
            b.update({name: b[name].to(torch.bfloat16) for name in ("pixels", "mel") if name in b})
        if not _put(queue, b):
            return


def _put(queue, b):
    """Whether there is still a trainer to take it."""
    while True:
        try:
            queue.put(b, timeout=5)
            return True
        except Full:
            if mp.parent_process() is None or not mp.parent_process().is_alive():
                return False


class Second:
    """Gradients of a second process, on weights that both share."""

    def __init__(self, model, heads, bank: str, align: float, plain: bool):
        self.model, self.heads, self.bank, self.align, self.plain = model, heads, bank, align, plain
        self.params = list(model.parameters()) + list(heads.parameters())
        self.grads = [torch.zeros_like(p).share_memory_() for p in self.params]
        self.context = mp.get_context("spawn")
        self.ready, self.told = self.context.Value("i", 0), self.context.Queue()
        self.process = None

    def start(self, seed: int, plan: dict):
        """Starts the process, in place of the one that runs."""
        if self.process:
            self.process.kill()
            self.process.join()
            self.ready.value = 0
        self.model.forget()
        own = (self.bank, plan, self.align, self.plain)
        args = (self.model, self.heads, self.grads, self.ready, self.told, seed, *own)
        self.process = self.context.Process(target=second, args=args, daemon=True)
        self.process.start()

    def add(self, seen: collections.Counter):
        """Takes the mean of the trainer's gradients and the second's, if those are ready; counts its samples."""
        if not self.ready.value:
            return
        for p, grad in zip(self.params, self.grads):
            p.grad = grad * .5 if p.grad is None else p.grad.add_(grad).mul_(.5)
        for kind, n in self.told.get():
            seen[kind] += n
            seen["by the second process"] += n
        self.ready.value = 0


def second(model, heads, grads, ready, told, seed, bank, plan, align, plain):
    """A second process that adds gradients of its own batches.

    They are computed on the shared weights as it finds them (a step or two old), and only while nobody else needs its
    core. ready: 1 while `grads` wait to be fetched; told: what they were made of, [(kind, samples)]."""
    settle(1)
    data = data_of(seed, 0, bank, plain)
    rng = random.Random(seed)
    params = list(model.parameters()) + list(heads.parameters())
    others = Others()
    made = []
    while mp.parent_process().is_alive():
        wait()
        if others() > 1.2:
            time.sleep(2)
            continue
        kind, size, total = _own_loss(model, heads, data, rng, plan, align)
        total.backward()
        made.append((kind, size))
        if ready.value:
            continue  # not fetched yet: another batch joins this one's
        for p, grad in zip(params, grads):
            if p.grad is None:
                grad.zero_()
            else:
                torch.div(p.grad, len(made), out=grad)
            p.grad = None
        told.put(made)
        made = []
        ready.value = 1


def _own_loss(model, heads, data, rng, plan, align):
    """(kind, samples, loss) of a batch of the second process."""
    alone = {name: of for name, of in plan.items() if name.endswith(" alone")} or ALONE
    # one encoder alone: what it learns last (letters, shapes, words) costs a third of a whole batch this way
    b = drawn(data.batch, rng, alone if rng.random() < .85 else plan)
    with half():
        _, total, _ = batch_losses(model, heads, b, align)
    return b["kind"], len(b["names"]), total
