"""Tables of scaled rotaries: writes scaled-rotary.json, a list of {kind, parameters, frequencies, scale}. Made with transformers 5.18, torch 2.13."""
import json, os
from transformers import LlamaConfig, Phi3Config
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
out = []
def add(kind, config, spec, scaling, seq_len=None):
    frequencies, scale = ROPE_INIT_FUNCTIONS[kind](config, "cpu", seq_len=seq_len)
    out.append(dict(kind=kind if seq_len is None else "longrope beyond", spec=spec, scaling=scaling, frequencies=frequencies.tolist(), scale=float(scale)))
for width, theta, factor, low, high, original in ((16, 500000.0, 8.0, 1.0, 4.0, 64), (128, 500000.0, 8.0, 1.0, 4.0, 8192), (32, 10000.0, 32.0, 1.0, 2.0, 100)):
    config = LlamaConfig(hidden_size=width * 4, num_attention_heads=4, max_position_embeddings=131072, rope_parameters=dict(rope_type="llama3", rope_theta=theta, factor=factor,
        low_freq_factor=low, high_freq_factor=high, original_max_position_embeddings=original))
    add("llama3", config, dict(headWidth=width, theta=theta), dict(factor=factor, low=low, high=high, original=original))
for width, theta, original, most in ((8, 10000.0, 64, 131072), (96, 10000.0, 4096, 131072), (16, 1000.0, 512, 512)):
    short, long = [round(1 + .03 * i, 3) for i in range(width // 2)], [round(1.1 + 1.3 * i, 3) for i in range(width // 2)]
    config = Phi3Config(hidden_size=width * 4, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=most, original_max_position_embeddings=original, pad_token_id=0,
        rope_parameters=dict(rope_type="longrope", rope_theta=theta, short_factor=short, long_factor=long, original_max_position_embeddings=original))
    for seq_len in (None, original + 1): add("longrope", config, dict(headWidth=width, theta=theta), dict(short=short, long=long, original=original, factor=most / original), seq_len)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "scaled-rotary.json"), "w") as f: json.dump(out, f)
