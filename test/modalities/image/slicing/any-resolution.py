"""any-resolution.json: what transformers 5.18 fits pictures into and leaves of them (LLaVA-OneVision). Usage: any-resolution.py, in this folder.
A row: width, height, tiles along a side of the largest canvas, pixels and patches of a tile, most tiles; then the canvas [width, height], the size that the picture is resized to,
the padding left and above, what unpad_image keeps of the grid [left, top, width, height], its size after the shrink, and the processor's number of rows."""
import json, math, random
import torch
from transformers.image_processing_utils import get_patch_output_size, select_best_resolution
from transformers.models.llava_onevision.image_processing_llava_onevision import LlavaOnevisionImageProcessor
from transformers.models.llava_onevision.modeling_llava_onevision import unpad_image
from transformers.models.llava_onevision.processing_llava_onevision import LlavaOnevisionProcessor
rng = random.Random(11)
side = lambda: int(math.exp(rng.uniform(math.log(1 if rng.random() < .1 else 20), math.log(4000))))
rows = []
sizes = [(1567, 1563), (3, 2), (384, 384), (4000, 1), (1, 4000), (768, 384), (1920, 1080), (1080, 1920)] + [(side(), side()) for _ in range(392)]
for n, (w, h) in enumerate(sizes):
    cells, tile, across, most = (6, 384, 27, 9) if n < 8 or rng.random() < .5 else (rng.randint(1, 6), *rng.choice([(44, 5), (27, 6), (336, 24)]), rng.randint(1, 9))
    points = [[tile * r, tile * c] for r in range(1, cells + 1) for c in range(1, cells + 1)]
    images = LlavaOnevisionImageProcessor(image_grid_pinpoints=points, size=dict(height=tile, width=tile))
    best = select_best_resolution((h, w), points)
    new = get_patch_output_size(torch.empty(3, h, w, device="meta"), best, "channels_first")
    padding = images._get_padding_size(new, best)
    down, wide = best[0] // tile * across, best[1] // tile * across
    at = torch.stack([torch.arange(wide).expand(down, wide), torch.arange(down)[:, None].expand(down, wide)])
    kept = unpad_image(at, (h, w))
    kh, kw = kept.shape[1:]
    ratio = math.sqrt(kh * kw / (most * across ** 2))
    packed = (int(kh // ratio), int(kw // ratio)) if ratio > 1.1 else (kh, kw)
    p = LlavaOnevisionProcessor.__new__(LlavaOnevisionProcessor)
    p.image_processor, p.num_image_tokens, p.vision_aspect_ratio = images, across ** 2, f"anyres_max_{most}"
    corner = [int(kept[0, 0, 0]), int(kept[1, 0, 0])] if kept.numel() else [0, 0]
    rows.append([w, h, cells, tile, across, most, best[::-1], list(new)[::-1], padding[:2], [*corner, kw, kh], packed[::-1], p._get_number_of_features(h, w, tile, tile)])
with open("any-resolution.json", "w") as f: f.write("[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows) + "\n]\n")
