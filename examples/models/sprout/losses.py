"""What is made small: the loss of the answers, and the losses of the throw-away heads."""
import functools

import torch
import torch.nn.functional as F

from model import CONFIG, WIDTH
from prompt import NOT_ASKED, Words
from scenes import COLOR_NAMES, SHAPES
from tasks import BEEP
from voices import WORDS

WEIGHT = dict(row=.15, column=.15, height=.3, letters=2., covers=3.)  # of a head's loss, where it is not 1


def weighted(dense: dict):
    """The sum of what encoder_losses gives."""
    return sum(loss * WEIGHT.get(name, 1) for name, (loss, _) in dense.items())


def encoder_losses(model, heads, b: dict, stage: str, rows=None) -> dict:
    """Of a batch, {name: (loss, right)}; right: for each thing asked, whether the head has it right.

    stage: "see" or "hear". rows: what the encoder made of the batch, where it is there already."""
    if stage == "hear":
        rows = model.audio_tower(b["mel"]) if rows is None else rows
        return dict(heard=_classified(heads["heard"], rows, b["heard"]))
    if rows is None:
        rows = model.visual(b["pixels"].flatten(0, 1), b["grid"])
    if b["kind"] == "print":
        return {name: _letters(heads[name], rows, b[name]) for name in ("letters", "covers")}
    n, steps = b["pixels"].shape[:2]
    return _cells(heads, rows.reshape(n, steps, -1, WIDTH), b)


def _classified(head, rows, target):
    logits, target = head(rows).float().flatten(0, -2), target.flatten()
    asked = target != NOT_ASKED
    loss = F.cross_entropy(logits, target, ignore_index=NOT_ASKED) if asked.any() else logits.sum() * 0
    return loss, logits[asked].argmax(-1) == target[asked]


def _letters(head, rows, target):
    """Of each part of a cell; right: of those with a letter."""
    logits, target = head(rows).float().unflatten(-1, (target.shape[-1], -1)).flatten(0, -2), target.flatten()
    asked = target != NOT_ASKED
    return F.cross_entropy(logits, target, ignore_index=NOT_ASKED), (logits.argmax(-1) == target)[asked & (target > 0)]


def _cells(heads, rows, b):
    """rows: [batch, steps, cells, width]"""
    count, label, where = b["cells"]
    n, steps = rows.shape[:2]
    h, w = b["grid"][0] // 2, b["grid"][1] // 2
    out = dict(count=_classified(heads["count"], rows, count))
    for i, name in enumerate(("color", "shape", "moving", "state")):
        if i < 2 or b["kind"] in ("clip", "joint"):
            out[name] = _classified(heads[name], rows, label[..., i])
    cell = torch.arange(h * w, device=rows.device).expand(n, steps, -1)
    out["row"] = _classified(heads["row"], rows, cell // w)
    out["column"] = _classified(heads["column"], rows, cell % w)
    at = heads["where"](rows).float()
    hit = label[..., 0] != NOT_ASKED
    out["where"] = F.mse_loss(at[hit], where[hit]) * 6, (at[hit] - where[hit]).abs().amax(-1) < .1
    size = torch.tensor([h / 4, w / 4], device=rows.device).expand(n, steps, h * w, 2)
    got = heads["height"](rows).float()
    out["height"] = F.mse_loss(got, size), ((got - size).abs().amax(-1) < .125).flatten()
    return out


def batch_losses(model, heads, b: dict, align: float):
    """As `losses`; of a batch for one encoder alone, that encoder's."""
    if not b["alone"]:
        return losses(model, heads, b, align)
    dense = encoder_losses(model, heads, b, "hear" if "mel" in b else "see")
    total = weighted(dense)
    return total, total, {name: loss for name, (loss, _) in dense.items()}


def losses(model, heads, b: dict, align: float):
    """(loss of the answers, the same with those of the throw-away heads, {name: loss}).

    align: the weight of the heads' losses, or 0 for none of them."""
    third = model.model.layers[2].self_attn
    third.watch = len(b["prefix"]) if align > 0 and b["kind"] == "joint" else 0
    logits, target, _ = model(b)
    loss = F.cross_entropy(logits, target)
    total, named = loss, {}
    if align <= 0:
        return loss, total, named
    if third.watch:
        found = finding(third.looks, b)
        total = total + align * found
        named["found"] = found
        third.watch = 0
    if "pixels" in b and "seen_rows" not in b:
        dense = encoder_losses(model, heads, b, "see", model.seen_rows)
        total = total + 2.5 * align * weighted(dense)
        named.update({name: dense[name][0] for name in ("shape", "count", "letters", "covers") if name in dense})
    if "mel" in b and "heard_rows" not in b:
        heard, _ = encoder_losses(model, heads, b, "hear", model.heard_rows)["heard"]
        total = total + align * heard
        named["heard"] = heard
    if b["kind"] == "joint":
        # halfway through the decoder, so that later layers can look there for what a question wants of a moment
        shown = _at_moments(heads["shown"], model.heard, b["shown"])
        form = _at_moments(heads["form"], model.heard, b["form"])
        said = _at_moments(heads["said"], model.heard, b["heard"])
        so_far = _at_moments(heads["so_far"], model.counted, b["so_far"])
        total = total + 4 * align * (shown + form + so_far) + align * said
        named.update(shown=shown, form=form, said=said, so_far=so_far)
    return loss, total, named


def _at_moments(head, rows, target):
    """Where nothing is asked, the head gets no gradient at all, so that the optimizer leaves it alone."""
    if not (target != NOT_ASKED).any():
        return rows.sum() * 0
    return F.cross_entropy(head(rows).float().flatten(0, 1), target.flatten(), ignore_index=NOT_ASKED)


@functools.cache
def sounds_of_tokens(device) -> torch.Tensor:
    """Class of what is heard by the token that asks for it.

    Words that are one token and name nothing seen, and the beep."""
    words = Words()
    table = torch.zeros(CONFIG["text"]["vocab_size"], dtype=torch.long)
    names = [(word, 1 + i) for i, word in enumerate(WORDS) if word not in COLOR_NAMES and word not in SHAPES]
    for name, kind in names + [("beep", BEEP), ("beeps", BEEP)]:
        for form in (name, " " + name):
            ids = words.plain(form)
            if len(ids) == 1:
                table[ids[0]] = kind
    return table.to(device)


def finding(looks, b: dict):
    """Where one head of the third layer looks from a question's word: it should find the rows in which it is heard.

    looks: [batch, text, n], before softmax."""
    kind = sounds_of_tokens(b["text"].device)[b["text"]]
    kind[:, 1:][b["label"][:, :-1] != NOT_ASKED] = 0  # not from words of answers
    sample, token = kind.nonzero(as_tuple=True)
    there = b["heard"][sample] == kind[sample, token][:, None]
    some = there.any(-1)
    if not some.any():
        return looks.sum() * 0
    of_rows = looks[sample[some], token[some]].float().log_softmax(-1)[:, b["audio_slots"]]
    return -of_rows.masked_fill(~there[some], float("-inf")).logsumexp(-1).mean()
