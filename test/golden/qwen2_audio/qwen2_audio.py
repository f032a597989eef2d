"""Golden folder for Qwen2-Audio. Usage, from the repository root:
python test/golden/qwen2_audio/qwen2_audio.py test/golden/qwen2_audio [--seed N]. Needs torch 2.13, transformers 5.18.

The encoder always reads max_source_positions * 2 mel frames: the waveform is padded with zeros to chunk_length seconds (or cut there)
before the mel spectrogram, so the padding is not zero in the features, and the first convolution reads one frame of it past the end."""
import argparse, json, os, sys
import torch
from safetensors.torch import save_file
from transformers import Qwen2AudioConfig, Qwen2AudioForConditionalGeneration, Qwen2AudioProcessor, Qwen2TokenizerFast, WhisperFeatureExtractor
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))  # golden.py
from golden import enliven, read_sound, round_weights, tone, train_bpe, write_case

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>"]
TEMPLATE = ("{% set n = namespace(audio=0) %}{% for m in messages %}{% if loop.first and m['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "{% endif %}<|im_start|>{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}{% if c['type'] == 'audio' %}"
    "{% set n.audio = n.audio + 1 %}Audio {{ n.audio }}: <|audio_bos|><|AUDIO|><|audio_eos|>\n{% else %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")
RENAMES = [("model.language_model.", "language_model.model."), ("lm_head.", "language_model.lm_head."), ("model.", "")]  # transformers' prefix -> the published one

def published(name):
    for ours, theirs in RENAMES:
        if name.startswith(ours): return theirs + name[len(ours):]
    return name

def build(folder, seed, *, hidden=64, layers=3, heads=4, kv_heads=2, tied=False, theta=10000.0, audio=(32, 3, 4), mels=128, seconds=30, shards=1, dtype=torch.float32):
    """Writes checkpoint/ and returns (model in float32, processor). audio = (width, layers, heads); seconds is the encoder's window.
    tied: the published code of transformers 4 tied lm_head to the embeddings where text_config says so; transformers 5's class ties nothing
    by itself, so the script does, and leaves lm_head out of the file."""
    tok = train_bpe(SPECIALS)
    ids = {s: tok.token_to_id(s) for s in SPECIALS}
    tokenizer = Qwen2TokenizerFast(tokenizer_object=tok, eos_token="<|im_end|>", pad_token="<|endoftext|>", unk_token=None, extra_special_tokens=dict(
        audio_token="<|AUDIO|>", audio_bos_token="<|audio_bos|>", audio_eos_token="<|audio_eos|>"))
    vocab = (len(tokenizer) + 15) // 16 * 16
    extractor = WhisperFeatureExtractor(feature_size=mels, chunk_length=seconds)
    processor = Qwen2AudioProcessor(extractor, tokenizer, chat_template=TEMPLATE)
    config = Qwen2AudioConfig(
        audio_config=dict(model_type="qwen2_audio_encoder", d_model=audio[0], encoder_layers=audio[1], encoder_attention_heads=audio[2], encoder_ffn_dim=audio[0] * 4,
            num_mel_bins=mels, max_source_positions=seconds * 50),
        text_config=dict(model_type="qwen2", vocab_size=vocab, hidden_size=hidden, intermediate_size=hidden * 2, num_hidden_layers=layers, num_attention_heads=heads,
            num_key_value_heads=kv_heads, max_position_embeddings=8192, rms_norm_eps=1e-5, rope_parameters=dict(rope_type="default", rope_theta=theta),
            use_sliding_window=False, tie_word_embeddings=tied, bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|im_end|>"], pad_token_id=ids["<|endoftext|>"]),
        audio_token_index=ids["<|AUDIO|>"], tie_word_embeddings=tied)
    for c in (config, config.audio_config, config.text_config): c._attn_implementation = "eager"
    torch.manual_seed(seed)
    model = Qwen2AudioForConditionalGeneration(config).eval()
    enliven(model, seed)
    with torch.no_grad():  # the positions are frozen parameters, and small beside the sound
        model.model.audio_tower.embed_positions.weight.mul_(audio[0] ** .5 * .3)
        if tied:  # else every token predicts itself
            model.model.language_model.embed_tokens.weight.mul_(.8 / hidden ** .5); model.lm_head.weight = model.model.language_model.embed_tokens.weight
    round_weights(model, dtype)
    path = f"{folder}/checkpoint"; os.makedirs(path, exist_ok=True)
    processor.save_pretrained(path)
    os.remove(f"{path}/processor_config.json")
    with open(f"{path}/preprocessor_config.json", "w") as f:
        json.dump({**extractor.to_dict(), "processor_class": "Qwen2AudioProcessor", "return_attention_mask": True}, f, indent=1, default=str)
    sd = {published(k): v.to(dtype).contiguous() for k, v in model.state_dict().items() if not (tied and k == "lm_head.weight")}
    names = sorted(sd); parts = [names[i::shards] for i in range(shards)]
    for i, part in enumerate(parts):
        file = "model.safetensors" if shards == 1 else f"model-{i + 1:05d}-of-{shards:05d}.safetensors"
        save_file({n: sd[n] for n in part}, f"{path}/{file}", metadata={"format": "pt"})
    if shards > 1:
        with open(f"{path}/model.safetensors.index.json", "w") as f:
            json.dump(dict(metadata=dict(total_size=sum(v.numel() * v.element_size() for v in sd.values())),
                weight_map={n: f"model-{i + 1:05d}-of-{shards:05d}.safetensors" for i, part in enumerate(parts) for n in part}), f)
    kind = str(dtype).removeprefix("torch.")
    a = config.audio_config
    with open(f"{path}/config.json", "w") as f:  # the published config.json leaves out what Qwen2's defaults say; a small model cannot
        json.dump(dict(architectures=["Qwen2AudioForConditionalGeneration"], model_type="qwen2_audio", ignore_index=-100, audio_token_index=ids["<|AUDIO|>"],
            audio_config=dict(model_type="qwen2_audio_encoder", num_mel_bins=mels, encoder_layers=audio[1], encoder_attention_heads=audio[2], encoder_ffn_dim=audio[0] * 4,
                encoder_layerdrop=0.0, d_model=audio[0], dropout=0.0, attention_dropout=0.0, activation_function="gelu", activation_dropout=0.0, scale_embedding=False,
                init_std=.02, max_source_positions=a.max_source_positions),
            text_config=dict(model_type="qwen2", bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|im_end|>"], pad_token_id=ids["<|endoftext|>"], hidden_size=hidden,
                intermediate_size=hidden * 2, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv_heads, max_position_embeddings=8192,
                rms_norm_eps=1e-5, rope_theta=theta, tie_word_embeddings=tied, torch_dtype=kind, use_mrope=False, vocab_size=vocab),
            tie_word_embeddings=tied, torch_dtype=kind, vocab_size=vocab), f, indent=1)
    with open(f"{path}/generation_config.json", "w") as f:
        json.dump(dict(eos_token_id=ids["<|im_end|>"], pad_token_id=ids["<|endoftext|>"], do_sample=False), f)
    return model, processor

def case(folder, name, model, processor, messages, *, tokens=10, probe=True):
    """Runs one conversation and writes its case. Media are read from folder/media."""
    audios = [read_sound(f"{folder}/media/{p['path']}") for m in messages if not isinstance(m["content"], str) for p in m["content"] if p["type"] == "audio"]
    prompt = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    inputs = processor(text=prompt, return_tensors="pt", **(dict(audio=audios, sampling_rate=16000) if audios else {}))
    tensors = dict(input_ids=inputs["input_ids"][0])
    with torch.no_grad():
        run = dict(max_new_tokens=tokens, do_sample=False, return_dict_in_generate=True, output_logits=True)
        placed = []  # [audios, rows of a full window, width], of which the reference puts the first few in place of the placeholders
        hook = model.model.multi_modal_projector.register_forward_hook(lambda module, args, out: placed.append(out))
        out = model.generate(**inputs, **run)
        hook.remove()
        for i in range(len(audios)):
            frames = inputs["feature_attention_mask"][i].sum()
            tensors[f"media.{i}.audio.features"] = inputs["input_features"][i][:, :int(frames)]
            tensors[f"media.{i}.audio.embeddings"] = placed[0][i][:int(model.model.audio_tower._get_feat_extract_output_lengths(frames)[1])]
        new = out.sequences[0, inputs["input_ids"].shape[1]:]
        tensors["tokens"], tensors["logits"] = new, torch.cat(out.logits)
        if probe and audios:  # the answer must depend on the media
            moved = {**inputs, "input_features": inputs["input_features"] + .5 * torch.randn(inputs["input_features"].shape, generator=torch.Generator().manual_seed(1))}
            delta = (torch.cat(model.generate(**moved, **{**run, "max_new_tokens": 1}).logits) - tensors["logits"][:1]).abs().max().item()
            assert delta > .05, f"{name}: logits hardly move with the media ({delta})"
    import transformers
    write_case(folder, name, reference=f"transformers {transformers.__version__} Qwen2AudioForConditionalGeneration, float32, cpu", messages=messages,
        options=dict(maxNewTokens=tokens), prompt=prompt, text=processor.tokenizer.decode(new, skip_special_tokens=True), tensors=tensors)

def user(*parts): return [dict(role="user", content=[dict(type="text", text=p) if isinstance(p, str) else dict(type=p[0], path=p[1]) for p in parts])]

if __name__ == "__main__":
    a = argparse.ArgumentParser(); a.add_argument("out"); a.add_argument("--seed", type=int, default=15); a = a.parse_args()
    model, processor = build(a.out, a.seed)
    m = f"{a.out}/media"
    tone(f"{m}/a.wav", 1.7, a.seed); tone(f"{m}/b.wav", 3.1, a.seed + 1)
    go = lambda name, messages, **k: case(a.out, name, model, processor, messages, **k)
    go("text", user("What is in the picture?"))
    go("audio", user(("audio", "a.wav"), "What is said?"))
    go("two_audios", user(("audio", "b.wav"), ("audio", "a.wav"), "Which is the longest?"))
    go("multi_turn", user(("audio", "a.wav"), "What is said?") + [dict(role="assistant", content="The voice says seven.")] + user("And here?", ("audio", "b.wav")))
