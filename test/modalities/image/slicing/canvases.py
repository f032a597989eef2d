"""Canvases of published slicers: writes tiled-canvas.json (Llama 3.2 Vision: [width, height, tile, most tiles, rows, columns, width, height after the resize]) and hd-crops.json
(Phi-4-multimodal: [width, height, crop, patch, most crops, rows, columns, width, height after the resize, patches down, across that are looked at], or without the last six where the
reference refuses). Made with transformers 5.18, torch 2.13."""
import json, os, random
import transformers.models.phi4_multimodal.image_processing_phi4_multimodal as phi
from transformers import Phi4MultimodalImageProcessor
from transformers.models.mllama.image_processing_mllama import get_image_size_fit_to_canvas, get_optimal_tiled_canvas
HERE = os.path.dirname(os.path.abspath(__file__)); r = random.Random(7)
def side(most): return max(1, int(r.choice([r.uniform(1, most), r.uniform(1, most / 8), 2 ** r.uniform(0, 11)])))
def write(name, rows):
    with open(f"{HERE}/{name}", "w") as f: f.write("[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]\n")
tiles = []
for _ in range(300):
    w, h, tile, most = side(3000), side(3000), r.choice([42, 56, 448, 560]), r.choice([1, 2, 4, 4, 6, 9])
    ch, cw = map(int, get_optimal_tiled_canvas(h, w, most, tile)); nh, nw = map(int, get_image_size_fit_to_canvas(h, w, ch, cw, tile))
    tiles.append([w, h, tile, most, ch // tile, cw // tile, nw, nh])
write("tiled-canvas.json", tiles)
class Seen:  # what the reference resizes to, without doing it
    size = None
    def resize(self, image, size): Seen.size = size; return image
    def pad(self, image, pad, fill): return image
class Picture:
    def __init__(self, w, h): self.shape, self.device = (3, h, w), "cpu"
phi.tvF = Seen(); processor = Phi4MultimodalImageProcessor(); crops = []
for k in range(400):
    crop, patch = r.choice([(448, 14), (64, 2)]); most = r.choice([1, 2, 3, 4, 6, 9, 12, 16, 36])
    w, h = (side(crop * 8), side(crop * 8)) if k % 4 else (crop * r.randint(1, 12), crop * r.randint(1, 12))
    try:
        mask = processor.dynamic_preprocess(Picture(w, h), crop, patch, crop // patch, max_num=most)[1]; each = crop // patch
        crops.append([w, h, crop, patch, most, mask.shape[0] // each, mask.shape[1] // each, Seen.size[1], Seen.size[0], int(mask[:, 0].sum()), int(mask[0].sum())])
    except ValueError: crops.append([w, h, crop, patch, most])
write("hd-crops.json", crops)
