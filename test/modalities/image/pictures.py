"""Writes pictures/ and pictures.json: small pictures of every kind, and the SHA-256 of the RGB bytes that Pillow makes of each. Made with Pillow 13.0.0.
`rgb`: convert("RGB") after alpha of mode RGBA was laid on white, as qwen-omni-utils does; EXIF applied (ImageOps.exif_transpose). `dropped`: alpha dropped and
EXIF ignored. `white`: any alpha on white (convert("RGBA") first)."""
import hashlib, json, os, struct, zlib
import numpy as np, PIL
from PIL import Image, ImageCms, ImageOps
here = os.path.dirname(os.path.abspath(__file__)); folder = f"{here}/pictures"; os.makedirs(folder, exist_ok=True); os.chdir(folder)
rng = np.random.default_rng(3); w, h = 37, 23
base = Image.fromarray(np.clip(np.add.outer(np.linspace(0, 200, h), np.linspace(0, 50, w))[..., None] + rng.integers(0, 30, (h, w, 3)), 0, 255).astype(np.uint8))
ramp = Image.fromarray(np.linspace(0, 255, w)[None].repeat(h, 0).astype(np.uint8))
grey, cmyk, palette = base.convert("L"), base.convert("CMYK"), base.quantize(16)
rgba = base.convert("RGBA"); rgba.putalpha(ramp)
la = grey.convert("LA"); la.putalpha(ramp)

def chunk(kind, data): return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
def png(name, rows, width, height, colour_type, bits):
    """A PNG of kinds that Pillow reads but does not write."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0))
    with open(name, "wb") as f: f.write(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + r for r in rows))) + chunk(b"IEND", b""))
def exif(n): e = Image.Exif(); e[274] = n; return e

base.save("rgb.png"); grey.save("grey.png"); base.convert("1").save("black-white.png"); palette.save("palette4.png"); base.quantize(200).save("palette8.png")
palette.save("palette-key.png", transparency=3); palette.save("palette-alpha.png", transparency=bytes([0, 50, 100, 255, 20]))
rgba.save("rgba.png"); rgba.save("rgba.webp", lossless=True, exact=True); rgba.save("rgba.tiff"); la.save("grey-alpha.png")
base.save("rgb-key.png", transparency=base.getpixel((3, 3))); grey.save("grey-key.png", transparency=100)
base.save("rgb.jpg", quality=95); base.save("rgb420.jpg", subsampling=2); base.save("progressive.jpg", progressive=True); grey.save("grey.jpg"); cmyk.save("cmyk.jpg"); cmyk.save("cmyk.tiff")
base.save("rgb.tiff"); base.save("lzw.tiff", compression="tiff_lzw"); grey.save("grey.tiff"); base.convert("1").save("black-white.tiff"); palette.save("palette.tiff")
base.save("rgb.webp", quality=90); base.save("palette.gif")
base.save("profile.png", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()); base.save("profile.jpg", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
g16 = np.asarray(grey).astype(np.uint16) * 257; g16[:5] = rng.integers(0, 400, (5, w)); Image.fromarray(g16).save("grey16.png"); Image.fromarray(g16).save("grey16.tiff")
rgb16 = np.asarray(base).astype(np.uint16) * 257 - 37 * (np.asarray(base) > 3).astype(np.uint16); alpha16 = np.asarray(ramp).astype(np.uint16)[..., None] * 250
rows = lambda a: [r.tobytes() for r in a.astype(">u2")]
png("rgb16.png", rows(rgb16), w, h, 2, 16); png("rgba16.png", rows(np.concatenate([rgb16, alpha16], -1)), w, h, 6, 16); png("grey-alpha16.png", rows(np.stack([g16, alpha16[..., 0]], -1)), w, h, 4, 16)
g4 = np.asarray(grey)[:, :36] >> 4; png("grey4.png", [r.tobytes() for r in (g4[:, ::2] << 4 | g4[:, 1::2]).astype(np.uint8)], 36, h, 0, 4)
for n in range(1, 9): base.save(f"exif{n}.jpg", exif=exif(n), quality=95)
base.save("exif6.png", exif=exif(6)); base.save("exif6.webp", exif=exif(6), lossless=True); base.save("exif8.tiff", tiffinfo={274: 8})

def onto_white(im): white = Image.new("RGB", im.size, (255, 255, 255)); white.paste(im, mask=im.split()[3]); return white
def sha(im): return hashlib.sha256(np.asarray(im).tobytes()).hexdigest()
facts = {}
for name in sorted(os.listdir(".")):
    im = Image.open(name); im.load(); mode = im.mode; turned = ImageOps.exif_transpose(im); alpha = "A" in mode or "transparency" in im.info
    facts[name] = dict(mode=mode, size=list(turned.size), rgb=sha(onto_white(turned) if mode == "RGBA" else turned.convert("RGB")), dropped=sha((base if name == "exif8.tiff" else im).convert("RGB")),  # Pillow turns a TIFF on loading, whatever is asked
       
        white=sha(onto_white(turned.convert("RGBA")) if alpha else turned.convert("RGB")))
with open(f"{here}/pictures.json", "w") as f:
    f.write('{"made": "Pillow ' + PIL.__version__ + '", "pictures": {\n' + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in facts.items()) + "\n}}\n")
