"""Parameters, optimizer, clock and file of one stage of the training."""
import collections
import os
import time

import torch


class Run:
    """step; seconds: of training, by its own clock; first: those before this run; seen: samples of each kind."""

    def __init__(self, options, modules: dict, groups: list[dict]):
        """options: of the command; modules: those of the file, by name; groups: of the optimizer.

        A group with `head` holds throw-away heads; `mul` is a factor of the rate."""
        self.options, self.modules = options, modules
        for module in modules.values():
            module.to(options.device)
        self.step, self.seconds, self.seen = 0, options.spent * 60, collections.Counter()
        self.first = self.seconds
        self.optimizer = torch.optim.AdamW(groups, lr=options.lr, betas=(.9, .98), fused=True)
        self.params = [p for group in groups for p in group["params"]]
        if os.path.exists(options.out):
            self._load()

    def _load(self):
        stored = torch.load(self.options.out, weights_only=False, map_location=self.options.device)
        for name, module in self.modules.items():
            module.load_state_dict(stored[name])
        self.optimizer.load_state_dict(stored["opt"])
        self.step, self.seconds, self.seen = stored["step"], stored["seconds"], stored["seen"]
        self.first = stored.get("first", 0.)
        print(f"goes on from {self.options.out} at {self.seconds / 60:.1f} min", flush=True)

    def save(self):
        stored = {name: module.state_dict() for name, module in self.modules.items()}
        stored.update(
            opt=self.optimizer.state_dict(), step=self.step, seconds=self.seconds, seen=self.seen, first=self.first
        )
        torch.save(stored, self.options.out + ".new")
        os.replace(self.options.out + ".new", self.options.out)

    @property
    def minutes(self) -> float:
        return self.seconds / 60

    def fraction(self) -> float:
        """How much of the run is over: by its own clock, or by the wall clock when --until says when it must end."""
        run = (self.seconds - self.first) / 60
        if not self.options.until:
            return run / self.options.minutes
        hour, minute = map(int, self.options.until.split(":"))
        end = time.mktime(time.localtime()[:3] + (hour, minute, 0, 0, 0, -1))
        left = (end - time.time()) / 60
        return 1 - left / (left + run)

    def done(self) -> bool:
        return self.fraction() >= 1

    def rate(self) -> float:
        """Of 1: up in the first steps, down in the last part of the run."""
        warm, heads, decay = self.options.warm, self.options.heads, self.options.decay
        over = self.fraction()
        up = min(1, (max(0, self.step - heads) + 1) / warm) if self.step >= heads else 1.
        return up * (1 if over < 1 - decay else max(.02, (1 - over) / decay))

    def update(self, loss: torch.Tensor, second=None):
        """One step. second: a Second, whose gradients are added."""
        rate = self.options.lr * self.rate()
        for group in self.optimizer.param_groups:
            learns = self.step >= self.options.heads or group.get("head")
            group["lr"] = rate * group.get("mul", 1) if learns else 0.  # AdamW's averages settle meanwhile
        loss.backward()
        if second:
            second.add(self.seen)
        torch.nn.utils.clip_grad_norm_(self.params, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
