"""Writes golden/: what the published implementation computes for this checkpoint, in the project's golden format.
    python golden.py --bank BANK.npz [--seed 11]"""
import argparse, json, os, shutil, subprocess, wave
import numpy as np
import torch
import transformers
from PIL import Image
from safetensors.torch import save_file
from features import VIDEO_PIXELS, sampled
from export import load
from reference import prepare
from scenes import SR, Grounds, Voices
from tasks import Tasks

HERE = os.path.dirname(os.path.abspath(__file__)); torch.set_num_threads(1)

def rows(x):
    """[rows, width] from whatever get_*_features returned."""
    if getattr(x, "pooler_output", None) is not None: x = x.pooler_output
    if isinstance(x, (list, tuple)): x = torch.cat([rows(v) for v in x])
    return x.reshape(-1, x.shape[-1]).float().contiguous()

def case(folder, name, model, processor, messages, sound=False, tokens=8):
    """Runs one conversation and writes its case."""
    parts = [p for m in messages if not isinstance(m["content"], str) for p in m["content"] if p["type"] != "text"]
    prompt, inputs = prepare(processor, messages, f"{folder}/media", sound); ids = inputs["input_ids"]; mask = inputs.get("feature_attention_mask"); out = dict(input_ids=ids[0]); ni = nv = na = 0
    with torch.no_grad():
        split = lambda values, grids: list(torch.split(values, grids.prod(-1).tolist()))
        images = split(inputs["pixel_values"], inputs["image_grid_thw"]) if "pixel_values" in inputs else []; videos = split(inputs["pixel_values_videos"], inputs["video_grid_thw"]) if "pixel_values_videos" in inputs else []
        def hear(i):
            nonlocal na
            n = int(mask[na].sum()); out[f"media.{i}.audio.features"] = inputs["input_features"][na][:, :n]; out[f"media.{i}.audio.embeddings"] = rows(model.get_audio_features(inputs["input_features"][na:na + 1], mask[na:na + 1])); na += 1
        for i, p in enumerate(parts):
            if p["type"] == "image": g = inputs["image_grid_thw"][ni]; out[f"media.{i}.image.features"], out[f"media.{i}.image.grid"], out[f"media.{i}.image.embeddings"] = images[ni], g, rows(model.get_image_features(images[ni], g[None])); ni += 1
            elif p["type"] == "audio": hear(i)
            else:
                g = inputs["video_grid_thw"][nv]; out[f"media.{i}.video.features"], out[f"media.{i}.video.grid"], out[f"media.{i}.video.embeddings"] = videos[nv], g, rows(model.get_video_features(videos[nv], g[None])); nv += 1
                if sound: hear(i)
        if ni or nv: pos, _ = model.get_rope_index(ids, inputs.get("image_grid_thw"), inputs.get("video_grid_thw"), inputs["attention_mask"], sound, mask.sum(-1) if mask is not None else None, inputs.get("video_second_per_grid")); out["position_ids"] = pos[:, 0].long()
        else: out["position_ids"] = torch.arange(ids.shape[1])[None].repeat(3, 1)
        made = model.generate(**inputs, max_new_tokens=tokens, do_sample=False, return_dict_in_generate=True, output_logits=True, eos_token_id=processor.tokenizer.convert_tokens_to_ids("<|im_end|>"), pad_token_id=processor.tokenizer.convert_tokens_to_ids("<|endoftext|>"), **({"use_audio_in_video": sound} if nv else {}))
    new = made.sequences[0, ids.shape[1]:]; out["tokens"], out["logits"] = new, torch.cat(made.logits).float(); text = processor.tokenizer.decode(new, skip_special_tokens=True)
    save_file({k: v.detach().contiguous().clone() for k, v in out.items()}, f"{folder}/cases/{name}.safetensors")
    with open(f"{folder}/cases/{name}.json", "w") as f:
        json.dump(dict(reference=f"transformers {transformers.__version__} Qwen2_5OmniThinkerForConditionalGeneration, float32, cpu", messages=messages, options=dict(useAudioInVideo=sound, fps=2, maxNewTokens=tokens, videoPixels=list(VIDEO_PIXELS)), prompt=prompt, text=text), f, indent=1, ensure_ascii=False)
    print(f"{name}: {ids.shape[1]} tokens -> {text!r}", flush=True)

def user(text, *media): return dict(role="user", content=[dict(type=t, path=p) for t, p in media] + [dict(type="text", text=text)])

if __name__ == "__main__":
    p = argparse.ArgumentParser(); p.add_argument("--bank", required=True); p.add_argument("--seed", type=int, default=11); a = p.parse_args(); folder = f"{HERE}/golden"
    shutil.rmtree(folder, ignore_errors=True); os.makedirs(f"{folder}/media"); os.makedirs(f"{folder}/cases"); open(f"{folder}/checkpoint.path", "w").write("../checkpoint\n")
    t = Tasks(a.seed, 1, Voices(a.bank), Grounds(a.seed, 20, (300, 400))); t.stretch = (1., 1.); model, processor = load(f"{HERE}/checkpoint"); go = lambda *x, **k: case(folder, x[0], model, processor, x[1], **k)
    frame = lambda s, at=0.: np.clip(np.round(s.draw(at)), 0, 255).astype(np.uint8)
    def picture(name, s): Image.fromarray(frame(s)).save(f"{folder}/media/{name}.png"); return "image", f"{name}.png"
    def pcm(path, x):
        with wave.open(path, "wb") as f: f.setnchannels(1); f.setsampwidth(2); f.setframerate(SR); f.writeframes((x.finish() * 32767).astype("<i2").tobytes())
    def sound(name, x): pcm(f"{folder}/media/{name}.wav", x); return "audio", f"{name}.wav"
    def film(name, s, n, rate, x=None):  # lossless, so that every decoder gives the same
        h, w = s.ground.shape[:2]; command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{w}x{h}", "-r", str(rate), "-i", "-"]
        if x: pcm(f"{folder}/media/sound.tmp", x); command += ["-f", "wav", "-i", f"{folder}/media/sound.tmp", "-c:a", "pcm_s16le"]
        subprocess.run(command + ["-c:v", "ffv1", "-pix_fmt", "bgr0", "-bitexact", f"{folder}/media/{name}.mkv"], input=b"".join(frame(s, i / rate).tobytes() for i in range(n)), check=True)
        if x: os.remove(f"{folder}/media/sound.tmp")
        return "video", f"{name}.mkv"
    def question(qs, task): return next(q for n, q, _ in qs if n == task)
    go("text", [user("What do you see?")])
    s, qs = t.picture(112, 112, "one"); go("picture", [user("What color is it?", picture("one", s))]); go("picture_shape", [user("What shape is it?", ("image", "one.png"))])
    s, qs = t.picture(240, 320, "many"); go("picture_count", [user("How many shapes are there?", picture("many", s))])
    s, qs = t.picture(90, 250, "pair"); go("picture_wide", [user(question(qs, "left of"), picture("wide", s))])
    ss, qs = t.two_pictures([(100, 130), (130, 100)]); go("two_pictures", [user("Is it the same color in both pictures?", picture("first", ss[0]), picture("second", ss[1]))])
    x, qs = t.sound(1.7, None, "digit"); go("sound_digit", [user("Which digit do you hear?", sound("digit", x))])
    x, qs = t.sound(2.2, None, "beeps"); go("sound_beeps", [user("How many beeps are there?", sound("beeps", x))])
    x, qs = t.sound(1.3, None, "silence"); go("sound_unknown", [user("Which word is said?", sound("silence", x))])
    k, _ = sampled(30, 10); step = 2.9 / 5
    s, qs = t.clip(84, 84, 3., step, "moves"); go("clip_direction", [user(question(qs, "direction") if any(q[0] == "direction" for q in qs) else "Which way does it move?", film("moves", s, 30, 10))])
    s, qs = t.clip(72, 96, 4., .56, "changes"); chain = [q for q in qs if q[0] in ("first color", "last color")]; go("clip_turns", [user(chain[0][1], film("changes", s, 40, 10)), dict(role="assistant", content=chain[0][2]), user(chain[1][1])])
    s, x, qs = t.joint(84, 84, 4., .56, None, "segments"); go("joint_word_while", [user(question(qs, "word while"), film("segments", s, 40, 10, x))], sound=True); go("joint_color_when", [user(next((q for n, q, _ in qs if n == "color when"), "What color is it at first?"), ("video", "segments.mkv"))], sound=True)
    s, x, qs = t.joint(84, 112, 3., step, None, "before"); go("joint_before", [user(question(qs, "before or after"), film("before", s, 30, 10, x))], sound=True)
    s, x, qs = t.joint(84, 84, 4., .56, None, "moving"); go("joint_moving", [user(question(qs, "moving when"), film("moving", s, 40, 10, x))], sound=True)
    s, qs = t.printed(96, 150, "number"); go("picture_number", [user("Which number is written?", picture("number", s))])
