"""Batches for an accelerator: many processes make media, a thread moves them, features are computed there.

A batch is used again, a little changed, when no fresh one is ready: the accelerator never waits."""
import collections
import queue
import threading

import torch
import torch.multiprocessing as mp

from features import featured
from workers import maker

KEPT = 64  # batches to use again


def feed(seed: int, bank: str, plan: dict, device: str, makers: int, times: int, plain=False):
    """Batches on `device`, without end. makers: processes; times: that a batch is used, at most."""
    mp.set_sharing_strategy("file_system")
    context = mp.get_context("spawn")
    made, ready = context.Queue(3 * makers), queue.Queue(4)
    processes = [
        context.Process(target=maker, args=(made, seed + 1000 * i, bank, plan, True, plain), daemon=True)
        for i in range(makers)
    ]
    for process in processes:
        process.start()
    threading.Thread(target=_move, args=(made, ready, device), daemon=True).start()
    again = collections.deque(maxlen=KEPT)
    try:
        while True:
            try:
                b = ready.get_nowait()
            except queue.Empty:
                b = again.popleft() if again else _next(ready, processes)
            b["pass"] = b.get("pass", 0) + 1
            yield featured(b, _other_light, _other_room) if b["pass"] > 1 else featured(b)
            if b["pass"] < times:
                again.append(b)
    finally:
        for process in processes:
            process.kill()


def _move(made, ready, device):
    while True:
        ready.put(moved(made.get(), device))


def _next(ready, processes):
    while True:
        try:
            return ready.get(timeout=10)
        except queue.Empty:
            if not all(process.is_alive() for process in processes):
                raise RuntimeError("a process that makes data has ended") from None


def moved(b: dict, device: str) -> dict:
    """A batch with its tensors on a device."""

    def move(value):
        if isinstance(value, torch.Tensor):
            return value.to(device)
        return tuple(map(move, value)) if isinstance(value, tuple) else value

    return {name: move(value) for name, value in b.items()}


def _other_light(frames):
    """Contrast, brightness and noise, each sample its own."""
    frames = frames.float()
    gain, shift, noise = (_each(frames, low, high) for low, high in ((.85, 1.15), (-15, 15), (0, 5)))
    return ((frames - 128) * gain + 128 + shift + noise * torch.randn_like(frames)).round().clamp(0, 255)


def _other_room(wave):
    """Darker or brighter, and noise, each sample its own."""
    tilt, level = _each(wave, -.5, .5), 10 ** _each(wave, -4.5, -2.4)
    wave = torch.cat([wave[:, :1], wave[:, 1:] + tilt * wave[:, :-1]], 1)
    return (wave + level * torch.randn_like(wave)).clamp(-1, 1)


def _each(x, low, high):
    """A number for each sample, uniform."""
    return low + (high - low) * torch.rand(len(x), *[1] * (x.dim() - 1), device=x.device)
