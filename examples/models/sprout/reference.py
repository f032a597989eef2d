"""Questions to the checkpoint through the published implementation, from real files.

Frames and sound are read as the project reads them."""
import json
import subprocess

import numpy as np
import torch
from PIL import Image

from features import VIDEO_PIXELS, sampled


def _output(*command: str) -> bytes:
    return subprocess.run(command, capture_output=True, check=True).stdout


def read_frames(path: str, fps=2.0) -> tuple[np.ndarray, float]:
    """uint8 [k, height, width, 3], and the frame rate that they were picked at."""
    described = _output(
        "ffprobe", "-v", "error", "-select_streams", "v:0", "-count_frames",
        "-show_entries", "stream=width,height,avg_frame_rate,nb_read_frames", "-of", "json", path,
    )
    stream = json.loads(described)["streams"][0]
    w, h, n = int(stream["width"]), int(stream["height"]), int(stream["nb_read_frames"])
    over, under = map(int, stream["avg_frame_rate"].split("/"))
    raw = _output("ffmpeg", "-v", "error", "-threads", "1", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    picked, rate = sampled(n, over / under, fps)
    return np.frombuffer(raw, np.uint8).reshape(n, h, w, 3)[picked], rate


def read_sound(path: str) -> np.ndarray:
    """float32 samples at 16 kHz."""
    mono = ("-vn", "-ac", "1", "-ar", "16000", "-f", "f32le", "-")
    return np.frombuffer(_output("ffmpeg", "-v", "error", "-threads", "1", "-i", path, *mono), np.float32)


def parts_of(messages: list[dict]) -> list[dict]:
    """The media of a conversation."""
    contents = [message["content"] for message in messages if not isinstance(message["content"], str)]
    return [part for content in contents for part in content if part["type"] != "text"]


def prepare(processor, messages: list[dict], folder: str, sound=False, change=None):
    """The prompt, and the processor's inputs for a conversation.

    folder: of the media; sound: whether clips are read with theirs; change: a function of (images, videos, audios), to
    take something away."""
    images, videos, audios, rates = [], [], [], []
    for part in parts_of(messages):
        path = f"{folder}/{part['path']}"
        if part["type"] == "image":
            images.append(Image.open(path).convert("RGB"))
        elif part["type"] == "audio":
            audios.append(read_sound(path))
        else:
            frames, rate = read_frames(path)
            videos.append(torch.from_numpy(frames.copy()).permute(0, 3, 1, 2))
            rates.append(rate)
            if sound:
                audios.append(read_sound(path))
    if change:
        change(images, videos, audios)
    extra = dict(videos=videos, videos_kwargs=video_options(rates[0], sound)) if videos else {}
    prompt = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    inputs = processor(
        text=prompt, images=images or None, audio=audios or None, return_tensors="pt", padding=True, **extra
    )
    if videos:
        inputs["video_second_per_grid"] = torch.as_tensor(inputs["video_second_per_grid"], dtype=torch.float32)
    return prompt, inputs


def video_options(rate: float, sound: bool) -> dict:
    """The processor's, for frames that were picked at `rate`."""
    size = dict(shortest_edge=VIDEO_PIXELS[0], longest_edge=VIDEO_PIXELS[1])
    return dict(fps=rate, do_sample_frames=False, use_audio_in_video=sound, size=size)


def generate(model, processor, inputs, sound: bool, tokens: int, **more):
    """What the model says after the prompt, greedily, until it ends its turn."""
    token = processor.tokenizer.convert_tokens_to_ids
    if "pixel_values_videos" in inputs:
        more["use_audio_in_video"] = sound
    return model.generate(
        **inputs, max_new_tokens=tokens, do_sample=False, eos_token_id=token("<|im_end|>"),
        pad_token_id=token("<|endoftext|>"), **more,
    )


@torch.no_grad()
def say(model, processor, inputs, sound=False, tokens=12) -> str:
    out = generate(model, processor, inputs, sound, tokens)
    return processor.tokenizer.decode(out[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True)
