"""The tokens around media and questions, and every row's position in time, height and width."""
import os

import numpy as np
import torch

from tokenizer import SPECIALS

TOKENIZER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "checkpoint", "tokenizer.json")
NOT_ASKED = -100  # the label of what has none, as cross_entropy leaves it out
CHUNK = 50  # positions in a chunk of two seconds
A_SECOND = 25  # positions


class Words:
    """The tokenizer, with what the chat template adds around a question."""

    def __init__(self, path: str = TOKENIZER):
        from tokenizers import Tokenizer

        self.tok = Tokenizer.from_file(path)
        self.id = {special: self.tok.token_to_id(special) for special in SPECIALS}
        self.memo = {}
        start, self.end = self.id["<|im_start|>"], self.id["<|im_end|>"]
        self.newline = self.plain("\n")
        self.user = [start] + self.plain("user\n")
        self.reply = [self.end] + self.newline + [start] + self.plain("assistant\n")

    def plain(self, text: str) -> list[int]:
        """A text's ids, without anything around."""
        if text not in self.memo:
            self.memo[text] = self.tok.encode(text, add_special_tokens=False).ids
        return self.memo[text]

    def block(self, turns) -> tuple[list[int], list[int]]:
        """ids and labels of [(task, question, answer)]; label i is the token to say after position i, or NOT_ASKED.

        What is read is spelt, a token a letter."""
        ids, label = [], []
        for k, (task, question, answer) in enumerate(turns):
            head = (self.newline + self.user if k else []) + self.plain(question) + self.reply
            spelt = task.startswith("read")
            said = (sum(map(self.plain, answer), []) if spelt else self.plain(answer)) + [self.end]
            ids += head + said
            label += [NOT_ASKED] * (len(head) - 1) + said + [NOT_ASKED]
        return ids, label


def layout(parts, words: Words):
    """The prompt up to the question.

    parts: ("image", h, w) | ("audio", rows) | ("video", steps, h, w, seconds a step) |
    ("joint", steps, h, w, seconds a step, rows), sizes in cells.
    Returns ids, slots of vision rows, slots of sound rows, positions [3, n], the next position.
    As replace_multimodal_special_tokens and get_rope_index of transformers 4.57.6 do it: 25 positions a second and
    two-second chunks."""
    prompt = _Prompt(words)
    prompt.text(words.user)
    for kind, *sizes in parts:
        getattr(prompt, kind)(*sizes)
    return (
        torch.tensor(prompt.ids),
        torch.tensor(prompt.vision, dtype=torch.long),
        torch.tensor(prompt.sound, dtype=torch.long),
        torch.tensor(prompt.positions).T,
        prompt.next,
    )


# ---- positions out of time; the order of rows stays


def exchanged_times(times: torch.Tensor, g: torch.Generator) -> torch.Tensor:
    """Of vision rows: steps exchange their times, all rows of a step alike."""
    steps = times.unique()
    return steps[torch.randperm(len(steps), generator=g)][torch.searchsorted(steps, times)]


def exchanged_rows(positions: torch.Tensor, g: torch.Generator) -> torch.Tensor:
    """Of sound rows, [.., rows]: each gets another's."""
    return positions[..., torch.randperm(positions.shape[-1], generator=g)]


class _Prompt:
    """Grows a prompt: ids, positions [(t, h, w)], the slots of vision and sound rows, and the next position."""

    def __init__(self, words: Words):
        self.token = words.id
        self.ids, self.positions, self.vision, self.sound, self.next = [], [], [], [], 0

    def text(self, tokens, move=True):
        """move: whether each token takes a position of its own."""
        for token in tokens:
            self.ids.append(token)
            self.positions.append([self.next] * 3)
            self.next += move

    def mark(self, special, move=True):
        self.text([self.token[special]], move)

    def image(self, h, w):
        self._seen("<|IMAGE|>", [0], h, w, 1)

    def video(self, steps, h, w, each):
        self._seen("<|VIDEO|>", range(steps), h, w, each)

    def audio(self, rows):
        self.mark("<|audio_bos|>")
        self._listen(self.next, range(rows))
        self.next += rows
        self.mark("<|audio_eos|>")

    def joint(self, steps, h, w, each, rows):
        """A clip with sound: two seconds of frames, two seconds of sound, and so on; all from one start."""
        self.mark("<|vision_bos|>", move=False)
        self.mark("<|audio_bos|>")
        start = self.next
        chunk = [int(t * each * A_SECOND // CHUNK) for t in range(steps)]
        assert all(b - a <= 1 for a, b in zip(chunk, chunk[1:])), "a step may not skip a chunk here"
        last = len(self.positions)
        for c in range(max(chunk[-1] + 1, -(-rows // CHUNK))):
            mine = [t for t in range(steps) if chunk[t] == c]
            if mine:
                last = len(self.positions)
                self._see("<|VIDEO|>", start, mine, h, w, each)
            if c * CHUNK < rows:
                last = len(self.positions)
                self._listen(start, range(c * CHUNK, min(rows, (c + 1) * CHUNK)))
        self._go_on(last)  # after the piece appended last, as upstream
        self.mark("<|audio_eos|>", move=False)
        self.mark("<|vision_eos|>")

    def _seen(self, special, steps, h, w, each):
        self.mark("<|vision_bos|>")
        first = len(self.positions)
        self._see(special, self.next, steps, h, w, each)
        self._go_on(first)
        self.mark("<|vision_eos|>")

    def _see(self, special, start, steps, h, w, each):
        """h x w cells of each step; `each` seconds a step, rounded as upstream rounds."""
        for t in steps:
            time = int(np.float32(t * np.float32(each)) * np.float32(A_SECOND))
            for y in range(h):
                for x in range(w):
                    self.vision.append(len(self.ids))
                    self.ids.append(self.token[special])
                    self.positions.append([start + time, start + y, start + x])

    def _listen(self, start, rows):
        for row in rows:
            self.sound.append(len(self.ids))
            self.ids.append(self.token["<|AUDIO|>"])
            self.positions.append([start + row] * 3)

    def _go_on(self, first):
        """The next position is after the greatest of those from `first` on."""
        self.next = max(max(position) for position in self.positions[first:]) + 1
