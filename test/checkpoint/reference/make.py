"""python make.py: files written by the reference implementations (safetensors, transformers), and what they hold, for the tests of src/checkpoint.

types.safetensors  every element type, a scalar, an empty tensor, metadata
types.json         the same numbers, as torch reads them back (widened to float64; int64 as text)
sharded/           a small random Llama in bfloat16, saved by transformers in shards with an index
sharded.json       for each of its tensors: shape, sum in float64, first and last element
"""
import json, os, shutil
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

here = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(0)
specials = [0.0, -0.0, 1.0, -1.5, 65504.0, 6e-8, 1 / 3]
tensors = {
    "single": torch.tensor(specials + [3.4e38, 1e-45]).reshape(3, 3),
    "half": torch.tensor(specials, dtype=torch.float16),
    "brain": torch.tensor(specials, dtype=torch.bfloat16),
    "double": torch.tensor([[1 / 3, -1e300]], dtype=torch.float64),
    "long": torch.tensor([2**62 + 1, -(2**63), 7], dtype=torch.int64),
    "int": torch.tensor([[2**31 - 1], [-(2**31)]], dtype=torch.int32),
    "tiny": torch.tensor([127, -128], dtype=torch.int8),
    "byte": torch.tensor([0, 255, 128], dtype=torch.uint8),
    "flags": torch.tensor([True, False, True, True]),
    "scalar": torch.tensor(2.5),
    "empty": torch.zeros(0, 4),
    'odd "name" \\ with é': torch.arange(6, dtype=torch.float32).reshape(1, 2, 3),
}
path = os.path.join(here, "types.safetensors")
save_file(tensors, path, metadata={"format": "pt"})
text = {n: {"shape": list(t.shape), "values": [str(v) for v in t.flatten().tolist()] if t.dtype == torch.int64 else t.double().flatten().tolist()} for n, t in load_file(path).items()}
json.dump(text, open(os.path.join(here, "types.json"), "w"), indent=1)

folder = os.path.join(here, "sharded")
shutil.rmtree(folder, ignore_errors=True)
config = LlamaConfig(vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64)
LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder, max_shard_size="12KB")
index = json.load(open(os.path.join(folder, "model.safetensors.index.json")))
facts = {}
for file in sorted(set(index["weight_map"].values())):
    for name, tensor in load_file(os.path.join(folder, file)).items():
        flat = tensor.double().flatten()
        facts[name] = {"shape": list(tensor.shape), "sum": flat.sum().item(), "first": flat[0].item(), "last": flat[-1].item()}
json.dump(facts, open(os.path.join(here, "sharded.json"), "w"), indent=1)
