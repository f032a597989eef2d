"""What the throw-away heads are asked: what each cell shows, and what is heard and shown at each row of sound."""
from dataclasses import dataclass, field

import numpy as np
import torch

from lexicon import LETTERS
from prompt import NOT_ASKED
from tasks import MOST_SAID

ROWS_A_SECOND = 25  # of sound


@dataclass
class Sample:
    """One sample of a batch, before it is features and tokens."""

    questions: list  # [(task, question, answer)]
    frames: np.ndarray | None = None  # uint8 [steps, 2, h, w, 3]
    wave: np.ndarray | None = None  # float32 samples
    steps: int = 1
    per: int = 1  # frames of a step that differ: a picture's are one and the same
    marks: list = field(default_factory=list)  # see Scene.draw
    letters: list = field(default_factory=list)  # see Scene
    events: list = field(default_factory=list)  # see Track
    screen: object = None  # see Scene
    form: object = None
    since: float | None = None  # see Scene


def letters(samples: list[Sample], h: int, w: int) -> torch.Tensor:
    """[batch, 1, cells, 2]: the letter whose middle is in a cell's left half, and in its right half.

    0 is none, NOT_ASKED more than one."""
    label = np.zeros((len(samples), 1, h * w, 2), np.int64)
    for i, sample in enumerate(samples):
        for letter, left, right, top, bottom in sample.letters:
            half, row = min(2 * w - 1, int((left + right) * w)), min(h - 1, int((top + bottom) / 2 * h))
            at = (i, 0, row * w + half // 2, half % 2)
            label[at] = NOT_ASKED if label[at] else 1 + LETTERS.index(letter)
    return torch.from_numpy(label)


def covers(samples: list[Sample], h: int, w: int) -> torch.Tensor:
    """[batch, 1, cells, 4]: the letter over the middle of each quarter of a cell, left to right, top to bottom.

    0 is none. Says more than `letters` about large print, and nothing about where a letter ends."""
    y, x = (np.arange(2 * h) + .5) / (2 * h), (np.arange(2 * w) + .5) / (2 * w)
    label = np.zeros((len(samples), 2 * h, 2 * w), np.int64)
    for i, sample in enumerate(samples):
        for letter, left, right, top, bottom in sample.letters:
            label[i][np.ix_((y >= top) & (y < bottom), (x >= left) & (x < right))] = 1 + LETTERS.index(letter)
    quarters = label.reshape(-1, h, 2, w, 2).transpose(0, 1, 3, 2, 4)
    return torch.from_numpy(quarters.reshape(len(samples), 1, h * w, 4))


def cells(samples: list[Sample], h: int, w: int):
    """How many things have their middle in a cell (2: or more), what the one there is, and where in the cell.

    [batch, steps, cells] | [.., 4]: colour, shape, moving, state; NOT_ASKED where there is not exactly one |
    [.., 2]: x, y in 0..1."""
    shape = (len(samples), samples[0].steps, h * w)
    count = np.zeros(shape, np.int64)
    label = np.full((*shape, 4), NOT_ASKED, np.int64)
    where = np.zeros((*shape, 2), np.float32)
    for i, sample in enumerate(samples):
        for (step, _), seen in _things(sample).items():
            form, color, x, y = seen.get(0) or seen[1]
            cell = min(h - 1, int(y * h)) * w + min(w - 1, int(x * w))
            count[i, step, cell] += 1
            moving, state = _change(seen, h, w) if sample.per == 2 else (0, 0)
            label[i, step, cell] = (color, form, moving, state)
            where[i, step, cell] = (x * w - int(x * w), y * h - int(y * h))
    label[count > 1] = NOT_ASKED
    return torch.from_numpy(np.minimum(count, 2)), torch.from_numpy(label), torch.from_numpy(where)


def _things(sample):
    """{(step, thing): {0 or 1, the frame of the step: (shape, colour, x, y)}}"""
    things = {}
    for frame, thing, shape, color, x, y in sample.marks:
        step, half = divmod(frame, sample.per)
        things.setdefault((step, thing), {})[half] = (shape, color, x, y)
    return things


def _change(seen, h, w):
    """Between a step's two frames: how a thing moves (0 not, left, right, up, down), and its state.

    State: 0 as it was, 1 gone, 2 come, 3 of another colour."""
    if 0 not in seen or 1 not in seen:
        return 0, 1 if 0 in seen else 2
    (_, color, x, y), (_, new_color, new_x, new_y) = seen[0], seen[1]
    dx, dy = (new_x - x) * w * 28, (new_y - y) * h * 28  # in pixels
    moving = 0
    if max(abs(dx), abs(dy)) > .7:
        moving = (1 if dx < 0 else 2) if abs(dx) > abs(dy) else (3 if dy < 0 else 4)
    return moving, 0 if new_color == color else 3


def rows(samples: list[Sample], n: int):
    """At each row of sound: what is heard, what is on screen, which form, how many words were said. Four of [batch, n].

    NOT_ASKED where it is not known."""
    heard = np.zeros((len(samples), n), np.int64)
    shown = np.full((len(samples), n), NOT_ASKED, np.int64)
    form, so_far = shown.copy(), shown.copy()
    middles = [(t + .5) * .04 for t in range(n)]  # in seconds
    for i, sample in enumerate(samples):
        for start, end, kind in sample.events:
            first = int(round(start * ROWS_A_SECOND))
            heard[i, first:max(first + 1, int(round(end * ROWS_A_SECOND)))] = kind
        if sample.screen:
            shown[i] = [sample.screen(t) for t in middles]
        if sample.form:
            form[i] = [sample.form(t) for t in middles]
        if sample.since is not None:
            ends = [end for start, end, _ in sample.events if start >= sample.since]
            so_far[i] = [min(MOST_SAID, sum(end <= t for end in ends)) for t in middles]
    return tuple(torch.from_numpy(target) for target in (heard, shown, form, so_far))
