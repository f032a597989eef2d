"""Other golden folders of every family but Qwen2.5-Omni (qwen2_5_omni/variants.py): other seeds, sizes, storage, pictures and sounds; too many and too large to
keep. Usage, from the repository root:
python test/golden/variants.py OUT MODEL [NAME...] [--random N] [--reference DIR]
Writes OUT/MODEL-NAME for each NAME (none: all of VARIANTS and of the model's own), and N random ones (MODEL-random-0..). MODEL is one of FAMILIES, one a process:
two references are packages of the same name. Needs what the model's own script needs, in the same environment."""
import argparse, importlib, inspect, json, os, random, re, shutil, sys, wave
import numpy as np
import torch
HERE = os.path.dirname(os.path.abspath(__file__))
from PIL import Image
from golden import clip, draw, tone

bf16, f16, f32 = torch.bfloat16, torch.float16, torch.float32

class Family:
    """How one model's script is called. sizes: named sets of build()'s keywords. choices: keywords with the values that random folders pick from.
    cases: what only this family is asked. image, video, audio: what it reads; both: whether pictures and videos may share a prompt; audios: how many recordings may."""
    def __init__(self, script, *, fixed=None, sizes=None, choices=None, cases=None, image=True, video=False, audio=False, both=True, audios=9, reference=False):
        self.__dict__.update(script=script, fixed=fixed or {}, sizes=sizes or {}, choices=choices or {}, cases=cases, image=image, video=video, audio=audio,
            both=both, audios=audios, reference=reference)

def t(role, *parts): return dict(role=role, content=[dict(type="text", text=p) if isinstance(p, str) else dict(type=p[0], path=p[1]) for p in parts])
def pic(f): return ("image", f"{f}.png")
def user(*parts): return [t("user", *parts)]
def turns(*texts_and_media):
    out = []
    for i, parts in enumerate(texts_and_media): out += ([t("assistant", ("The red square.", "Yes.", "No.")[i % 3])] if i else []) + user(*parts)
    return out

def wav(path, samples, rate=16000):
    pcm = np.clip(np.round(np.asarray(samples) * 32767), -32768, 32767).astype("<i2")
    with wave.open(path, "wb") as w: w.setnchannels(1); w.setsampwidth(2); w.setframerate(rate); w.writeframes(pcm.tobytes())

# -- what is asked

def standard(go, m, seed, f):
    go("text", user("What is in the picture? Answer briefly, please."))
    if f.image:
        draw(f"{m}/a.png", 130, 90, seed); draw(f"{m}/b.png", 60, 150, seed + 1)
        go("image", user(pic("a"), "What is in the picture?"))
        go("two_images", user("First", pic("a"), "second", pic("b"), "Which of the two is taller?"))
        go("multi_turn", turns([pic("b"), "What is in the picture?"], ["And here?", pic("a")], ["Why?"]))
    if f.video:
        clip(f"{m}/clip.mkv", 72, 48, 40, 8, seed, sound=False)
        go("video", user(("video", "clip.mkv"), "Describe the video."))
        if f.both: go("image_and_video", user(pic("b"), ("video", "clip.mkv"), "Which is the longest?"))
    if f.audio:
        tone(f"{m}/a.wav", 1.7, seed); tone(f"{m}/b.wav", 3.1, seed + 1)
        go("audio", user(("audio", "a.wav"), "What is said?"))
        if f.audios > 1: go("two_audios", user(("audio", "b.wav"), ("audio", "a.wav"), "Which is the longest?")); go("audio_turns", turns([("audio", "a.wav"), "What is said?"], ["And here?", ("audio", "b.wav")]))
        if f.image: go("image_and_audio", user(pic("a"), ("audio", "a.wav"), "What is said?")); go("audio_then_image", turns([("audio", "a.wav"), "What is said?"], [pic("a"), "And here?"]))

def pictures(go, m, seed, f):
    """Shapes and kinds of picture."""
    sizes = dict(tiny=(3, 2), ten=(10, 10), wide=(600, 12), tall=(11, 500), large=(900, 640), exact=(112, 112), odd=(57, 113), panorama=(700, 90), tower=(80, 610))
    for k, (name, (w, h)) in enumerate(sizes.items()): draw(f"{m}/{name}.png", w, h, seed + k); go(f"image_{name}", user(pic(name), "What is in the picture?"), tokens=6)
    for mode in ("L", "P", "RGBA"): draw(f"{m}/{mode}.png", 150, 100, seed + 20, mode)
    source = f"{m}/source.png"; draw(source, 150, 100, seed + 21); im = Image.open(source)
    for mode in ("LA", "1"): im.convert(mode).save(f"{m}/{mode}.png")
    im.save(f"{m}/a.jpg", quality=88); im.convert("CMYK").save(f"{m}/cmyk.jpg"); im.save(f"{m}/a.webp", quality=80); im.save(f"{m}/lossless.webp", lossless=True); os.remove(source)
    for name in ("L", "P", "1"): go(f"image_mode_{name.lower()}", user(pic(name), "What is in the picture?"), tokens=6)
    for name in ("RGBA", "LA"):  # said by the case, and left to the family
        go(f"image_mode_{name.lower()}", user(pic(name), "What is in the picture?"), tokens=6)
        if go.drops_alpha and go(f"image_mode_{name.lower()}_said", user(pic(name), "What is in the picture?"), tokens=6): note(go.folder, f"image_mode_{name.lower()}_said", alpha="dropped")
    for name in ("a.jpg", "cmyk.jpg", "a.webp", "lossless.webp"): go("image_" + name.replace(".", "_"), user(("image", name), "What is in the picture?"), tokens=6)
    draw(f"{m}/turned.png", 57, 113, seed + 22); im = Image.open(f"{m}/turned.png"); exif = im.getexif(); exif[0x0112] = 6; im.save(f"{m}/turned.jpg", exif=exif, quality=95); os.remove(f"{m}/turned.png")
    if go("image_exif", user(("image", "turned.jpg"), "What is in the picture?"), tokens=6): note(go.folder, "image_exif", exif="ignored")
    go("three_images", user(pic("panorama"), "and", pic("tower"), "and", pic("odd"), "Which is larger?"), tokens=6)
    go("three_shapes", user(pic("wide"), pic("tall"), pic("tiny"), "Which is larger?"), tokens=6)
    go("many_turns", turns([pic("odd"), "What is in the picture?"], [pic("exact"), "And here?"], ["Why?"], ["And in this one?", pic("panorama")]), tokens=6)
    go("media_only", user(pic("odd")), tokens=6)
    go("texts", user("  two  spaces\n\n\ttab  ", pic("odd"), "é e\u0301 ﬁ 한글 हिन्दी 👩‍👩‍👧 don't I'LL 3,141.59\r\n  x"), tokens=6)
    go("system", [t("system", "You are a helpful assistant.")] + user(pic("odd"), "What is in the picture?"), tokens=6)

def sounds(go, m, seed, f, window=30):
    """Lengths of sound; [window] is the encoder's, in seconds."""
    lengths = dict(a0_05s=.05, a0_03s=.03, a0_5s=.5, a2s=2.0, just_under=window - .01, one_window=float(window), over=window + 1.0)
    for k, (name, s) in enumerate(lengths.items()): tone(f"{m}/{name}.wav", s, seed + k); go(f"audio_{name}", user(("audio", f"{name}.wav"), "What is said?"), tokens=6)
    wav(f"{m}/silence.wav", np.zeros(16000)); wav(f"{m}/loud.wav", np.sign(np.sin(np.arange(20000) / 9)))
    for name in ("silence", "loud"): go(f"audio_{name}", user(("audio", f"{name}.wav"), "What is said?"), tokens=6)
    if f.audios > 1:
        go("three_audios", user(("audio", "a0_5s.wav"), "and", ("audio", "a0_05s.wav"), ("audio", "a2s.wav"), "Which is the longest?"), tokens=6)
        go("many_turns", turns([("audio", "a2s.wav"), "What is said?"], [("audio", "silence.wav"), "And here?"], ["Why?"], ["And in this one?", ("audio", "a0_5s.wav")]), tokens=6)

def films(go, m, seed, f):
    """Rates and lengths of film."""
    clip(f"{m}/short.mkv", 64, 48, 4, 8, seed, sound=False); clip(f"{m}/five.mkv", 64, 48, 5, 5, seed + 1, sound=False); clip(f"{m}/film.mkv", 60, 44, 150, 25, seed + 2, sound=True)
    clip(f"{m}/ntsc.mkv", 48, 64, 60, "30000/1001", seed + 3, sound=False)
    for name in ("short", "five", "film", "ntsc"): go(f"video_{name}", user(("video", f"{name}.mkv"), "Describe the video."), tokens=6)
    for fps in (.5, 1.0, 3.3): go(f"film_at_{str(fps).replace('.', '_')}", user(("video", "film.mkv"), "Describe the video."), fps=fps, tokens=6)
    go("two_clips", user(("video", "film.mkv"), "and", ("video", "ntsc.mkv"), "Which is the longest?"), tokens=6)
    go("film_turns", turns([("video", "five.mkv"), "Describe the video."], ["And this one?", ("video", "short.mkv")]), tokens=6)

# float16: not for the Qwen-VL families, whose script writes the other two
VARIANTS = dict(seed=(standard, 21, {}), shards=(standard, 41, dict(shards=3)), bfloat16=(standard, 42, dict(dtype=bf16)), float32=(standard, 43, dict(dtype=f32)), float16=(standard, 44, dict(dtype=f16)))

# -- the families

def qwen_vl(family, **more):
    three = family == "qwen3_vl"
    sizes = dict(sizes=dict(hidden=96, layers=4, heads=6, kv_heads=3, head_dim=20 if three else 24, mrope=(4, 3, 3) if three else (4, 2, 2), vision=(48, 5, 3), pixels=(4, 16)),
        mqa=dict(hidden=80, layers=2, heads=5, kv_heads=1, head_dim=32, mrope=(8, 4, 4) if three else (2, 3, 3), vision=(32, 3, 1), theta=1e4), **more)
    choices = dict(hidden=[64, 128], layers=[2, 4], vision=[(24, 3, 3), (32, 5, 2), (48, 4, 3)], theta=[20.0, 100.0, 1e4], pixels=[(2, 6), (4, 20), (1, 40)])
    if three: choices.update(deepstack=[(0,), (0, 1), (1, 2), (2, 1), ()], positions=[16, 49, 100], head_dim=[24], vision=[(24, 3, 3), (32, 5, 2)])
    else: choices.pop("hidden")
    if family == "qwen2_5_vl": choices.update(fullatt=[(0,), (1, 2), ()], window=[56, 112], tokens_per_second=[1, 2, 4, 25])
    if three: sizes["deepstack"] = dict(deepstack=(1, 3, 2), positions=36, layers=5, vision=(32, 4, 2))
    if family == "qwen2_5_vl": sizes["windows"] = dict(window=112, fullatt=(0, 2), tokens_per_second=4, pixels=(16, 60))
    return Family("qwen_vl", fixed=dict(family=family), sizes={**sizes, "tied": dict(tied=True), "processor_config": dict(published_layout=False)}, choices=choices, video=True)

def uneven(go, m, seed):
    draw(f"{m}/p.png", 420, 130, seed); draw(f"{m}/q.png", 60, 190, seed + 1); draw(f"{m}/r.png", 90, 80, seed + 2)
    return pic("p"), pic("q"), pic("r")

def pan(go, m, seed, f):
    p, q, r = uneven(go, m, seed)
    for name, knobs in dict(a=(48, 4, 1.2), b=(30, 2, 1.0), c=(60, 6, 1.5), published=(256, 4, 1.2)).items():
        for n, part in dict(wide=p, tall=q, square=r).items(): go(f"pan_{name}_{n}", user(part, "What is in the picture?"), pan_and_scan=knobs, tokens=6)
        go(f"pan_{name}_three", user(p, "and", q, "and", r, "Which?"), pan_and_scan=knobs, tokens=6)

def whole(go, m, seed, f):
    p, q, r = uneven(go, m, seed)
    go("whole", user(p, q, "Which?"), split=False, tokens=6); go("split", user(p, q, r, "Which?"), tokens=6)

def slices(go, m, seed, f):
    p, q, r = uneven(go, m, seed)
    for n in (1, 2, 4, 9): go(f"slices_{n}", user(p, "and", q, r, "Which?"), max_slices=n, tokens=6)

def slices_4x(go, m, seed, f):
    slices(go, m, seed, f)
    for mode in ("4x", "16x"): go(f"mode_{mode}", user(pic("p"), "and", pic("q"), "Which?"), downsample=mode, tokens=6)

def longest(go, m, seed, f):
    slices(go, m, seed, f)
    for side in (112, 200, 336): go(f"longest_{side}", user(pic("p"), "and", pic("r"), "Which?"), longest=side, tokens=6)

def adapters(go, m, seed, f):
    standard(go, m, seed, f); tone(f"{m}/long.wav", 20.1, seed + 3); tone(f"{m}/chunk.wav", 20.02 * .25, seed + 4)
    go("long_audio", user(("audio", "long.wav"), "What is said at the end?"), tokens=6); go("image_and_long_audio", user(pic("b"), ("audio", "long.wav")), tokens=6)

llama = dict(layers=[1, 2, 4], shards=[1, 1, 3], dtype=[f32, bf16])
decoder = dict(**llama, hidden=[64, 96], heads=[4], kv_heads=[1, 2, 4], tied=[False, False, True])
FAMILIES = dict(
    qwen2_vl=qwen_vl("qwen2_vl"), qwen2_5_vl=qwen_vl("qwen2_5_vl"), qwen3_vl=qwen_vl("qwen3_vl"),
    gemma3=Family("gemma3/gemma3", cases=pan, sizes=dict(sizes=dict(hidden=96, layers=7, heads=6, kv_heads=3, head_dim=16, mlp=160, query_scalar=20, window=9, pattern=2, vision=(48, 3, 3)),
        untied=dict(tied=False), published_layout=dict(published_layout=True, dtype=bf16), rope=dict(rope=(1e5, 50.0, 4.0), window=5, pattern=6, layers=6), pool=dict(image_size=84, patch=7, image_tokens=9),
        wide_window=dict(window=4096)), choices=dict(**llama, hidden=[48, 64], heads=[2, 4], kv_heads=[1, 2], head_dim=[16, 24, 32], query_scalar=[16, 32, 50], tied=[True, False], window=[3, 12, 40],
        pattern=[2, 3, 6], rope=[None, (1e4, 1e3, 2.0)], vision=[(32, 3, 4), (24, 1, 2)], published_layout=[True, False])),
    idefics3=Family("idefics3/idefics3", fixed=dict(family="idefics3"), cases=whole, sizes=dict(sizes=dict(hidden=96, layers=2, heads=6, kv_heads=2, head_dim=24, vision=(48, 3, 3), image_size=42, scale=3, tiles=3),
        tied=dict(tied=True), published_layout=dict(published_layout=True, dtype=bf16), tiles=dict(image_size=48, patch=8, tiles=4)), choices=dict(**decoder, image_size=[56, 84], tiles=[2, 3, 4], vision=[(24, 1, 2), (32, 3, 4)])),
    smolvlm=Family("idefics3/idefics3", fixed=dict(family="smolvlm"), cases=whole, video=True, both=False, sizes=dict(sizes=dict(hidden=96, layers=2, heads=6, kv_heads=2, head_dim=24, vision=(48, 3, 3), image_size=42, scale=3, tiles=3),
        tied=dict(tied=True), published_layout=dict(published_layout=True, dtype=bf16), tiles=dict(image_size=48, patch=8, tiles=4)), choices=dict(**decoder, image_size=[56, 84], tiles=[2, 3, 4], vision=[(24, 1, 2), (32, 3, 4)])),
    llava=Family("llava", fixed=dict(family="llava"), sizes=dict(sizes=dict(hidden=96, layers=2, heads=6, kv_heads=2, head_dim=24, vision=(48, 4, 3), image_size=60, patch=12), tied=dict(tied=True),
        published_layout=dict(published_layout=True, dtype=bf16), layers_joined=dict(feature_layer=[-3, -2, 1]), last_layer=dict(feature_layer=-1)), choices=dict(**decoder, feature_layer=[-1, -2, 1], image_size=[56, 70])),
    llava_siglip=Family("llava", fixed=dict(family="llava_siglip"), sizes=dict(sizes=dict(hidden=96, layers=2, heads=6, kv_heads=2, vision=(48, 4, 3), image_size=60, patch=14), tied=dict(tied=True),
        published_layout=dict(published_layout=True, dtype=bf16), earlier_layer=dict(feature_layer=-2)), choices=dict(**decoder, feature_layer=[-1, -2, 1], image_size=[44, 51])),
    llava_onevision=Family("llava", fixed=dict(family="llava_onevision"), video=True, sizes=dict(sizes=dict(hidden=96, layers=2, heads=6, kv_heads=2, vision=(48, 4, 3), image_size=51, patch=10, grid=3, max_patches=4),
        tied=dict(tied=True), published_layout=dict(published_layout=True, dtype=bf16), grid=dict(grid=6, image_size=27, patch=4, max_patches=9)), choices=dict(**decoder, image_size=[40, 44], grid=[2, 3, 6], max_patches=[2, 4, 9])),
    minicpmv4_6=Family("minicpmv/minicpmv4_6", cases=slices_4x, sizes=dict(sizes=dict(hidden=96, layers=3, heads=6, kv_heads=3, vision=(48, 4, 3), insert=2, scale=112, patch=14), qwen2=dict(text="qwen2", tied=True),
        tied=dict(tied=True), no_id=dict(use_image_id=False, max_slices=4), four=dict(downsample="4x")), choices=dict(**decoder, text=["qwen2", "qwen3"], insert=[0, 1, 2], scale=[64, 80, 120],
        max_slices=[1, 4, 9], use_image_id=[True, False])),
    minicpmv2_6=Family("minicpmv/minicpmv2_6", cases=slices, reference=True, sizes=dict(sizes=dict(hidden=384, layers=3, heads=6, kv_heads=2, queries=12, vision=(48, 4, 3), positions=25, scale=84, max_slices=4), no_id=dict(use_image_id=False),
        drop_last=dict(drop_last=True)), choices=dict(**llama, queries=[4, 9, 16], scale=[56, 70, 112], max_slices=[1, 3, 9], positions=[8, 16, 70], drop_last=[True, False], use_image_id=[True, False])),
    mobilevlm_v2=Family("mobilevlm/mobilevlm", fixed=dict(projector="ldpnetv2"), reference=True, sizes=dict(sizes=dict(hidden=96, layers=3, heads=6, kv_heads=3, vision=(48, 4, 3)), side=dict(side=112, patch=7, select=-1),
        square=dict(aspect=None)), choices=dict(**llama, hidden=[64, 128], heads=[4, 8], kv_heads=[4], select=[-1, -2], side=[96, 112, 68])),
    mobilevlm_v1=Family("mobilevlm/mobilevlm", fixed=dict(projector="ldpnet"), reference=True, sizes=dict(sizes=dict(hidden=96, layers=3, heads=6, kv_heads=3, vision=(48, 4, 3)), square=dict(aspect=None)),
        choices=dict(**llama, hidden=[64, 128], heads=[4, 8], kv_heads=[4], select=[-1, -2])),
    llava_uhd=Family("llava_uhd/llava_uhd", cases=longest, reference=True, sizes=dict(sizes=dict(hidden=256, layers=3, heads=8, kv_heads=4, vision=(48, 4, 3), scale=84, max_slices=4), one=dict(max_slices=1)),
        choices=dict(**llama, scale=[56, 70, 98], max_slices=[1, 4, 7], select=[-1, -2])),
    phi4_multimodal=Family("phi4_multimodal/phi4_multimodal", cases=adapters, audio=True, audios=1, sizes=dict(transformers=dict(layout="transformers"), untied=dict(tied=False), transformers_untied=dict(layout="transformers", tied=False, shards=2, dtype=bf16),
        sizes=dict(hidden=48, layers=2, heads=3, kv_heads=3, partial=.5, vision=(48, 4, 3), audio=(48, 2, 3), conv_channels=8, time_reduction=8, lora=((2, 8), (5, 5)), dynamic_hd=3), long_context=dict(original_max=64),
        bias=dict(bias_distance=20, time_reduction=8)), choices=dict(**llama, hidden=[24, 48], heads=[3], kv_heads=[1, 3], partial=[.5, .75, 1.0], tied=[True, False], time_reduction=[4, 8], layout=["published", "transformers"], dynamic_hd=[1, 4, 12],
        bias_distance=[30, 500], original_max=[100, 4096])),
    qwen2_audio=Family("qwen2_audio/qwen2_audio", image=False, audio=True, sizes=dict(sizes=dict(hidden=96, layers=2, heads=6, kv_heads=3, audio=(48, 4, 3), mels=80, seconds=10, theta=1e6), tied=dict(tied=True)),
        choices=dict(**decoder, audio=[(32, 1, 2), (64, 4, 8)], mels=[80, 128], seconds=[2, 5, 30])),
    mllama=Family("mllama/mllama", sizes=dict(sizes=dict(hidden=96, layers=6, cross=(1, 3, 4), heads=6, kv_heads=3, vision=(48, 5, 3), global_layers=3, intermediate=(1, 2, 4), image_size=56), tiles=dict(max_tiles=6, image_size=28),
        one_tile=dict(max_tiles=1), patches=dict(image_size=70, patch=10)), choices=dict(dtype=[f32, bf16], shards=[1, 1, 3], hidden=[64, 96], heads=[4], kv_heads=[1, 2, 4], cross=[(1,), (2,), (1, 2)], layers=[3, 4], global_layers=[1, 3], intermediate=[(0,), (1, 3), (3, 1)],
        max_tiles=[2, 3, 4], image_size=[28, 56])))

def own(name, f):
    """The variants of one model: the common ones, its sizes, its pictures, films and sounds, and the cases that only it has."""
    out = {n: v for n, v in VARIANTS.items() if n != "float16" or f.script != "qwen_vl"}
    out.update({n: (standard, 50 + i, s) for i, (n, s) in enumerate(f.sizes.items())})
    if f.image: out.update(pictures=(pictures, 71, {}), pictures_sizes=(pictures, 72, f.sizes.get("sizes", {})))
    if f.video: out.update(films=(films, 73, {}))
    if f.audio: out.update(sounds=(sounds, 74, {}))
    if name == "qwen2_audio": out.update(sounds_short=(lambda go, m, seed, f: sounds(go, m, seed, f, 2), 75, dict(seconds=2)))
    if f.cases: out.update(own=(f.cases, 76, {}), own_sizes=(f.cases, 77, f.sizes.get("sizes", {})))
    return out

def anything(n, f):
    """Random keywords and conversations."""
    r = random.Random(500 + n)
    sizes = {k: r.choice(v) for k, v in f.choices.items() if r.random() < .7}
    def make(go, m, seed, f):
        kinds = []
        if f.image:
            for k in range(4): draw(f"{m}/{k}.png", r.choice([r.randint(3, 30), r.randint(20, 300)]), r.choice([r.randint(2, 30), r.randint(20, 300)]), seed + k, r.choice(["RGB", "RGB", "L", "P"]))
            kinds.append(lambda: pic(str(r.randint(0, 3))))
        if f.audio:
            for k in range(3): tone(f"{m}/{k}.wav", r.choice([.06, r.uniform(.1, 4)]), seed + k)
            kinds.append(lambda: ("audio", f"{r.randint(0, 2)}.wav"))
        if f.video and f.both:
            for k in range(2): clip(f"{m}/{k}.mkv", r.randint(20, 60) * 2, r.randint(20, 50) * 2, r.randint(4, 40), r.choice([5, 8, 12]), seed + k, sound=False)
            kinds.append(lambda: ("video", f"{r.randint(0, 1)}.mkv"))
        for c in range(5):
            heard, said = 0, []
            for turn in range(r.randint(1, 3)):
                parts = []
                for _ in range(r.randint(0 if turn else 1, 3)):
                    p = r.choice(kinds)(); heard += p[0] == "audio"
                    if p[0] == "audio" and heard > f.audios: continue
                    parts.append(p)
                    if r.random() < .5: parts.append(r.choice(["and", " then ", "First", "图片"]))
                said.append([*parts, r.choice(["What is said?", "Which is the longest?", "¿Cuántos hay?"])])
            go(f"random_{c}", turns(*said), tokens=6)
    return make, 900 + n, sizes

def note(folder, name, **options):
    """Adds options that the script has no word for."""
    path = f"{folder}/cases/{name}.json"
    with open(path) as f: c = json.load(f)
    c["options"].update(options)
    with open(path, "w") as f: json.dump(c, f, indent=1, ensure_ascii=False)

if __name__ == "__main__":
    a = argparse.ArgumentParser(); a.add_argument("out"); a.add_argument("model", choices=FAMILIES); a.add_argument("names", nargs="*"); a.add_argument("--random", type=int, default=0); a.add_argument("--reference")
    a = a.parse_args(); f = FAMILIES[a.model]
    sys.path[1:1] = [HERE, os.path.dirname(os.path.join(HERE, f.script))]
    script = importlib.import_module(os.path.basename(f.script))
    every = own(a.model, f)
    todo = {n: every[n] for n in a.names or ([] if a.random else every)}
    todo.update({f"random-{n}": anything(n, f) for n in range(a.random)})
    for name, (make, seed, sizes) in todo.items():
        folder = f"{a.out}/{a.model}-{name}"; shutil.rmtree(folder, ignore_errors=True); os.makedirs(f"{folder}/media")
        try: model, processor = script.build(folder, seed, **{**f.fixed, **(dict(reference=a.reference) if f.reference else {}), **sizes})
        except Exception as e:  # sizes that the reference itself refuses
            print(f"{folder}: NO FOLDER, {type(e).__name__} {str(e)[:300]} {sizes}", flush=True); shutil.rmtree(folder); continue
        def go(name, messages, **k):
            try:
                try: script.case(folder, name, model, processor, messages, **k)
                except AssertionError as e:  # a medium among many moves the answer less: enough while it shows above verify's bound
                    moved = re.search(r"hardly move.*\(([\d.e-]+)\)$", str(e))
                    if not moved or float(moved[1]) < .01 or "probe" not in inspect.signature(script.case).parameters: raise
                    script.case(folder, name, model, processor, messages, **{**k, "probe": False})
                return True
            except Exception as e:  # what the reference refuses, or weights of this seed that ignore a medium: no case
                print(f"{folder} {name}: LEFT OUT, {type(e).__name__} {str(e)[:300]}", flush=True); return False
        go.folder, go.drops_alpha = folder, a.model != "mllama"
        make(go, f"{folder}/media", seed, f)
        if not os.path.isdir(f"{folder}/cases"): print(f"{folder}: no case", flush=True); shutil.rmtree(folder)
