"""Writes golden/: what the published implementation computes for this checkpoint, in the project's golden format.

    python golden.py --bank BANK.npz [--seed 11]"""
import argparse
import json
import os
import shutil
import subprocess

import torch
import transformers
from PIL import Image
from safetensors.torch import save_file

from export import load
from features import VIDEO_PIXELS
from media import pixels, raw_video, write_wav
from reference import generate, parts_of, prepare
from scenes import Grounds, Voices
from tasks import Tasks

HERE = os.path.dirname(os.path.abspath(__file__))
REFERENCE = f"transformers {transformers.__version__} Qwen2_5OmniThinkerForConditionalGeneration, float32, cpu"


def user(text: str, *media: tuple[str, str]) -> dict:
    """A message. media: (type, path)"""
    content = [dict(type=media_type, path=path) for media_type, path in media]
    return dict(role="user", content=content + [dict(type="text", text=text)])


def question(asked: list, task: str, otherwise=None) -> str:
    """The first question of a task."""
    return next((text for name, text, _ in asked if name == task), otherwise)


class Media:
    """Writes media; each function returns (type, path)."""

    def __init__(self, folder: str):
        self.folder = folder

    def picture(self, name, scene):
        Image.fromarray(pixels(scene)).save(f"{self.folder}/{name}.png")
        return "image", f"{name}.png"

    def sound(self, name, track):
        write_wav(track, f"{self.folder}/{name}.wav")
        return "audio", f"{name}.wav"

    def film(self, name, scene, frames: int, rate: float, track=None):
        """Lossless, so that every decoder gives the same."""
        sound = f"{self.folder}/sound.tmp"
        options, raw = raw_video(scene, frames, rate)
        command = ["ffmpeg", "-v", "error", "-y", *options]
        if track:
            write_wav(track, sound)
            command += ["-f", "wav", "-i", sound, "-c:a", "pcm_s16le"]
        command += ["-c:v", "ffv1", "-pix_fmt", "bgr0", "-bitexact", f"{self.folder}/{name}.mkv"]
        subprocess.run(command, input=raw, check=True)
        if track:
            os.remove(sound)
        return "video", f"{name}.mkv"


class Cases:
    """Asks the published model, and writes what it computes on the way."""

    def __init__(self, folder: str, model, processor):
        self.folder, self.model, self.processor = folder, model, processor

    @torch.no_grad()
    def write(self, name: str, messages: list[dict], sound=False, tokens=8):
        """Runs one conversation and writes its case. sound: whether its clips are read with theirs."""
        prompt, inputs = prepare(self.processor, messages, f"{self.folder}/media", sound)
        ids = inputs["input_ids"]
        out = dict(input_ids=ids[0])
        self._media(out, inputs, parts_of(messages), sound)
        out["position_ids"] = self._positions(inputs, sound)
        made = generate(
            self.model, self.processor, inputs, sound, tokens, return_dict_in_generate=True, output_logits=True
        )
        out["tokens"] = made.sequences[0, ids.shape[1]:]
        out["logits"] = torch.cat(made.logits).float()
        text = self.processor.tokenizer.decode(out["tokens"], skip_special_tokens=True)
        tensors = {key: value.detach().contiguous().clone() for key, value in out.items()}
        save_file(tensors, f"{self.folder}/cases/{name}.safetensors")
        options = dict(useAudioInVideo=sound, fps=2, maxNewTokens=tokens, videoPixels=list(VIDEO_PIXELS))
        case = dict(reference=REFERENCE, messages=messages, options=options, prompt=prompt, text=text)
        with open(f"{self.folder}/cases/{name}.json", "w") as file:
            json.dump(case, file, indent=1, ensure_ascii=False)
        print(f"{name}: {ids.shape[1]} tokens -> {text!r}", flush=True)

    def _media(self, out, inputs, parts, sound):
        """Features, grid and embeddings of each medium, in the order of the conversation."""
        images = _split(inputs, "pixel_values", "image_grid_thw")
        videos = _split(inputs, "pixel_values_videos", "video_grid_thw")
        sounds = iter(range(len(inputs["input_features"]) if "input_features" in inputs else 0))
        for i, part in enumerate(parts):
            if part["type"] == "image":
                self._seen(out, f"media.{i}.image", *next(images), self.model.get_image_features)
            elif part["type"] == "audio":
                self._heard(out, f"media.{i}.audio", inputs, next(sounds))
            else:
                self._seen(out, f"media.{i}.video", *next(videos), self.model.get_video_features)
                if sound:
                    self._heard(out, f"media.{i}.audio", inputs, next(sounds))

    def _seen(self, out, name, features, grid, encode):
        out[f"{name}.features"], out[f"{name}.grid"] = features, grid
        out[f"{name}.embeddings"] = _rows(encode(features, grid[None]))

    def _heard(self, out, name, inputs, i):
        features, mask = inputs["input_features"][i:i + 1], inputs["feature_attention_mask"][i:i + 1]
        out[f"{name}.features"] = features[0][:, :int(mask.sum())]
        out[f"{name}.embeddings"] = _rows(self.model.get_audio_features(features, mask))

    def _positions(self, inputs, sound):
        """[3, n]"""
        ids, mask = inputs["input_ids"], inputs.get("feature_attention_mask")
        if "image_grid_thw" not in inputs and "video_grid_thw" not in inputs:
            return torch.arange(ids.shape[1])[None].repeat(3, 1)
        positions, _ = self.model.get_rope_index(
            ids, inputs.get("image_grid_thw"), inputs.get("video_grid_thw"), inputs["attention_mask"], sound,
            mask.sum(-1) if mask is not None else None, inputs.get("video_second_per_grid"),
        )
        return positions[:, 0].long()


def _split(inputs, name, grids):
    """(features, grid) of each picture or clip."""
    if name not in inputs:
        return iter(())
    sizes = inputs[grids].prod(-1).tolist()
    return zip(torch.split(inputs[name], sizes), inputs[grids])


def _rows(x):
    """[rows, width] from whatever get_*_features returned."""
    if getattr(x, "pooler_output", None) is not None:
        x = x.pooler_output
    if isinstance(x, (list, tuple)):
        x = torch.cat([_rows(part) for part in x])
    return x.reshape(-1, x.shape[-1]).float().contiguous()


def pictures(cases: Cases, media: Media, tasks: Tasks):
    scene, _ = tasks.picture(112, 112, "one")
    cases.write("picture", [user("What color is it?", media.picture("one", scene))])
    cases.write("picture_shape", [user("What shape is it?", ("image", "one.png"))])
    scene, _ = tasks.picture(240, 320, "many")
    cases.write("picture_count", [user("How many shapes are there?", media.picture("many", scene))])
    scene, asked = tasks.picture(90, 250, "pair")
    cases.write("picture_wide", [user(question(asked, "left of"), media.picture("wide", scene))])
    (first, second), _ = tasks.two_pictures([(100, 130), (130, 100)])
    both = media.picture("first", first), media.picture("second", second)
    cases.write("two_pictures", [user("Is it the same color in both pictures?", *both)])


def sounds(cases: Cases, media: Media, tasks: Tasks):
    track, _ = tasks.sound(1.7, None, "digit")
    cases.write("sound_digit", [user("Which digit do you hear?", media.sound("digit", track))])
    track, _ = tasks.sound(2.2, None, "beeps")
    cases.write("sound_beeps", [user("How many beeps are there?", media.sound("beeps", track))])
    track, _ = tasks.sound(1.3, None, "silence")
    cases.write("sound_unknown", [user("Which word is said?", media.sound("silence", track))])


def clips(cases: Cases, media: Media, tasks: Tasks):
    scene, asked = tasks.clip(84, 84, 3., 2.9 / 5, "moves")
    text = question(asked, "direction", "Which way does it move?")
    cases.write("clip_direction", [user(text, media.film("moves", scene, 30, 10))])
    scene, asked = tasks.clip(72, 96, 4., .56, "changes")
    (_, text, answer), (_, more, _), *_ = [turn for turn in asked if turn[0] in ("first color", "last color")]
    film = media.film("changes", scene, 40, 10)
    cases.write("clip_turns", [user(text, film), dict(role="assistant", content=answer), user(more)])


def joint(cases: Cases, media: Media, tasks: Tasks):
    scene, track, asked = tasks.joint(84, 84, 4., .56, None, "segments")
    film = media.film("segments", scene, 40, 10, track)
    cases.write("joint_word_while", [user(question(asked, "word while"), film)], sound=True)
    text = question(asked, "color when", "What color is it at first?")
    cases.write("joint_color_when", [user(text, film)], sound=True)
    scene, track, asked = tasks.joint(84, 112, 3., 2.9 / 5, None, "before")
    film = media.film("before", scene, 30, 10, track)
    cases.write("joint_before", [user(question(asked, "before or after"), film)], sound=True)
    scene, track, asked = tasks.joint(84, 84, 4., .56, None, "moving")
    film = media.film("moving", scene, 40, 10, track)
    cases.write("joint_moving", [user(question(asked, "moving when"), film)], sound=True)


def number(cases: Cases, media: Media, tasks: Tasks):
    scene, _ = tasks.printed(96, 150, "number")
    cases.write("picture_number", [user("Which number is written?", media.picture("number", scene))])


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--bank", required=True)
    p.add_argument("--seed", type=int, default=11)
    options = p.parse_args()
    torch.set_num_threads(1)
    folder = f"{HERE}/golden"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(f"{folder}/media")
    os.makedirs(f"{folder}/cases")
    with open(f"{folder}/checkpoint.path", "w") as file:
        file.write("../checkpoint\n")
    # one generator for all: the order of what is made decides what it is
    tasks = Tasks(options.seed, 1, Voices(options.bank), Grounds(options.seed, 20, (300, 400)))
    cases, media = Cases(folder, *load(f"{HERE}/checkpoint")), Media(f"{folder}/media")
    cases.write("text", [user("What do you see?")])
    for make in (pictures, sounds, clips, joint, number):
        make(cases, media, tasks)


if __name__ == "__main__":
    main()
