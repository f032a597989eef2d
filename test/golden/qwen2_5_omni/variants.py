"""Other golden folders of Qwen2.5-Omni, too many and too large to keep: other seeds, sizes, storage and media. Usage, from the repository root:
python test/golden/qwen2_5_omni/variants.py OUT [NAME...] [--random N]. Writes OUT/omni-NAME for each NAME (none: all), and N random ones (omni-random-0..).
Needs what qwen2_5_omni.py needs, and an ffmpeg with libx264, aac, libmp3lame and libwebp."""
import argparse, json, os, random, re, shutil, subprocess, sys, wave
import numpy as np
import torch
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")]
from PIL import Image
from golden import clip, draw, tone
from qwen2_5_omni import build, case, user

def ffmpeg(*args): subprocess.run(["ffmpeg", "-v", "error", "-y", *args], check=True)

def wav(path, samples, rate=16000):
    """float [n] or [n, channels] to 16-bit wav."""
    samples = np.asarray(samples); pcm = np.clip(np.round(samples * 32767), -32768, 32767).astype("<i2")
    with wave.open(path, "wb") as w:
        w.setnchannels(1 if samples.ndim == 1 else samples.shape[1]); w.setsampwidth(2); w.setframerate(rate); w.writeframes(pcm.tobytes())

def say(role, *parts): return [{**user(*parts)[0], "role": role}]

def standard(go, m, seed):
    """The cases of the committed folder."""
    draw(f"{m}/a.png", 130, 90, seed); tone(f"{m}/a.wav", 1.7, seed); clip(f"{m}/clip.mkv", 96, 64, 40, 8, seed)
    go("text", user("What is in the picture?"))
    go("image", user(("image", "a.png"), "What is in the picture?"))
    go("audio", user(("audio", "a.wav"), "What is said?"))
    go("video", user(("video", "clip.mkv"), "Describe the video."))
    go("video_with_sound", user(("video", "clip.mkv"), "What is said while the ball moves?"), sound=True)
    go("mixed", user("First", ("image", "a.png"), "then", ("audio", "a.wav"), "then", ("video", "clip.mkv"), "Which is the longest?"))

def formats(go, m, seed):
    """Lossy and other containers and codecs."""
    clip(f"{m}/source.mkv", 128, 80, 50, 12.5, seed); tone(f"{m}/source.wav", 2.3, seed + 3); draw(f"{m}/source.png", 210, 140, seed)
    source = Image.open(f"{m}/source.png")
    ffmpeg("-i", f"{m}/source.mkv", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", f"{m}/clip.mp4")
    ffmpeg("-i", f"{m}/source.mkv", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ar", "44100", "-ac", "2", "-movflags", "+faststart", f"{m}/fast.mp4")
    ffmpeg("-i", f"{m}/source.mkv", "-c:v", "libvpx-vp9", "-b:v", "300k", "-c:a", "libopus", f"{m}/clip.webm")
    ffmpeg("-i", f"{m}/source.mkv", "-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le", f"{m}/b-frames.mov")
    ffmpeg("-i", f"{m}/source.wav", "-c:a", "libmp3lame", f"{m}/a.mp3")
    ffmpeg("-i", f"{m}/source.wav", "-c:a", "aac", f"{m}/a.m4a")
    ffmpeg("-i", f"{m}/source.wav", "-c:a", "flac", f"{m}/a.flac")
    ffmpeg("-i", f"{m}/source.wav", "-c:a", "libvorbis", "-ar", "48000", "-ac", "2", f"{m}/a.ogg")
    ffmpeg("-i", f"{m}/source.wav", "-ar", "44100", "-ac", "2", "-c:a", "pcm_s24le", f"{m}/stereo.wav")
    ffmpeg("-i", f"{m}/source.wav", "-ar", "8000", "-c:a", "pcm_mulaw", f"{m}/telephone.wav")
    ffmpeg("-i", f"{m}/source.wav", "-c:a", "pcm_f32le", f"{m}/float.wav")
    source.save(f"{m}/a.jpg", quality=85); source.save(f"{m}/full.jpg", quality=92, subsampling=0); source.save(f"{m}/progressive.jpg", progressive=True, quality=70)
    source.save(f"{m}/a.webp", lossless=True); source.save(f"{m}/lossy.webp", quality=80); source.save(f"{m}/a.tiff"); source.save(f"{m}/a.gif")
    for name in ("source.mkv", "source.wav", "source.png"): os.remove(f"{m}/{name}")
    for f in ("a.jpg", "full.jpg", "progressive.jpg", "a.webp", "lossy.webp", "a.tiff", "a.gif"): go("image_" + f.replace(".", "_"), user(("image", f), "What is in the picture?"))
    for f in ("a.mp3", "a.m4a", "a.flac", "a.ogg", "stereo.wav", "telephone.wav", "float.wav"): go("audio_" + f.replace(".", "_"), user(("audio", f), "What is said?"))
    for f in ("clip.mp4", "fast.mp4", "clip.webm", "b-frames.mov"):
        name = f.replace(".", "_").replace("-", "_")
        go("video_" + name, user(("video", f), "Describe the video.")); go("sound_" + name, user(("video", f), "What is said?"), sound=True)
    go("mixed", user(("video", "clip.mp4"), ("image", "a.jpg"), ("audio", "a.mp3"), ("image", "lossy.webp"), "Which is the longest?"), sound=True)

def pictures(go, m, seed):
    """Shapes and kinds of picture."""
    sizes = dict(tiny=(3, 2), wide=(1200, 11), tall=(9, 700), large=(1000, 640), exact=(112, 84), odd=(57, 113), shrink_and_grow=(2000, 20))
    for k, (name, (w, h)) in enumerate(sizes.items()): draw(f"{m}/{name}.png", w, h, seed + k)
    for mode in ("L", "P", "RGBA", "LA", "CMYK", "1"):
        path = f"{m}/{mode.lower()}.{'jpg' if mode == 'CMYK' else 'png'}"
        if mode in ("LA", "1", "CMYK"): draw(f"{m}/temp.png", 90, 60, seed + 20); Image.open(f"{m}/temp.png").convert(mode).save(path); os.remove(f"{m}/temp.png")
        else: draw(path, 90, 60, seed + 20, mode)
    Image.fromarray((np.random.default_rng(seed).random((60, 90)) * 400).astype(np.uint16)).save(f"{m}/deep.png")  # Pillow clips 16-bit grey at 255
    for name in sizes: go("image_" + name, user(("image", f"{name}.png"), "What is in the picture?"))
    for f in ("l.png", "p.png", "rgba.png", "la.png", "cmyk.jpg", "1.png", "deep.png"): go("image_mode_" + f.split(".")[0], user(("image", f), "What is in the picture?"))
    go("three_images", user(("image", "wide.png"), "and", ("image", "tall.png"), ("image", "tiny.png"), "Which is larger?"))
    turned = Image.open(f"{m}/odd.png"); exif = turned.getexif(); exif[0x0112] = 6; turned.save(f"{m}/turned.jpg", exif=exif, quality=95)
    go("image_exif", user(("image", "turned.jpg"), "What is in the picture?"))
    note(go.folder, "image_exif", exif="ignored")

def note(folder, name, **options):
    """Adds options that this family's script has no word for."""
    path = f"{folder}/cases/{name}.json"
    with open(path) as f: c = json.load(f)
    c["options"].update(options)
    with open(path, "w") as f: json.dump(c, f, indent=1, ensure_ascii=False)

def sounds(go, m, seed):
    """Lengths of sound."""
    lengths = dict(a0_05s=.05, a0_03s=.03, one_window=1.0, just_over=1.01, two_windows=2.0, a29_99s=29.99, a30s=30.0, a31s=31.0)
    for k, (name, s) in enumerate(lengths.items()):
        tone(f"{m}/{name}.wav", s, seed + k); go(f"audio_{name}", user(("audio", f"{name}.wav"), "What is said?"), tokens=6)
    wav(f"{m}/silence.wav", np.zeros(16000)); wav(f"{m}/loud.wav", np.sign(np.sin(np.arange(20000) / 9)))
    go("audio_silence", user(("audio", "silence.wav"), "What is said?")); go("audio_loud", user(("audio", "loud.wav"), "What is said?"))
    tone(f"{m}/b.wav", 3.3, seed + 9)
    go("three_audios", user(("audio", "b.wav"), "and", ("audio", "a0_05s.wav"), ("audio", "silence.wav"), "Which is the longest?"))

def clips(go, m, seed):
    """Rates, lengths and sound of film."""
    clip(f"{m}/short.mkv", 64, 48, 4, 8, seed); clip(f"{m}/five.mkv", 64, 48, 5, 5, seed + 1); clip(f"{m}/film.mkv", 60, 44, 300, 25, seed + 2)
    clip(f"{m}/ntsc.mkv", 64, 48, 90, "30000/1001", seed + 3, sound=False); clip(f"{m}/silent.mkv", 64, 48, 24, 12, seed + 4, sound=False)
    tone(f"{m}/long.wav", 9, seed + 5); tone(f"{m}/brief.wav", .05, seed + 6)
    for name, sound in (("sound_longer", "long.wav"), ("sound_shorter", "brief.wav")):
        ffmpeg("-i", f"{m}/film.mkv", "-i", f"{m}/{sound}", "-t", "6" if name == "sound_shorter" else "20", "-map", "0:v", "-map", "1:a", "-vf", "trim=0:6,setpts=PTS-STARTPTS", "-c:v", "ffv1", "-c:a", "pcm_s16le", f"{m}/{name}.mkv")
    ask = "What is said while the ball moves?"
    for f in ("short", "five", "film", "sound_longer", "sound_shorter"): go(f"sound_{f}", user(("video", f"{f}.mkv"), ask), sound=True)
    for f in ("short", "five", "ntsc", "silent"): go(f"video_{f}", user(("video", f"{f}.mkv"), "Describe the video."))
    for fps in (.25, .5, 1.0, 3.3, 5.0): go(f"film_at_{str(fps).replace('.', '_')}", user(("video", "film.mkv"), ask), fps=fps, sound=True)  # 25: window cuts fall inside steps where one is long
    go("film_large_frames", user(("video", "film.mkv"), ask), fps=.5, video_pixels=(16 * 784, 40 * 784), sound=True)
    go("two_clips", user(("video", "film.mkv"), "and", ("video", "film.mkv"), ask), fps=1.0, sound=True)
    go("two_clips_no_sound", user(("video", "film.mkv"), "and", ("video", "film.mkv"), "Which?"), fps=1.0)
    go("clip_and_audio", user(("audio", "brief.wav"), ("video", "film.mkv"), "and", ("audio", "long.wav"), ask), sound=True)

def turns(go, m, seed):
    """Media in several turns, a system message, texts that tokenizers treat in their own ways."""
    draw(f"{m}/a.png", 130, 90, seed); draw(f"{m}/b.png", 60, 150, seed + 1); tone(f"{m}/a.wav", 1.7, seed); tone(f"{m}/b.wav", .6, seed + 1); clip(f"{m}/clip.mkv", 96, 64, 40, 8, seed)
    reply = lambda t: [dict(role="assistant", content=t)]
    go("turns", user(("image", "a.png"), "What is in the picture?") + reply("The red square.") + user(("audio", "a.wav"), "And here?") + reply("A voice says seven.") +
        user(("video", "clip.mkv"), "And in this one?") + reply("It moves.") + user(("image", "b.png"), ("audio", "b.wav"), "And now?"))
    go("turns_with_sound", user(("video", "clip.mkv"), "What is said?") + reply("Seven.") + user(("audio", "b.wav"), ("image", "b.png"), "And here?") + reply("Yes.") + user("Why?"), sound=True)
    go("system", say("system", "You are a helpful assistant.") + user(("image", "a.png"), "What is in the picture?"))
    go("content_lists", say("system", "You are a helpful assistant.") + user(("image", "a.png"), "Q") + say("assistant", "No. ", "Yes.") + user("A", "B"))
    go("media_last", user("What is said? ", ("audio", "a.wav")))
    go("media_only", user(("image", "a.png"), ("image", "b.png")))
    go("texts", user("  two  spaces\n\n\ttab  ", ("image", "a.png"), "é e\u0301 ﬁ 한글 हिन्दी 👩‍👩‍👧 don't I'LL 3,141.59\r\n  x"))

def everything(go, m, seed): standard(go, m, seed); turns(go, m, seed)

VARIANTS = dict(
    seed=(standard, 21, {}), seed2=(everything, 77, {}),
    sizes=(everything, 31, dict(hidden=96, layers=4, heads=6, kv_heads=3, mrope=(4, 2, 2), vision=(48, 5, 3), fullatt=(0, 2, 4), window=112, audio=(48, 3, 4), n_window=25)),
    mqa=(standard, 32, dict(hidden=80, layers=2, heads=5, kv_heads=1, mrope=(3, 3, 2), vision=(40, 3, 5), fullatt=(2,), window=84, audio=(24, 1, 3), n_window=100, theta=10000.0)),
    wide_heads=(standard, 33, dict(hidden=128, layers=2, heads=2, kv_heads=2, mrope=(16, 8, 8), vision=(32, 2, 1), fullatt=(), window=112, audio=(64, 2, 8), n_window=13, theta=1e6)),
    all_full=(standard, 34, dict(vision=(32, 3, 2), fullatt=(0, 1, 2))),
    window_112=(pictures, 35, dict(window=112)), n_window_25=(sounds, 36, dict(n_window=25)), n_window_100=(sounds, 37, dict(n_window=100)), n_window_13=(sounds, 38, dict(n_window=13)),
    shards=(standard, 41, dict(shards=3)), bfloat16=(standard, 42, dict(dtype=torch.bfloat16)), float16=(standard, 49, dict(dtype=torch.float16)), tied=(standard, 43, dict(tied=True)),
    processor_config=(standard, 44, dict(published_layout=False)), tied_bfloat16_shards=(everything, 45, dict(tied=True, dtype=torch.bfloat16, shards=5, published_layout=False)),
    formats=(formats, 51, {}), pictures=(pictures, 52, {}), sounds=(sounds, 53, {}), clips=(clips, 54, {}), turns=(turns, 55, {}),
    formats_processor_config=(formats, 56, dict(published_layout=False)))

def anything(n):
    """Random sizes, storage and conversations."""
    r = random.Random(1000 + n)
    kv = r.choice([1, 2, 3]); heads = kv * r.choice([1, 2, 3]); half = r.choice([8, 12, 16]); a = r.randint(2, half - 4); b = r.randint(1, half - a - 1)
    vh, vd, depth = r.choice([1, 2, 3]), r.choice([8, 16, 20]), r.randint(1, 5); ah, ad = r.choice([1, 2, 4]), r.choice([8, 16])
    sizes = dict(hidden=heads * half * 2, layers=r.randint(1, 4), heads=heads, kv_heads=kv, mrope=(a, b, half - a - b), tied=r.random() < .3, theta=r.choice([20.0, 50.0, 1e4, 1e6]),
        vision=(vh * vd, depth, vh), fullatt=tuple(sorted(r.sample(range(depth), r.randint(0, depth)))), window=r.choice([56, 84, 112]), audio=(ah * ad, r.randint(1, 3), ah),
        n_window=r.choice([7, 13, 25, 50, 64, 100]), shards=r.choice([1, 1, 2, 4]), dtype=r.choice([torch.float32, torch.bfloat16]), published_layout=r.random() < .5)
    def make(go, m, seed):
        for k in range(4): draw(f"{m}/{k}.png", r.choice([3, r.randint(20, 300)]), r.choice([2, r.randint(20, 300)]), seed + k, r.choice(["RGB", "RGB", "L", "P", "RGBA"]))
        for k in range(3): tone(f"{m}/{k}.wav", r.choice([.05, r.uniform(.05, 4)]), seed + k)
        for k in range(2): clip(f"{m}/{k}.mkv", r.randint(20, 90) * 2, r.randint(20, 60) * 2, r.randint(4, 80), r.choice([5, 8, 12, 25]), seed + k)
        for c in range(5):
            messages, film = [], f"{r.randint(0, 1)}.mkv"  # one rate for all videos of a prompt: the processor's own limit
            for t in range(r.randint(1, 3)):
                if t: messages.append(dict(role="assistant", content=r.choice(["Yes.", "The red square.", "I do not know."])))
                parts = []
                for _ in range(r.randint(0 if t else 1, 3)):
                    parts.append(r.choice([lambda: ("image", f"{r.randint(0, 3)}.png"), lambda: ("audio", f"{r.randint(0, 2)}.wav"), lambda: ("video", film)])())
                    if r.random() < .5: parts.append(r.choice(["and", " then ", "First", "图片"]))
                messages += user(*parts, r.choice(["What is said?", "Which is the longest?", "¿Cuántos hay?"]))
            low = r.randint(1, 6)
            go(f"random_{c}", messages, sound=r.random() < .6, fps=r.choice([2.0, 2.0, 1.0, .5, 3.0]), tokens=6, video_pixels=(low * 784, (low + r.randint(2, 10)) * 784))
    return make, 2000 + n, sizes

if __name__ == "__main__":
    a = argparse.ArgumentParser(); a.add_argument("out"); a.add_argument("names", nargs="*"); a.add_argument("--random", type=int, default=0); a = a.parse_args()
    todo = {n: VARIANTS[n] for n in a.names or ([] if a.random else VARIANTS)}
    todo.update({f"random-{n}": anything(n) for n in range(a.random)})
    for name, (make, seed, sizes) in todo.items():
        folder = f"{a.out}/omni-{name}"; shutil.rmtree(folder, ignore_errors=True); os.makedirs(f"{folder}/media")
        model, processor = build(folder, seed, **sizes)
        def go(name, messages, **k):
            try:
                try: case(folder, name, model, processor, messages, **k)
                except AssertionError as e:  # a medium among many moves the answer less: enough while it shows above verify's bound
                    moved = re.search(r"hardly move.*\(([\d.e-]+)\)$", str(e))
                    if not moved or float(moved[1]) < .01: raise
                    case(folder, name, model, processor, messages, **{**k, "probe": False})
            except Exception as e:  # what the reference refuses, or weights of this seed that ignore a medium: no case
                print(f"{folder} {name}: LEFT OUT, {type(e).__name__} {e}", flush=True)
        go.folder = folder
        make(go, f"{folder}/media", seed)
        if not os.path.isdir(f"{folder}/cases"): raise SystemExit(f"{folder}: no case")
