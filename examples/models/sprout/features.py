"""What Qwen2_5OmniProcessor computes of pictures, frames and sound, for whole batches at once."""
import numpy as np
import torch
from transformers.audio_utils import mel_filter_bank

from scenes import SR

# least and most pixels of a picture, and of a clip's frame
IMAGE_PIXELS, VIDEO_PIXELS = (7056, 12544), (4704, 9408)
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711])
MEL = torch.from_numpy(mel_filter_bank(201, 128, 0.0, 8000.0, SR, norm="slaney", mel_scale="slaney")).float()
WINDOW = torch.hann_window(400)
HOP = 160  # samples between mel frames


def sampled(frames: int, rate: float, fps=2.0) -> tuple[np.ndarray, float]:
    """Which of a clip's frames are looked at (shared/golden/README.md) and the rate that makes."""
    k = int(min(min(max(frames / rate * fps, 4), frames // 2 * 2), frames) // 2 * 2)
    return torch.linspace(0, frames - 1, k).round().long().numpy(), k / frames * rate


def patches(frames: torch.Tensor) -> torch.Tensor:
    """0..255 [batch, steps, 2 or 1, h, w, 3] -> [batch, steps, patches, 1176], merge block by merge block.

    A picture is a clip of two like frames: one is enough here."""
    x = (frames.float() / 255 - MEAN.to(frames.device)) / STD.to(frames.device)
    x = x.expand(-1, -1, 2, -1, -1, -1)
    b, t, _, h, w, _ = x.shape
    grid_h, grid_w = h // 14, w // 14
    x = x.view(b, t, 2, grid_h // 2, 2, 14, grid_w // 2, 2, 14, 3)
    return x.permute(0, 1, 3, 6, 4, 7, 9, 2, 5, 8).reshape(b, t, grid_h * grid_w, 1176)


def featured(b: dict, seen=lambda frames: frames, heard=lambda wave: wave) -> dict:
    """A batch of Data.raw with its features in place of frames and wave. seen, heard: what to do to those before."""
    out = dict(b)
    if "frames" in b:
        out["pixels"] = patches(seen(out.pop("frames")))
    if "wave" in b:
        out["mel"] = log_mel(heard(out.pop("wave")))
    return out


def mel_frames(samples: int) -> int:
    return -(-samples // HOP)


def audio_rows(frames: int) -> int:
    """Rows that the sound encoder makes of mel frames."""
    return ((frames - 1) // 2 + 1 - 2) // 2 + 1


def log_mel(wave: torch.Tensor) -> torch.Tensor:
    """float32 [batch, samples] -> [batch, 128, mel frames].

    As WhisperFeatureExtractor on sound padded with silence to 30 s."""
    n = mel_frames(wave.shape[1])
    wave = torch.nn.functional.pad(wave, (0, 480 + (-wave.shape[1]) % HOP))
    power = torch.stft(wave, 400, HOP, window=WINDOW.to(wave.device), return_complex=True).abs() ** 2
    mel = (MEL.T.to(wave.device) @ power)[..., :n].clamp(min=1e-10).log10()
    top = mel.amax(dim=(1, 2), keepdim=True)
    return (torch.maximum(mel, top - 8.0) + 4.0) / 4.0
