"""axis-weights.json: torch 2.13 and torchvision 0.28 on random grids, for axis-weights.ts. Usage: axis-weights.py, in this folder. A row of `maps`: kind, grid [height, width] in, out, the grid's
numbers (seeded, as integers / 64), and what came out, row by row. A row of `windows`: grid [height, width], queries across, bins [height, width], the grid, what roi_align of thunlp's boxes gave."""
import json, math, random
import torch
from torchvision.ops import roi_align
rng = random.Random(3)
def grid(h, w):
    g = torch.tensor([[rng.randint(-64, 64) for _ in range(w)] for _ in range(h)])
    return g.tolist(), (g / 64).float()[None, None]
show = lambda x: [round(v, 6) for v in x.flatten().double().tolist()]
maps = []
for kind in ("bilinear", "bicubic", "average"):
    for n in range(8):
        h, w, H, W = (rng.randint(1, 12) for _ in range(4))
        ints, x = grid(h, w)
        y = torch.nn.AdaptiveAvgPool2d((H, W))(x) if kind == "average" else torch.nn.functional.interpolate(x, size=(H, W), mode=kind)
        maps.append([kind, [h, w], [H, W], ints, show(y)])
windows = []
for h, w, bh, bw in [(24, 24, 3, 3), (17, 33, 2, 4), (1, 9, 2, 4), (13, 11, 3, 3), (36, 16, 4, 2)]:
    ints, x = grid(h, w)
    side = math.sqrt((h * w / 144) / (w / h)); boxes = []
    across = side * (w / h)
    for i in range(12):
        for j in range(12): boxes.append([0, j * across, i * side, j * across + across, i * side + side])
    out = roi_align(x, torch.tensor(boxes, dtype=torch.float32), (bh, bw), spatial_scale=1.0)  # [144, 1, bh, bw]
    windows.append([[h, w], [bh, bw], ints, show(out.reshape(12, 12, bh, bw).permute(0, 2, 1, 3))])
with open("axis-weights.json", "w") as f: f.write("{\"maps\": [\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in maps) + "\n], \"windows\": [\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in windows) + "\n]}\n")
