"""What Pillow and torchvision make of small pictures: writes resample.json. Made with Pillow 13.0.0, torch 2.13, torchvision 0.28 (AVX-512).
Each case: size before and after, filter, SHA-256 of the bytes [height, width, 3] that each gives, and the largest difference between the two."""
import hashlib, json, os
import numpy as np, PIL, torch, torchvision
from PIL import Image
import torchvision.transforms.v2.functional as F
from torchvision.transforms.v2 import InterpolationMode as M

def picture(width, height, seed):
    """Bytes of a 32-bit xorshift: easily made again in any language. Odd seeds give black and white alone, which overshoots most."""
    x = np.uint32(seed * 2654435761 % 2**32 or 1); out = np.empty(width * height * 3, np.uint8); x = int(x)
    for i in range(out.size):
        x ^= x << 13 & 0xffffffff; x ^= x >> 17; x ^= x << 5 & 0xffffffff
        out[i] = (255 if x & 0x10000 else 0) if seed % 2 else x >> 16 & 255
    return out.reshape(height, width, 3)

PIL_FILTER = dict(nearest=Image.NEAREST, box=Image.BOX, bilinear=Image.BILINEAR, hamming=Image.HAMMING, bicubic=Image.BICUBIC, lanczos=Image.LANCZOS)
TV_FILTER = dict(bilinear=M.BILINEAR, bicubic=M.BICUBIC, lanczos=M.LANCZOS)
SIZES = [(130, 90, 112, 84), (64, 64, 200, 30), (40, 200, 120, 56), (50, 20, 28, 56), (97, 131, 56, 84), (33, 17, 99, 51), (64, 90, 64, 45), (64, 90, 90, 90),
         (1, 1, 28, 28), (3, 200, 28, 28), (59, 57, 52, 20), (58, 58, 22, 3), (51, 52, 24, 19), (44, 59, 37, 47), (45, 57, 44, 54), (200, 3, 28, 56), (96, 64, 84, 56)]
cases = []
for i, (w, h, W, H) in enumerate(SIZES):
    for name, f in PIL_FILTER.items():
        a = picture(w, h, i + 1); b = np.array(Image.fromarray(a).resize((W, H), f)); case = dict(seed=i + 1, **{"from": [w, h]}, to=[W, H], filter=name)
        case["pillow"] = hashlib.sha256(b.tobytes()).hexdigest()
        if name in TV_FILTER:
            t = F.resize(torch.from_numpy(a).permute(2, 0, 1).contiguous(), [H, W], interpolation=TV_FILTER[name], antialias=True).permute(1, 2, 0).contiguous().numpy()
            case["torchvision"] = hashlib.sha256(t.tobytes()).hexdigest(); case["apart"] = int(np.abs(t.astype(int) - b).max())
        cases.append(case)
with open(os.path.join(os.path.dirname(__file__), "resample.json"), "w") as f:
    f.write(json.dumps(dict(made=f"Pillow {PIL.__version__}, torch {torch.__version__}, torchvision {torchvision.__version__}"))[:-1] + ', "cases": [\n' + ",\n".join(json.dumps(c) for c in cases) + "\n]}\n")
