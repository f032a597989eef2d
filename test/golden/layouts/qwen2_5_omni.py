"""Layouts and position ids of 300 random Qwen2.5-Omni prompts, and the windows that cut clips. Usage, from the repository root:
python test/golden/layouts/qwen2_5_omni.py test/golden/layouts/qwen2_5_omni.json. Needs transformers 4.57.6.

All of it comes from transformers' own code: Qwen2_5OmniProcessor.replace_multimodal_special_tokens lays the prompt out, get_rope_index gives the positions.
The file:
  ids       the special ids; text ids begin at 100
  layouts   { seed, useAudioInVideo, parts, input_ids, position_ids, next, generateAt }
    parts         in order: { kind: "text", ids }, { kind: "image", grid }, { kind: "audio", mel }, { kind: "video", grid, secondsPerGrid [, mel] };
                  grid is [t, h, w] in patches before the 2 x 2 merge, mel the number of mel frames, given for a video that is read with its sound. Text parts
                  never touch. Markers (vision_bos, audio_bos..) are the template's and in no part: every medium stands between its own pair.
    input_ids     runs: [id, count]
    position_ids  three axes of runs: [first, step, count]
    next          where one more token of text would stand (null: the prompt without one more)
    generateAt    where the first generated token stands
  windows   { steps, plane, secondsPerGrid, layout, positions }: where each 2-second window starts, in rows, for a clip of `steps` grid steps of `plane` rows:
            as the processor cuts (float64) and as get_rope_index does (float32, truncated). `positions` is left out where they agree."""
import json, random, sys
from types import MethodType, SimpleNamespace
import numpy as np
import torch
import transformers
from transformers.models.qwen2_5_omni import modeling_qwen2_5_omni as M, processing_qwen2_5_omni as P
assert transformers.__version__ == "4.57.6", "other versions give other positions"

IDS = dict(audio=1, image=2, video=3, vision_bos=4, vision_eos=5, audio_bos=6, audio_eos=7)
TOK = {"<|AUDIO|>": 1, "<|IMAGE|>": 2, "<|VIDEO|>": 3, "<|vision_bos|>": 4, "<|vision_eos|>": 5, "<|audio_bos|>": 6, "<|audio_eos|>": 7}
proc = SimpleNamespace(image_processor=SimpleNamespace(merge_size=2), video_processor=SimpleNamespace(merge_size=2), audio_token="<|AUDIO|>", image_token="<|IMAGE|>",
    video_token="<|VIDEO|>", vision_bos_token="<|vision_bos|>", vision_eos_token="<|vision_eos|>", audio_bos_token="<|audio_bos|>", audio_eos_token="<|audio_eos|>")
proc.get_chunked_index = MethodType(P.Qwen2_5OmniProcessor.get_chunked_index, proc)
C = next(c for c in vars(M).values() if isinstance(c, type) and "get_rope_index" in vars(c))
model = SimpleNamespace(spatial_merge_size=2, config=SimpleNamespace(image_token_id=2, video_token_id=3, audio_token_id=1, vision_start_token_id=4, audio_start_token_id=6,
    position_id_per_seconds=25, seconds_per_chunk=2))
for name in ("get_llm_pos_ids_for_vision", "get_chunked_index"): setattr(model, name, MethodType(getattr(C, name), model))

def rows(mel): return ((mel - 1) // 2 + 1 - 2) // 2 + 1  # as the processor counts them

def ids_of(text):
    """Ids of a prompt in which each letter is a token of text: chr(0x4E00 + k) is 100 + k."""
    out, i = [], 0
    while i < len(text):
        if text[i] == "<":
            j = text.index(">", i) + 1; out.append(TOK[text[i:j]]); i = j
        else: out.append(100 + ord(text[i]) - 0x4E00); i += 1
    return out

def run(parts, sound):
    text, audio, image, video, spg = "", [], [], [], []
    for p in parts:
        if p["kind"] == "text": text += "".join(chr(0x4E00 + x - 100) for x in p["ids"])
        elif p["kind"] == "image": text += "<|vision_bos|><|IMAGE|><|vision_eos|>"; image.append(p["grid"])
        elif p["kind"] == "audio": text += "<|audio_bos|><|AUDIO|><|audio_eos|>"; audio.append(p["mel"])
        else:
            text += "<|vision_bos|><|VIDEO|><|vision_eos|>"; video.append(p["grid"]); spg.append(p["secondsPerGrid"])
            if sound: audio.append(p["mel"])
    full = P.Qwen2_5OmniProcessor.replace_multimodal_special_tokens(proc, [text], iter([rows(a) for a in audio]), iter(np.array(image)) if image else iter([]),
        iter(np.array(video)) if video else iter([]), video_second_per_grid=iter(spg), use_audio_in_video=sound, position_id_per_seconds=25, seconds_per_chunk=2)[0]
    ids = torch.tensor([ids_of(full)])
    t = lambda v: torch.tensor(v) if v else None
    pos, delta = C.get_rope_index(model, ids, t(image), t(video), torch.ones_like(ids), sound, t(audio), torch.tensor(spg, dtype=torch.float32) if spg else None)
    return ids[0].tolist(), pos[:, 0].long().tolist(), int(delta) + ids.shape[1]

def same(values):
    out = []
    for v in values:
        if out and out[-1][0] == v: out[-1][1] += 1
        else: out.append([v, 1])
    return out

def steps(values):
    out = []
    for v in values:
        if out and out[-1][2] == 1: out[-1][1] = v - out[-1][0]; out[-1][2] = 2
        elif out and v == out[-1][0] + out[-1][1] * out[-1][2]: out[-1][2] += 1
        else: out.append([v, 0, 1])
    assert [a + b * i for a, b, n in out for i in range(n)] == values
    return out

def side(r, most): return 2 * r.randint(1, most)

def video(r, sound, wide=False):
    frames, fps = r.choice([4, 4, 6, 8, 10, 14, 20]), r.choice([2, 2, 2, 1, .5, .25, 3, 4])
    native = r.choice([24, 25, 30, 12.5]); n = frames * r.randint(1, 40)
    rate = r.choice([fps, fps, frames / n * native])
    h, w = (side(r, 3), side(r, 24)) if wide else (side(r, 4), side(r, 5))
    part = dict(kind="video", grid=[frames // 2, h, w], secondsPerGrid=2 / rate)
    if sound: part["mel"] = min(900, max(3, int(frames / rate * 100 * r.choice([1, 1, 1, .5, 1.7, .02]))))
    return part

def layout(seed):
    r = random.Random(seed); sound = seed % 3 != 2
    text = lambda lo: dict(kind="text", ids=[100 + r.randrange(400) for _ in range(r.randint(lo, 9))])
    kinds = dict(image=lambda: dict(kind="image", grid=[1, side(r, 8), side(r, 8)]), audio=lambda: dict(kind="audio", mel=r.choice([3, 4, 5, r.randint(3, 200), r.randint(3, 700)])),
        video=lambda: video(r, sound, r.random() < .2))
    some = [] if seed % 25 == 0 else r.choices(list(kinds), [3, 3, 5], k=r.choice([1, 1, 2, 2, 3, 4]))
    parts = [text(1)]
    for k in some: parts += [kinds[k](), text(0)]
    parts = [p for p in parts if p.get("ids", True)]
    ids, positions, at = run(parts, sound)
    more = parts[:-1] + [dict(kind="text", ids=parts[-1]["ids"] + [100])] if parts[-1]["kind"] == "text" else parts + [dict(kind="text", ids=[100])]
    return dict(seed=seed, useAudioInVideo=sound, parts=parts, input_ids=same(ids), position_ids=[steps(p) for p in positions], next=run(more, sound)[1][0][-1], generateAt=at)

def windows(steps, plane, spg):
    def starts(v): return [int(s) for s, _ in model.get_chunked_index(v.tolist() if isinstance(v, np.ndarray) else v, 50, 0)]
    # processing_qwen2_5_omni.py, replace_multimodal_special_tokens; modeling_qwen2_5_omni.py, get_rope_index
    a = starts(np.repeat(np.arange(steps), plane) * spg * 25)
    t = torch.arange(steps)
    b = starts((t.float() * torch.tensor(spg, dtype=torch.float32) * 25).long().repeat_interleave(plane).tolist())
    return dict(steps=steps, plane=plane, secondsPerGrid=spg, layout=a, **({"positions": b} if a != b else {}))

if __name__ == "__main__":
    layouts = [layout(seed) for seed in range(300)]
    r = random.Random(1); table = [windows(6, 91, 4.64), windows(2, 91, 4.64), windows(384, 3, .59), windows(384, 1, 7.03125)]
    for native, n, fps in [(12.5, 2832, 2)] + [(r.choice([24, 25, 30, 60, 12.5, 30000 / 1001, 24000 / 1001, 15]), r.randint(20, 1500), r.choice([2, 1, .5, 4, 3])) for _ in range(120)]:
        k = max(4, min(int(n / native * fps) // 2 * 2, n // 2 * 2, 768))
        table.append(windows(k // 2, r.choice([1, 1, 2, 6]) if n < 600 else 1, 2 / (k / n * native)))
    with open(sys.argv[1], "w") as f:
        line = lambda v: ",\n".join(json.dumps(x, separators=(",", ":")) for x in v)
        f.write('{"reference":"transformers 4.57.6","ids":' + json.dumps(IDS) + ',\n"layouts":[\n' + line(layouts) + '\n],\n"windows":[\n' + line(table) + "\n]}\n")
    kinds = [tuple(p["kind"] + ("+sound" if p["kind"] == "video" and "mel" in p else "") for p in x["parts"] if p["kind"] != "text") for x in layouts]
    print(len(layouts), "layouts,", len({k for k in kinds}), "mixtures,", sum(n for x in layouts for _, n in x["input_ids"]), "ids,", len(table), "clips cut into windows,",
        sum("positions" in t for t in table), "of them differently by positions")
