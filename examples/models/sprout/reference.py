"""Questions to the checkpoint through the published implementation, from real files. Frames and sound are read as the project reads them."""
import json, subprocess
import numpy as np
import torch
from PIL import Image
from features import VIDEO_PIXELS, sampled

def read_frames(path, fps=2.0):
    """uint8 [k, height, width, 3], and the frame rate that they were picked at."""
    s = json.loads(subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v:0", "-count_frames", "-show_entries", "stream=width,height,avg_frame_rate,nb_read_frames", "-of", "json", path], capture_output=True, check=True).stdout)["streams"][0]
    w, h, n = int(s["width"]), int(s["height"]), int(s["nb_read_frames"]); num, den = map(int, s["avg_frame_rate"].split("/"))
    raw = subprocess.run(["ffmpeg", "-v", "error", "-threads", "1", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True).stdout
    picked, rate = sampled(n, num / den, fps); return np.frombuffer(raw, np.uint8).reshape(n, h, w, 3)[picked], rate

def read_sound(path):
    return np.frombuffer(subprocess.run(["ffmpeg", "-v", "error", "-threads", "1", "-i", path, "-vn", "-ac", "1", "-ar", "16000", "-f", "f32le", "-"], capture_output=True, check=True).stdout, np.float32)

def prepare(processor, messages, folder, sound=False, change=None):
    """The processor's inputs for a conversation. change: a function of (images, videos, audios), to take something away."""
    images, videos, audios, rates = [], [], [], []
    for part in (p for m in messages if not isinstance(m["content"], str) for p in m["content"]):
        if part["type"] == "text": continue
        path = f"{folder}/{part['path']}"
        if part["type"] == "image": images.append(Image.open(path).convert("RGB"))
        elif part["type"] == "audio": audios.append(read_sound(path))
        else:
            f, rate = read_frames(path); videos.append(torch.from_numpy(f.copy()).permute(0, 3, 1, 2)); rates.append(rate)
            if sound: audios.append(read_sound(path))
    if change: change(images, videos, audios)
    extra = dict(videos=videos, videos_kwargs=dict(fps=rates[0], do_sample_frames=False, use_audio_in_video=sound, size=dict(shortest_edge=VIDEO_PIXELS[0], longest_edge=VIDEO_PIXELS[1]))) if videos else {}
    prompt = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    inputs = processor(text=prompt, images=images or None, audio=audios or None, return_tensors="pt", padding=True, **extra)
    if videos: inputs["video_second_per_grid"] = torch.as_tensor(inputs["video_second_per_grid"], dtype=torch.float32)
    return prompt, inputs

@torch.no_grad()
def say(model, processor, inputs, sound=False, tokens=12):
    out = model.generate(**inputs, max_new_tokens=tokens, do_sample=False, eos_token_id=processor.tokenizer.convert_tokens_to_ids("<|im_end|>"), pad_token_id=processor.tokenizer.convert_tokens_to_ids("<|endoftext|>"), **({"use_audio_in_video": sound} if "pixel_values_videos" in inputs else {}))
    return processor.tokenizer.decode(out[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True)
