"""Positions, prompts and sizes of Qwen2-VL, Qwen2.5-VL and Qwen3-VL as transformers' own code computes them. Usage, from the repository root:
python test/golden/layouts/qwen_vl.py test/golden/layouts/qwen_vl.json. Needs transformers 4.57.6.

The file:
  positions    { model: qwen2_vl|qwen2_5_vl|qwen3_vl, parts, position_ids, next, generateAt }; model qwen2_5_vl with get_rope_index as qwen_vl.py corrects it
    parts         in order: { kind: "text", count }, { kind: "image", grid }, { kind: "video", grid [, secondsPerGrid] }; grid is [t, h, w] in patches before the 2 x 2 merge.
                  Every medium stands between a pair of markers that no part says; in qwen3_vl, each step of a video does, after its time, `timestamp` tokens.
    position_ids  three axes of runs: [first, step, count]
    next          where one more token of text would stand; generateAt: where the first generated token stands
  timestamps   { indices, fps, merge, text }: the times that Qwen3VLProcessor writes, one a step
  clips        { frames, width, height, factor, least, most, size }: smart_resize of video_processing_qwen3_vl; size [width, height], or null where it raises
  interleaved  { pairs, section, axes }: the axis that each pair turns by in apply_interleaved_mrope
  windows      { grid, side, order, lengths }: get_window_index of one picture, order and lengths in merged patches, `side` merged patches a window's side
  learned      { grid, side, weight }: fast_pos_embed_interpolate as rows of [place in the table, weight], one a patch of one step, in the encoder's order"""
import inspect, json, random, sys, textwrap
from types import SimpleNamespace
import torch
import transformers
from transformers.models.qwen2_vl import modeling_qwen2_vl as Q2
from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as Q25
from transformers.models.qwen3_vl import modeling_qwen3_vl as Q3, processing_qwen3_vl as P3, video_processing_qwen3_vl as V3
assert transformers.__version__ == "4.57.6", "other versions give other positions"

START, END, IMAGE, VIDEO, TEXT = 1, 2, 3, 4, 9
TIMESTAMP = 5  # tokens of a step's time, in these tables

def exact_time(cls):
    """As test/golden/qwen_vl.py: seconds per grid stay float."""
    source, cast = textwrap.dedent(inspect.getsource(cls.get_rope_index)), "second_per_grid_t, dtype=range_tensor.dtype,"
    assert source.count(cast) == 1
    scope = {}; exec(source.replace(cast, "second_per_grid_t, dtype=torch.float32,"), vars(sys.modules[cls.__module__]), scope)
    return scope["get_rope_index"]

MODELS = dict(qwen2_vl=Q2.Qwen2VLModel.get_rope_index, qwen2_5_vl=exact_time(Q25.Qwen2_5_VLModel), qwen3_vl=Q3.Qwen3VLModel.get_rope_index)

def place(model, parts):
    ids, images, videos, seconds = [], [], [], []
    for p in parts:
        if p["kind"] == "text": ids += [TEXT] * p["count"]; continue
        t, h, w = p["grid"]; plane = h * w // 4
        if p["kind"] == "image": ids += [START] + [IMAGE] * plane + [END]; images.append(p["grid"])
        else:
            videos.append(p["grid"]); seconds.append(p.get("secondsPerGrid", 1.0))
            if model == "qwen3_vl": ids += ([TEXT] * TIMESTAMP + [START] + [VIDEO] * plane + [END]) * t
            else: ids += [START] + [VIDEO] * (plane * t) + [END]
    vision = SimpleNamespace(spatial_merge_size=2, tokens_per_second=2)
    config = SimpleNamespace(image_token_id=IMAGE, video_token_id=VIDEO, vision_start_token_id=START, vision_config=vision)
    t = lambda v: torch.tensor(v) if v else None
    ids = torch.tensor([ids])
    more = dict(second_per_grid_ts=torch.tensor(seconds, dtype=torch.float32) if seconds else None) if model == "qwen2_5_vl" else {}
    pos, delta = MODELS[model](SimpleNamespace(config=config), ids, t(images), t(videos), attention_mask=torch.ones_like(ids), **more)
    return pos[:, 0].long().tolist(), int(delta) + ids.shape[1]

def runs(values):
    """[first, step, count] of stretches that rise by 0 or 1."""
    out = []
    for v in values:
        if out:
            first, step, count = out[-1]
            if count == 1 and v - first in (0, 1): out[-1] = [first, v - first, 2]; continue
            if count > 1 and v == first + step * count: out[-1][2] += 1; continue
        out.append([v, 0, 1])
    return out

def some_parts(rng, model):
    parts = [dict(kind="text", count=rng.randint(1, 9))]
    for _ in range(rng.randint(1, 4)):
        side = lambda: 2 * rng.choice([1, 1, 2, 3, 5, 13])
        if rng.random() < .5: parts.append(dict(kind="image", grid=[1, side(), side()]))
        else: parts.append(dict(kind="video", grid=[rng.randint(1, 7), side(), side()], **(dict(secondsPerGrid=2 / rng.uniform(.3, 6)) if model == "qwen2_5_vl" else {})))
        if rng.random() < .6: parts.append(dict(kind="text", count=rng.randint(1, 9)))
    return parts

def positions(rng):
    for n in range(60):
        for model in MODELS:
            parts = some_parts(rng, model)
            pos, generate = place(model, parts)
            after, _ = place(model, parts + [dict(kind="text", count=1)])
            yield dict(model=model, parts=parts, position_ids=[runs(axis) for axis in pos], next=after[0][-1], generateAt=generate)

def timestamps(rng):
    cases = [([0, 1, 2, 3], 2.0, 2), ([0, 0], 25.0, 2), ([0, 1, 2, 3, 4, 5], 4.0, 2), ([0, 3, 6, 9], 8.0, 2), ([0, 2, 4, 6], 8.0, 1)]
    for _ in range(60):
        k = 2 * rng.randint(1, 6); n = rng.randint(k, 400)
        cases.append((torch.linspace(0, n - 1, k).round().long().tolist(), rng.choice([8.0, 10.0, 23.976, 24.0, 25.0, 29.97, 30000 / 1001, 12.5, 60.0]), 2))
    for indices, fps, merge in cases:
        times = P3.Qwen3VLProcessor._calculate_timestamps(None, list(indices), fps, merge)[:len(indices) // 2]
        yield dict(indices=indices, fps=fps, merge=merge, text=[f"{t:.1f}" for t in times])

def clips(rng):
    for _ in range(300):
        factor = rng.choice([32, 32, 28])
        c = dict(frames=rng.choice([1, 2, 3, 4, 5, 7, 16, 33, 768]), width=int(2 ** rng.uniform(3, 12)), height=int(2 ** rng.uniform(3, 12)), factor=factor,
            least=rng.choice([128 * 1024, 4 * factor ** 2]), most=rng.choice([768 * 1024, 24576 * 1024, 36 * factor ** 2]))
        try: h, w = V3.smart_resize(c["frames"], c["height"], c["width"], 2, factor, c["least"], c["most"]); size = [w, h]
        except ValueError: size = None
        yield dict(**c, size=size)

def interleaved():
    for pairs, section in ((64, [24, 20, 20]), (12, [6, 3, 3]), (16, [8, 4, 4]), (12, [4, 4, 4]), (10, [6, 3, 1]), (12, [8, 1, 3])):
        freqs = torch.arange(3.)[:, None, None, None].repeat(1, 1, 1, pairs)
        yield dict(pairs=pairs, section=section, axes=[int(x) for x in Q3.Qwen3VLTextRotaryEmbedding.apply_interleaved_mrope(None, freqs, section)[0, 0]])

def windows():
    for h, w in ((2, 2), (4, 8), (8, 8), (16, 16), (6, 10), (10, 34), (26, 4), (20, 20)):
        for window in (56, 112):
            tower = SimpleNamespace(window_size=window, spatial_merge_size=2, patch_size=14, spatial_merge_unit=4)
            index, cuts = Q25.Qwen2_5_VisionTransformerPretrainedModel.get_window_index(tower, torch.tensor([[1, h, w]]))
            cuts = [c // 4 for c in dict.fromkeys(cuts)]
            yield dict(grid=[1, h, w], side=window // 28, order=index.tolist(), lengths=[b - a for a, b in zip(cuts, cuts[1:])])

def learned():
    for h, w, side in ((2, 2, 8), (4, 6, 8), (8, 8, 8), (14, 10, 8), (2, 20, 5), (6, 4, 3)):
        seen = {}
        def table(index): seen["index"] = index; return torch.eye(side * side)[index]
        table.weight = torch.zeros(1)
        tower = SimpleNamespace(num_grid_per_side=side, pos_embed=table, config=SimpleNamespace(spatial_merge_size=2))
        mixed = Q3.Qwen3VLVisionModel.fast_pos_embed_interpolate(tower, torch.tensor([[1, h, w]]))
        yield dict(grid=[1, h, w], side=side, weight=[[[i, round(v, 7)] for i, v in enumerate(row) if v] for row in mixed.tolist()])

if __name__ == "__main__":
    rng = random.Random(5)
    out = dict(positions=list(positions(rng)), timestamps=list(timestamps(rng)), clips=list(clips(rng)), interleaved=list(interleaved()), windows=list(windows()), learned=list(learned()))
    with open(sys.argv[1], "w") as f: f.write("{\n" + ",\n".join(f'"{k}": [\n' + ",\n".join(json.dumps(x) for x in v) + "\n]" for k, v in out.items()) + "\n}\n")
