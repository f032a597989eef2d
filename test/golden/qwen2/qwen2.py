"""Golden folder for Qwen2 / Qwen2.5, text alone. Usage, from the repository root:
python test/golden/qwen2/qwen2.py test/golden/qwen2 [--seed N]. Needs torch 2.13, transformers 5.18.

The cases name no media; media/ is there, empty, because every golden folder has one. Messages hold strings, as the published template takes them."""
import argparse, json, os, sys
import torch
from safetensors.torch import save_file
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen2TokenizerFast
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))  # golden.py
from golden import enliven, round_weights, train_bpe, write_case

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
# Qwen2.5's, without what it does about tools.
TEMPLATE = """{%- if messages[0]['role'] == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
{%- else %}
    {{- '<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

def build(folder, seed, *, hidden=64, layers=3, heads=4, kv_heads=2, tied=False, theta=1000000.0, shards=1, dtype=torch.float32):
    """Writes checkpoint/ and returns (model in float32, tokenizer)."""
    tok = train_bpe(SPECIALS)
    ids = {s: tok.token_to_id(s) for s in SPECIALS}
    tokenizer = Qwen2TokenizerFast(tokenizer_object=tok, eos_token="<|im_end|>", pad_token="<|endoftext|>", unk_token=None, chat_template=TEMPLATE)
    sizes = dict(vocab_size=(len(tokenizer) + 15) // 16 * 16, hidden_size=hidden, intermediate_size=hidden * 3 // 2, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=kv_heads, max_position_embeddings=8192, rms_norm_eps=1e-6, tie_word_embeddings=tied)
    ends = dict(bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|im_end|>"])
    config = Qwen2Config(**sizes, **ends, rope_parameters=dict(rope_type="default", rope_theta=theta), use_sliding_window=False)
    config._attn_implementation = "eager"
    torch.manual_seed(seed)
    model = Qwen2ForCausalLM(config).eval()
    enliven(model, seed, embed_std=.1 if tied else 1.0)
    round_weights(model, dtype)
    path = f"{folder}/checkpoint"; os.makedirs(path, exist_ok=True)
    tokenizer.save_pretrained(path)
    sd = {k: v.to(dtype).contiguous() for k, v in model.state_dict().items() if not (tied and k == "lm_head.weight")}
    names = sorted(sd); parts = [names[i::shards] for i in range(shards)]
    for i, part in enumerate(parts):
        file = "model.safetensors" if shards == 1 else f"model-{i + 1:05d}-of-{shards:05d}.safetensors"
        save_file({n: sd[n] for n in part}, f"{path}/{file}", metadata={"format": "pt"})
    if shards > 1:
        with open(f"{path}/model.safetensors.index.json", "w") as f:
            json.dump(dict(metadata=dict(total_size=sum(v.numel() * v.element_size() for v in sd.values())),
                weight_map={n: f"model-{i + 1:05d}-of-{shards:05d}.safetensors" for i, part in enumerate(parts) for n in part}), f)
    with open(f"{path}/config.json", "w") as f:  # as published: a window is named, and not used
        json.dump(dict(architectures=["Qwen2ForCausalLM"], model_type="qwen2", **sizes, **ends, attention_dropout=0.0, hidden_act="silu", initializer_range=.02, max_window_layers=layers,
            rope_theta=theta, sliding_window=16, use_sliding_window=False, torch_dtype=str(dtype).removeprefix("torch."), use_cache=True), f, indent=1)
    with open(f"{path}/generation_config.json", "w") as f:
        json.dump(dict(eos_token_id=[ids["<|im_end|>"], ids["<|endoftext|>"]], pad_token_id=ids["<|endoftext|>"], do_sample=False), f)
    return model, tokenizer

def case(folder, name, model, tokenizer, messages, *, tokens=10):
    """Runs one conversation and writes its case."""
    prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    inputs = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
    run = dict(max_new_tokens=tokens, do_sample=False, return_dict_in_generate=True, output_logits=True)
    stop = [tokenizer.convert_tokens_to_ids(s) for s in ("<|im_end|>", "<|endoftext|>")]
    with torch.no_grad():
        out = model.generate(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], eos_token_id=stop, **run)
        logits = torch.cat(out.logits)
        other = inputs["input_ids"].clone(); other[0, 3] = (other[0, 3] + 1) % 256  # the answer must depend on what was said first
        delta = (model(input_ids=other).logits[:, -1] - logits[:1]).abs().max().item()
        assert delta > .05, f"{name}: logits hardly move with the prompt ({delta})"
    new = out.sequences[0, inputs["input_ids"].shape[1]:]
    import transformers
    write_case(folder, name, reference=f"transformers {transformers.__version__} Qwen2ForCausalLM, float32, cpu", messages=messages, options=dict(maxNewTokens=tokens), prompt=prompt,
        text=tokenizer.decode(new, skip_special_tokens=True), tensors=dict(input_ids=inputs["input_ids"][0], tokens=new, logits=logits))

def turns(*contents): return [dict(role=("user", "assistant")[i % 2], content=content) for i, content in enumerate(contents)]

if __name__ == "__main__":
    a = argparse.ArgumentParser(); a.add_argument("out"); a.add_argument("--seed", type=int, default=30)
    a.add_argument("--tied", action="store_true"); a.add_argument("--shards", type=int, default=1); a.add_argument("--dtype", default="float32"); a = a.parse_args()
    model, tokenizer = build(a.out, a.seed, tied=a.tied, shards=a.shards, dtype=getattr(torch, a.dtype))
    os.makedirs(f"{a.out}/media", exist_ok=True); open(f"{a.out}/media/.gitkeep", "w").close()
    go = lambda name, messages, **k: case(a.out, name, model, tokenizer, messages, **k)
    go("one_turn", turns("How many circles are there?"))
    go("several_turns", turns("Où est le chat ?", "I do not know.", "Что на картинке? 图片里有什么？", "A red square 🙂.", "Answer briefly, please."))
    go("system_turn", [dict(role="system", content="You answer\nin one word.")] + turns("What is said in the audio?"))
    go("accents", turns("Cafe\u0301 \u1e9b\u0323, 1234567 'twas  two  spaces\n\n and\ttabs"))
