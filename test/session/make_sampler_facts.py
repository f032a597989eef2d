"""Writes facts/sampler.json: which tokens transformers' logits processors leave, and their probabilities. Usage: python test/session/make_sampler_facts.py.
Needs torch 2.13 and transformers 4.57.6. Logits have two decimals, so that many are equal; cases that float32 and float64 would decide otherwise are left out."""
import json, os, random
import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM
from transformers.generation import LogitsProcessorList

draw = random.Random(3)
model = LlamaForCausalLM(LlamaConfig(vocab_size=40, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, num_key_value_heads=1))

def processors(s):
    config = GenerationConfig(do_sample=s["temperature"] > 0, repetition_penalty=s["repeatPenalty"], **(dict(temperature=s["temperature"], top_k=s["topK"], top_p=s["topP"],
        min_p=s["minP"]) if s["temperature"] > 0 else {}), pad_token_id=0)
    return model._get_logits_processor(config, input_ids_seq_length=1, logits_processor=LogitsProcessorList(), device="cpu")

def pick(*values): return draw.choice(values)

cases = []
while len(cases) < 240:
    s = dict(temperature=pick(0, .3, .7, 1.0, 1.7), topK=pick(0, 0, 1, 3, 10, 40, 100), topP=pick(1.0, 1.0, .1, .5, .9, .99), minP=pick(0, 0, .02, .2, 1.0), repeatPenalty=pick(1.0, 1.0, 1.3, .8))
    scale = pick(.5, 3, 12)
    logits = [round(draw.gauss(0, scale), 2 if draw.random() < .5 else 0) for _ in range(40)]
    if draw.random() < .2: logits[draw.randrange(40)] = None  # minus infinity
    seen = [draw.randrange(40) for _ in range(draw.randrange(1, 30))]
    def run(dtype):
        x = torch.tensor([[float("-inf") if v is None else v for v in logits]], dtype=dtype)
        out = processors(s)(torch.tensor([seen]), x)[0]
        if s["temperature"] == 0: return [int(out.argmax())], [1.0]
        p = out.softmax(-1); kept = [i for i in range(40) if out[i] > float("-inf")]
        return kept, [float(p[i]) for i in kept]
    one, two = run(torch.float32), run(torch.float64)
    if one[0] != two[0]: continue
    cases.append(dict(settings=s, logits=logits, seen=seen, ids=two[0], probabilities=[round(p, 9) for p in two[1]]))
with open(f"{os.path.dirname(os.path.abspath(__file__))}/facts/sampler.json", "w") as f: f.write(json.dumps(cases, separators=(",", ":")) + "\n")
