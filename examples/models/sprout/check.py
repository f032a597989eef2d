"""Compares the twin with the published class on random weights and on every kind of batch.

    python check.py BANK.npz

Compared are input ids, features, positions and logits."""
import os
import sys
import tempfile

import numpy as np
import torch

from data import Data
from export import export, load
from features import MEAN, STD, featured
from model import Thinker
from prompt import TOKENIZER, Words
from reference import video_options
from scenes import Voices

MARKS = dict(
    image="<|vision_bos|><|IMAGE|><|vision_eos|>",
    video="<|vision_bos|><|VIDEO|><|vision_eos|>",
    audio="<|audio_bos|><|AUDIO|><|audio_eos|>",
)


def random_models():
    """The twin, and the published class with the same weights; its processor, and the tokenizer."""
    folder = tempfile.mkdtemp()
    with open(TOKENIZER) as source, open(os.path.join(folder, "tokenizer.json"), "w") as copy:
        copy.write(source.read())
    twin = Thinker()
    with torch.no_grad():
        for p in twin.parameters():
            p.copy_((p * 1.5 + .02 * torch.randn_like(p)).bfloat16().float())
    export(twin.state_dict(), folder)
    return twin, *load(folder), Words(f"{folder}/tokenizer.json")


def first_block(b: dict):
    """Cuts a batch down to its first block of questions, in place."""
    n = int((b["block"][0] == 0).sum())
    for name in ("text", "label", "block"):
        b[name] = b[name][:, :n]
    b["position_ids"] = b["position_ids"][:, :, :len(b["prefix"]) + n]


def frames_of(patches, grid):
    """Patches [steps, patches, 1176] back to uint8 frames [steps, 2, h, w, 3]."""
    t, (grid_h, grid_w) = len(patches), grid
    x = patches.view(t, grid_h // 2, grid_w // 2, 2, 2, 3, 2, 14, 14).permute(0, 6, 1, 3, 7, 2, 4, 8, 5)
    x = x.reshape(t, 2, grid_h * 14, grid_w * 14, 3)
    return ((x * STD + MEAN) * 255).round().to(torch.uint8)


def published_inputs(processor, words, kind: str, b: dict, wave):
    """What the published processor makes of the same media and text."""
    text = words.tok.decode(b["text"][0].tolist(), skip_special_tokens=False)
    media, extra = "", {}
    if kind in ("picture", "pictures"):
        extra["images"] = [np.asarray(pair[0]) for pair in frames_of(b["pixels"][0], b["grid"])]
        media = MARKS["image"] * len(extra["images"])
    elif kind in ("clip", "joint"):
        frames = frames_of(b["pixels"][0], b["grid"]).flatten(0, 1).permute(0, 3, 1, 2)
        each = b["parts"][0][4]
        extra.update(videos=[frames], videos_kwargs=video_options(2 / each, kind == "joint"))
        media = MARKS["video"]
    if wave is not None:
        extra["audio"] = [wave[0].numpy()]
        media = media or MARKS["audio"]
    inputs = processor(text=f"<|im_start|>user\n{media}{text}", return_tensors="pt", padding=True, **extra)
    if "video_second_per_grid" in inputs:
        inputs["video_second_per_grid"] = torch.as_tensor(inputs["video_second_per_grid"], dtype=torch.float32)
    return inputs


def compare(kind: str, seed: int, twin, model, processor, words, bank) -> str:
    """One batch of one sample; a line about it."""
    raw = Data(seed, 0, bank, words).raw(kind, 1)
    b = featured(raw)
    first_block(b)
    inputs = published_inputs(processor, words, kind, b, raw.get("wave"))
    ids = torch.cat([b["prefix"], b["text"][0]])
    assert inputs["input_ids"][0].tolist() == ids.tolist(), (kind, seed)
    out = [f"{kind} {seed}: {len(ids)} tokens"]
    for name in ("pixel_values", "pixel_values_videos"):
        if name in inputs:
            out.append(f"pixels {(inputs[name] - b['pixels'].reshape(-1, 1176)).abs().max():.1e}")
    mask = inputs.get("feature_attention_mask")
    if "input_features" in inputs:
        n = int(mask.sum())
        assert n == b["mel"].shape[2], (n, b["mel"].shape)
        out.append(f"mel {(inputs['input_features'][0, :, :n] - b['mel'][0]).abs().max():.1e}")
    if kind != "sound":
        positions, _ = model.get_rope_index(
            inputs["input_ids"], inputs.get("image_grid_thw"), inputs.get("video_grid_thw"), inputs["attention_mask"],
            kind == "joint", mask.sum(-1) if mask is not None else None, inputs.get("video_second_per_grid"),
        )
        off = (positions[:, 0].long() - b["position_ids"][:, 0]).abs().max()
        assert off == 0, (kind, seed, off)
    with torch.no_grad():
        in_video = dict(use_audio_in_video=kind == "joint") if "pixel_values_videos" in inputs else {}
        want = model(**inputs, **in_video).logits
        got = twin(b, every=True)
    off, most = (want - got).abs().max(), want.abs().max()
    assert off < 1e-3 * most, (kind, seed, off, most)
    return " ".join([*out, f"logits {off:.1e} of {most:.1f}"])


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    twin, model, processor, words = random_models()
    bank = Voices(sys.argv[1])
    for kind in ("picture", "pictures", "sound", "clip", "joint"):
        for seed in range(6):
            print(compare(kind, seed, twin, model, processor, words, bank), flush=True)
    print("equal")


if __name__ == "__main__":
    main()
