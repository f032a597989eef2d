"""Sizes that transformers 4.57.6's smart_resize gives: writes smart-resize.json, rows of [height, width, factor, least, most, height after, width after]."""
import json, os, random
from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize
r = random.Random(5); rows = []
while len(rows) < 400:
    f = r.choice([28, 28, 32, 4]); h, w = (r.choice([r.randint(1, 60), r.randint(1, 3000), f * r.randint(0, 40) + f // 2]) for _ in "hw")
    least, most = r.choice([(3136, 18816), (4 * f * f, 12 * f * f), (56 * 56, 28 * 28 * 1280), (128 * 784, 768 * 784)])
    if min(h, w) < 1 or max(h, w) / min(h, w) > 200: continue
    rows.append([h, w, f, least, most, *smart_resize(h, w, f, least, most)])
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "smart-resize.json"), "w") as f: f.write("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
