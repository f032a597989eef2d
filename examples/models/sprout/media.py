"""Scenes and tracks as files."""
import wave

import numpy as np

from scenes import SR, Track
from tasks import Scene


def pixels(scene: Scene, t=0.) -> np.ndarray:
    """A frame, uint8 [h, w, 3]."""
    return np.clip(np.round(scene.draw(t)), 0, 255).astype(np.uint8)


def write_wav(track: Track, path: str):
    with wave.open(path, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SR)
        file.writeframes((track.finish() * 32767).astype("<i2").tobytes())


def raw_video(scene: Scene, frames: int, rate: float) -> tuple[list[str], bytes]:
    """ffmpeg's options to read frames from its input, and the frames."""
    h, w = scene.ground.shape[:2]
    options = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{w}x{h}", "-r", str(rate), "-i", "-"]
    return options, b"".join(pixels(scene, i / rate).tobytes() for i in range(frames))
