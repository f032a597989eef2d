"""What transformers 5.18 cuts pictures into: pan-and-scan.json (Gemma 3), tile-grid.json (Idefics3). Usage: slicing.py, in this folder."""
import json, math, random
import torch
from transformers.models.gemma3.image_processing_gemma3 import Gemma3ImageProcessor
from transformers.models.idefics3.image_processing_idefics3 import get_resize_output_image_size
rng = random.Random(7)
side = lambda: int(math.exp(rng.uniform(math.log(1 if rng.random() < .2 else 20), math.log(3000))))
line = lambda rows: "[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows) + "\n]\n"

# width, height, least crop, most crops, least ratio, then each crop's left, top, width, height. A picture's pixels are its coordinates.
rows, gemma = [], Gemma3ImageProcessor()
while len(rows) < 300:
    w, h, least, most, ratio = side(), side(), rng.choice([1, 20, 48, 256, 300.5]), rng.randint(1, 8), rng.choice([1, 1.2, 1.5, 2])
    at = torch.stack([torch.arange(w).expand(h, w), torch.arange(h)[:, None].expand(h, w)])[None]
    crops = gemma.pan_and_scan_batched(at, least, most, ratio)
    if any(c.numel() == 0 for c in crops): continue  # the reference fails when it resizes one
    rows.append([w, h, least, most, ratio, *[[int(c[0, 0].min()), int(c[0, 1].min()), c.shape[-1], c.shape[-2]] for c in crops]])
with open("pan-and-scan.json", "w") as f: f.write(line(rows))

# width, height, longest, tile, then: size after the first resize, size of whole tiles, rows, columns (0, 0: not cut).
rows = []
for _ in range(300):
    w, h, tile, tiles = side(), side(), rng.choice([42, 56, 364, 512]), rng.choice([1, 2, 3, 4, 12])
    down, across = get_resize_output_image_size(torch.empty(1, h, w, device="meta"), tiles * tile)
    ratio = across / down  # resize_for_vision_encoder
    if across >= down: W = math.ceil(across / tile) * tile; H = math.ceil(int(W / ratio) / tile) * tile
    else: H = math.ceil(down / tile) * tile; W = math.ceil(int(H * ratio) / tile) * tile
    cut = H > tile or W > tile
    rows.append([w, h, tiles * tile, tile, [across, down], [W, H], H // tile if cut else 0, W // tile if cut else 0])
with open("tile-grid.json", "w") as f: f.write(line(rows))
