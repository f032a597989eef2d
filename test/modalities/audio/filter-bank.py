"""Phi-4's filter bank of small recordings: writes filter-bank.safetensors. Made with transformers 5.18, torch 2.13 (OMP_NUM_THREADS=1).
Tensors `<name>.samples` f32 [n] and `<name>.energies` f32 [frames, 80]."""
import os
import numpy as np
from safetensors.numpy import save_file
from transformers import Phi4MultimodalFeatureExtractor
rng = np.random.default_rng(12)
def voice(n):
    t = np.arange(n) / 16000; f = 120 + 80 * np.cumsum(rng.standard_normal(n)) / n ** .5
    return (sum(np.sin(2 * np.pi * k * np.cumsum(f) / 16000) / k for k in (1, 2, 3, 5)) * .2 * (np.sin(12 * t) > -.4) + .003 * rng.standard_normal(n)).astype(np.float32)
clips = dict(one=voice(400), two=voice(719), three=voice(720), odd=voice(4321), silence=np.zeros(1000, np.float32), loud=np.sign(np.sin(np.arange(1500) / 9)).astype(np.float32), faint=1e-5 * voice(2000))
e = Phi4MultimodalFeatureExtractor(); out = {}
for name, x in clips.items(): out[f"{name}.samples"], out[f"{name}.energies"] = x, np.asarray(e(x, sampling_rate=16000, return_tensors="np")["audio_input_features"][0])
save_file(out, os.path.join(os.path.dirname(os.path.abspath(__file__)), "filter-bank.safetensors"))
