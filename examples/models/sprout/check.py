"""Compares the twin with the published class on random weights and on every kind of batch: input ids, features, positions, logits.
    python check.py BANK.npz"""
import os, sys, tempfile
import numpy as np, torch
from data import Data
from features import MEAN, STD, VIDEO_PIXELS
from prompt import Words
from export import export, load
from model import Thinker
from scenes import Voices
HERE = os.path.dirname(os.path.abspath(__file__)); torch.set_num_threads(1); torch.manual_seed(0)
folder = tempfile.mkdtemp(); open(f"{folder}/tokenizer.json", "w").write(open(f"{HERE}/checkpoint/tokenizer.json").read())
twin = Thinker()
with torch.no_grad():
    for p in twin.parameters(): p.copy_((p * 1.5 + .02 * torch.randn_like(p)).bfloat16().float())
export(twin.state_dict(), folder); model, processor = load(folder); words = Words(f"{folder}/tokenizer.json"); bank = Voices(sys.argv[1])
waves = []
import data
plain_log_mel = data.log_mel
def log_mel(w): waves.append(w); return plain_log_mel(w)
data.log_mel = log_mel
for kind in ("picture", "pictures", "sound", "clip", "joint"):
    for seed in range(6):
        d = Data(seed, 0, bank, words); waves.clear(); b = d.batch(kind, 1)
        n = int((b["block"][0] == 0).sum()); b["text"], b["label"], b["block"] = b["text"][:, :n], b["label"][:, :n], b["block"][:, :n]; b["position_ids"] = b["position_ids"][:, :, :len(b["prefix"]) + n]
        text = words.tok.decode(b["text"][0].tolist(), skip_special_tokens=False); extra = {}
        def pixels(x):  # patches back to uint8 frames
            t, gh, gw = x.shape[0], *b["grid"]; x = x.view(t, gh // 2, gw // 2, 2, 2, 3, 2, 14, 14).permute(0, 6, 1, 3, 7, 2, 4, 8, 5).reshape(t, 2, gh * 14, gw * 14, 3); return ((x * STD + MEAN) * 255).round().to(torch.uint8)
        media = ""
        if kind in ("picture", "pictures"): extra["images"] = [np.asarray(f[0]) for f in pixels(b["pixels"][0])]; media = "<|vision_bos|><|IMAGE|><|vision_eos|>" * len(extra["images"])
        elif kind in ("clip", "joint"):
            f = pixels(b["pixels"][0]).flatten(0, 1).permute(0, 3, 1, 2); extra["videos"] = [f]; media = "<|vision_bos|><|VIDEO|><|vision_eos|>"
            extra["videos_kwargs"] = dict(fps=2 / b["parts"][0][4], do_sample_frames=False, use_audio_in_video=kind == "joint", size=dict(shortest_edge=VIDEO_PIXELS[0], longest_edge=VIDEO_PIXELS[1]))
        if waves: extra["audio"] = [waves[0][0].numpy()]; media = media or "<|audio_bos|><|AUDIO|><|audio_eos|>"
        inputs = processor(text=f"<|im_start|>user\n{media}{text}", return_tensors="pt", padding=True, **extra)
        ids = torch.cat([b["prefix"], b["text"][0]]); assert inputs["input_ids"][0].tolist() == ids.tolist(), (kind, seed)
        out = [f"{kind} {seed}: {len(ids)} tokens"]
        for name in ("pixel_values", "pixel_values_videos"):
            if name in inputs: out.append(f"pixels {(inputs[name] - b['pixels'].reshape(-1, 1176)).abs().max():.1e}")
        if "input_features" in inputs: m = int(inputs["feature_attention_mask"].sum()); assert m == b["mel"].shape[2], (m, b["mel"].shape); out.append(f"mel {(inputs['input_features'][0, :, :m] - b['mel'][0]).abs().max():.1e}")
        if "video_second_per_grid" in inputs: inputs["video_second_per_grid"] = torch.as_tensor(inputs["video_second_per_grid"], dtype=torch.float32)
        mask = inputs.get("feature_attention_mask")
        if kind != "sound":
            pos, _ = model.get_rope_index(inputs["input_ids"], inputs.get("image_grid_thw"), inputs.get("video_grid_thw"), inputs["attention_mask"], kind == "joint", mask.sum(-1) if mask is not None else None, inputs.get("video_second_per_grid"))
            assert torch.equal(pos[:, 0].long(), b["position_ids"][:, 0]), (kind, seed, (pos[:, 0].long() - b["position_ids"][:, 0]).abs().max())
        with torch.no_grad(): want = model(**inputs, **(dict(use_audio_in_video=kind == "joint") if "videos" in extra else {})).logits; got = twin(b, every=True)
        out.append(f"logits {(want - got).abs().max():.1e} of {want.abs().max():.1f}"); print(*out, flush=True); assert (want - got).abs().max() < 1e-3 * want.abs().max()
print("equal")
