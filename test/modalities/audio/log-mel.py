"""Whisper's log-mel of small recordings: writes log-mel.safetensors. Made with transformers 4.57.6, torch 2.13 (OMP_NUM_THREADS=1).
Tensors `<name>.samples` f32 [n] and `<name>.mel` f32 [bins, frames], frames by the attention mask, padding="max_length" as Qwen2_5OmniProcessor asks. Settings are in the names:
bins, seconds of the window. The loud end of `burst` falls in a frame that the mask leaves out, so that only its clamp shows; `full` fills its window, `edge` all but 50 samples of it."""
import os
import numpy as np
from safetensors.numpy import save_file
from transformers import WhisperFeatureExtractor
rng = np.random.default_rng(11)
def voice(n):
    t = np.arange(n) / 16000; f = 120 + 80 * np.cumsum(rng.standard_normal(n)) / max(1, n) ** .5
    return (sum(np.sin(2 * np.pi * k * np.cumsum(f) / 16000) / k for k in (1, 2, 3, 5)) * .2 * (np.sin(12 * t) > -.4) + .003 * rng.standard_normal(n)).astype(np.float32)
burst = .001 * voice(1600 + 3); burst[-3:] = .9
clips = dict(one=np.array([.5], np.float32), tiny=voice(150), odd=voice(4321), silence=np.zeros(3000, np.float32), burst=burst, full=voice(16000), edge=voice(15950), long=voice(20007), faint=1e-6 * voice(5000))
out = {}
for bins, seconds in ((128, 30), (80, 30), (128, 1)):
    e = WhisperFeatureExtractor(feature_size=bins, chunk_length=seconds)
    for name, x in clips.items():
        if bins == 80 and name not in ("odd", "edge"): continue
        if seconds == 30 and name in ("full", "edge", "long") and bins == 128: continue
        n = len(x); r = e(x, sampling_rate=16000, padding="max_length", return_attention_mask=True, return_tensors="np")
        k = f"{name}.{bins}.{seconds}"; out[f"{k}.samples"] = x[:seconds * 16000]; out[f"{k}.mel"] = r["input_features"][0][:, :int(r["attention_mask"][0].sum())].copy()
save_file(out, os.path.join(os.path.dirname(os.path.abspath(__file__)), "log-mel.safetensors"))
for k, v in out.items(): print(k, v.shape)
