"""Golden folder for Phi-4-multimodal. Usage, from the repository root:
python test/golden/phi4_multimodal/phi4_multimodal.py test/golden/phi4_multimodal [--seed N]. Needs torch 2.13, transformers 5.18.

The published checkpoint keeps one base model and two LoRAs inside the same tensors: `*.base_layer.weight`, `*.lora_A.vision.weight`,
`*.lora_B.speech.weight` and so on, W + lora_alpha / r * B A. Its code switches: any image -> vision (with sound too), sound alone ->
speech, text alone -> neither. transformers' class reads only the base and leaves the switching to its caller (load_adapter and
set_adapter, out of vision-lora/ and speech-lora/), so the reference here is that class with the right pair merged into its weights.

layout="published" writes config.json and tensors named as microsoft/Phi-4-multimodal-instruct has them (model_type phi4mm), plus the
settings that the published code fixes and a small model must be able to say: `vision_config` in config.json, with image_token_id, and
audio_token_id in audio_processor.config; `size`, `patch_size` and `hop_length` in preprocessor_config.json.
layout="transformers" writes transformers' own names, with the adapters in vision-lora/ and speech-lora/.

Kept as published whatever the size: 32 patches a side (the processor counts 256 + 16 tokens for the global crop). Two audios in one
prompt are left out: the reference pads the shorter one and lets it attend to the padding, so one audio's rows depend on its neighbour.
"""
import argparse, json, os, re, sys
import torch
from safetensors.torch import save_file
from transformers import (GPT2TokenizerFast, Phi4MultimodalConfig, Phi4MultimodalFeatureExtractor, Phi4MultimodalForCausalLM,
    Phi4MultimodalImageProcessor, Phi4MultimodalProcessor)
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))  # golden.py
from golden import draw, enliven, read_sound, round_weights, rows, tone, train_bpe, write_case

IMAGE, AUDIO = "<|endoftext10|>", "<|endoftext11|>"  # what <|image_1|> and <|audio_1|> become before they are counted out
SPECIALS = ["<|endoftext|>", IMAGE, AUDIO, "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
TEMPLATE = ("{% for m in messages %}<|{{ m['role'] }}|>{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}" + IMAGE + "{% elif c['type'] == 'audio' %}" + AUDIO + "{% else %}{{ c['text'] }}{% endif %}{% endfor %}"
    "{% endif %}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}")
# transformers' name -> the published one
RENAMES = [(r"(audio_embed\.encoder\.encoders\.\d+\.feed_forward_(?:in|out))\.gate_up_proj", r"\1.net.0.linear"),
    (r"(audio_embed\.encoder\.encoders\.\d+\.feed_forward_(?:in|out))\.down_proj", r"\1.net.2"),
    (r"(audio_embed\.encoder\.encoders\.\d+\.self_attn)\.([qkv])_proj", r"\1.linear_\2"),
    (r"(audio_embed\.encoder\.encoders\.\d+\.self_attn)\.o_proj", r"\1.linear_out"),
    (r"audio_embed\.up_proj_for_speech", "audio_embed.audio_projection.speech.0"), (r"audio_embed\.down_proj_for_speech", "audio_embed.audio_projection.speech.2"),
    (r"audio_embed\.up_proj_for_vision_speech", "audio_embed.audio_projection.vision.0"),
    (r"audio_embed\.down_proj_for_vision_speech", "audio_embed.audio_projection.vision.2"),
    (r"image_embed\.img_projection_up", "image_embed.img_projection.0"), (r"image_embed\.img_projection_down", "image_embed.img_projection.2"),
    (r"image_embed\.global_img_feature_extensor", "image_embed.glb_GN"), (r"image_embed\.sub_img_feature_extensor", "image_embed.sub_GN"),
    (r"^(model\.layers\.\d+\.(?:self_attn\.(?:qkv|o)_proj|mlp\.(?:gate_up|down)_proj))\.weight", r"\1.base_layer.weight")]
ADAPTED = re.compile(r"^model\.layers\.\d+\.(self_attn\.(qkv|o)_proj|mlp\.(gate_up|down)_proj)\.weight$")

def published(name):
    for pattern, to in RENAMES: name = re.sub(pattern, to, name)
    return name

def adapt(model, mode):
    """Merges one LoRA into the layers of the language model: mode is 'vision', 'speech' or None."""
    with torch.no_grad():
        for name, base in model.base.items():
            w = model.get_parameter(name); w.copy_(base)
            if mode:
                a, b, scale = model.adapters[mode][name]; w.add_(scale * (b @ a))

def build(folder, seed, *, hidden=24, layers=3, heads=3, kv_heads=1, partial=.75, tied=True, original_max=4096, vision=(32, 3, 2), crop=64, patch=2, dynamic_hd=6,
          audio=(32, 3, 2), conv_channels=12, mels=80, time_reduction=4, bias_distance=500, lora=((4, 8), (6, 12)), shards=1, dtype=torch.float32, layout="published"):
    """Writes checkpoint/ and returns (model in float32, processor). vision and audio = (width, depth, heads); lora = (r, alpha) of vision and
    of speech. time_reduction is 8 as published; here 4, so that a case of more than 500 audio frames (the encoder's own chunk) stays small."""
    assert crop // patch == 32, "the reference's processor counts tokens for 32 patches a side"
    tok = train_bpe(SPECIALS)
    ids = {s: tok.token_to_id(s) for s in SPECIALS}
    tokenizer = GPT2TokenizerFast(tokenizer_object=tok, bos_token="<|endoftext|>", eos_token="<|endoftext|>", pad_token="<|endoftext|>", unk_token=None,
        extra_special_tokens=dict(image_token=IMAGE, audio_token=AUDIO))
    vocab = (len(tokenizer) + 15) // 16 * 16
    image_processor = Phi4MultimodalImageProcessor(size=dict(height=crop, width=crop), patch_size=patch, dynamic_hd=dynamic_hd)
    extractor = Phi4MultimodalFeatureExtractor(feature_size=mels, audio_compression_rate=time_reduction)
    processor = Phi4MultimodalProcessor(image_processor, extractor, tokenizer, chat_template=TEMPLATE)
    pairs = int(hidden // heads * partial) // 2
    g = torch.Generator().manual_seed(seed + 1)
    rope = dict(rope_type="longrope", rope_theta=10000.0, partial_rotary_factor=partial, short_factor=[round(1 + .05 * i, 3) for i in range(pairs)],
        long_factor=[round(1.2 + 1.7 * i, 3) for i in range(pairs)])
    vision_config = dict(hidden_size=vision[0], intermediate_size=vision[0] * 3, num_hidden_layers=vision[1], num_attention_heads=vision[2],
        image_size=crop, crop_size=crop, patch_size=patch, image_token_id=ids[IMAGE])
    audio_config = dict(hidden_size=audio[0], num_blocks=audio[1], num_attention_heads=audio[2], intermediate_size=audio[0] * 3 // 2, ext_pw_out_channel=audio[0],
        depthwise_separable_out_channel=audio[0], nemo_conv_channels=conv_channels, input_size=mels, time_reduction=time_reduction,
        bias_max_distance=bias_distance, audio_token_id=ids[AUDIO])
    config = Phi4MultimodalConfig(vocab_size=vocab, hidden_size=hidden, intermediate_size=hidden * 2, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=kv_heads, max_position_embeddings=131072, original_max_position_embeddings=original_max, rope_parameters=dict(rope),
        sliding_window=262144, tie_word_embeddings=tied, bos_token_id=ids["<|endoftext|>"], eos_token_id=[ids["<|endoftext|>"], ids["<|end|>"]],
        pad_token_id=ids["<|endoftext|>"], vision_config=dict(vision_config), audio_config=dict(audio_config))
    for c in (config, config.vision_config, config.audio_config): c._attn_implementation = "eager"
    torch.manual_seed(seed)
    model = Phi4MultimodalForCausalLM(config).eval()
    enliven(model, seed)
    if tied:  # else every token predicts itself
        with torch.no_grad(): model.model.embed_tokens.weight.mul_(.8 / hidden ** .5)
    norm = model.model.embed_tokens_extend.audio_embed.encoder.encoder_embedding
    norm.global_mean.copy_(9 + torch.randn(mels, generator=g)); norm.global_invstd.copy_(.25 * (1 + .1 * torch.randn(mels, generator=g)))
    round_weights(model, dtype)
    for buffer in (norm.global_mean, norm.global_invstd): buffer.copy_(buffer.to(dtype).float())  # buffers that are stored: a checkpoint that is loaded has them rounded
    model.base = {n: p.detach().clone() for n, p in model.named_parameters() if ADAPTED.match(n)}
    model.adapters = {}
    for mode, (r, alpha) in zip(("vision", "speech"), lora):
        one = {}
        for n, p in model.base.items():
            a = torch.randn(r, p.shape[1], generator=g) / p.shape[1] ** .5; b = .3 * torch.randn(p.shape[0], r, generator=g) / r ** .5
            one[n] = (a.to(dtype).float(), b.to(dtype).float(), alpha / r)
        model.adapters[mode] = one
    path = f"{folder}/checkpoint"; os.makedirs(path, exist_ok=True)
    processor.save_pretrained(path)
    state = {k: v.to(dtype).contiguous() for k, v in model.state_dict().items() if not (tied and k == "lm_head.weight")}
    if layout == "published":
        sd = {published(k): v for k, v in state.items()}
        for mode, one in model.adapters.items():
            for n, (a, b, _) in one.items():
                stem = n.removesuffix(".weight")
                sd[f"{stem}.lora_A.{mode}.weight"], sd[f"{stem}.lora_B.{mode}.weight"] = a.to(dtype), b.to(dtype)
    else:
        sd = state
        for (r, alpha), (mode, one) in zip(lora, model.adapters.items()):
            os.makedirs(f"{path}/{mode}-lora", exist_ok=True)
            save_file({f"base_model.model.{n.removesuffix('.weight')}.lora_{x}.weight": v.to(dtype) for n, (a, b, _) in one.items() for x, v in (("A", a), ("B", b))},
                f"{path}/{mode}-lora/adapter_model.safetensors", metadata={"format": "pt"})
            with open(f"{path}/{mode}-lora/adapter_config.json", "w") as f:
                json.dump(dict(peft_type="LORA", task_type="CAUSAL_LM", bias="none", r=r, lora_alpha=alpha, lora_dropout=0.0, use_rslora=False,
                    target_modules=r"model.layers.\d+.((self_attn.(qkv|o)_proj)|(mlp.(gate_up|down)_proj))"), f, indent=1)
    names = sorted(sd); parts = [names[i::shards] for i in range(shards)]
    for i, part in enumerate(parts):
        file = "model.safetensors" if shards == 1 else f"model-{i + 1:05d}-of-{shards:05d}.safetensors"
        save_file({n: sd[n] for n in part}, f"{path}/{file}", metadata={"format": "pt"})
    if shards > 1:
        with open(f"{path}/model.safetensors.index.json", "w") as f:
            json.dump(dict(metadata=dict(total_size=sum(v.numel() * v.element_size() for v in sd.values())),
                weight_map={n: f"model-{i + 1:05d}-of-{shards:05d}.safetensors" for i, part in enumerate(parts) for n in part}), f)
    if layout == "published":
        target = r"layers.*((self_attn\.(qkv_proj|o_proj))|(mlp\.(gate_up|down)_proj))"
        main = dict(architectures=["Phi4MMForCausalLM"], model_type="phi4mm", attention_bias=False, attention_dropout=0.0, bos_token_id=ids["<|endoftext|>"],
            embd_layer=dict(embedding_cls="image_audio",
                audio_embd_layer=dict(compression_rate=time_reduction, downsample_rate=1, embedding_cls="audio", projection_cls="mlp", use_conv_downsample=False, use_qformer=False),
                image_embd_layer=dict(crop_size=crop, embedding_cls="tune_image", hd_transform_order="sub_glb", image_token_compression_cls="avg_pool_2d",
                    projection_cls="mlp", use_hd_transform=True, with_learnable_separator=True)),
            embd_pdrop=0.0, eos_token_id=ids["<|endoftext|>"], full_attn_mod=1, hidden_act="silu", hidden_size=hidden, initializer_range=.02, intermediate_size=hidden * 2,
            interpolate_factor=1, lm_head_bias=False, max_position_embeddings=131072, mlp_bias=False, num_attention_heads=heads, num_hidden_layers=layers,
            num_key_value_heads=kv_heads, original_max_position_embeddings=original_max, pad_token_id=ids["<|endoftext|>"], partial_rotary_factor=partial,
            resid_pdrop=0.0, rms_norm_eps=config.rms_norm_eps, rope_scaling=dict(long_factor=rope["long_factor"], short_factor=rope["short_factor"], type="longrope"),
            rope_theta=rope["rope_theta"], sliding_window=262144, tie_word_embeddings=tied, torch_dtype=str(dtype).removeprefix("torch."), use_cache=True, vocab_size=vocab,
            vision_lora=dict(dp=0.0, layer=target, lora_alpha=lora[0][1], r=lora[0][0]), speech_lora=dict(dp=.01, layer=target, lora_alpha=lora[1][1], r=lora[1][0]),
            audio_processor=dict(name="cascades", config=dict(activation="swish", attention_dim=audio[0], attention_heads=audio[2], batch_norm=False, bias_in_glu=True,
                causal=True, chunk_size=-1, cnn_layer_norm=True, conv_activation="swish", conv_glu_type="swish", depthwise_multiplier=1,
                depthwise_seperable_out_channel=audio[0], dropout_rate=0.0, encoder_embedding_config=dict(input_size=mels), ext_pw_kernel_size=1,
                ext_pw_out_channel=audio[0], input_layer="nemo_conv", input_size=mels, kernel_size=3, left_chunk=18, linear_units=audio[0] * 3 // 2,
                nemo_conv_settings=dict(conv_channels=conv_channels), num_blocks=audio[1], relative_attention_bias_args=dict(t5_bias_max_distance=bias_distance, type="t5"),
                time_reduction=time_reduction, audio_token_id=ids[AUDIO])),
            vision_config=dict(model_type="siglip_vision_model", num_channels=3, hidden_act="gelu_pytorch_tanh", layer_norm_eps=1e-6, attention_dropout=0.0, feature_layer=-2, **vision_config))
        os.remove(f"{path}/processor_config.json")
        with open(f"{path}/preprocessor_config.json", "w") as f:
            json.dump(dict(image_processor_type="Phi4MMImageProcessor", dynamic_hd=dynamic_hd, feature_extractor_type="Phi4MMAudioFeatureExtractor",
                audio_compression_rate=time_reduction, audio_downsample_rate=1, audio_feat_stride=1, processor_class="Phi4MMProcessor",
                size=dict(height=crop, width=crop), patch_size=patch, hop_length=extractor.hop_length), f, indent=1)
    else:
        main = config.to_dict(); main["architectures"] = ["Phi4MultimodalForCausalLM"]; main["torch_dtype"] = str(dtype).removeprefix("torch.")
        for key in ("transformers_version", "_attn_implementation", "dtype"): main.pop(key, None)
        p = main.pop("rope_parameters"); main.update(rope_theta=p["rope_theta"], partial_rotary_factor=partial,
            rope_scaling=dict(type="longrope", short_factor=p["short_factor"], long_factor=p["long_factor"]))
    with open(f"{path}/config.json", "w") as f: json.dump(main, f, indent=1)
    with open(f"{path}/generation_config.json", "w") as f:
        json.dump(dict(bos_token_id=ids["<|endoftext|>"], eos_token_id=[ids["<|endoftext|>"], ids["<|end|>"]], pad_token_id=ids["<|endoftext|>"], do_sample=False), f)
    return model, processor

def case(folder, name, model, processor, messages, *, tokens=6, probe=True):
    """Runs one conversation and writes its case. Media are read from folder/media. An image's features are its crops, the global one first;
    its grid is [1, rows of crops, columns of crops]; its embeddings are the projected rows in the order that the prompt holds them."""
    from PIL import Image
    media, images, audios = [], [], []
    for part in (p for m in messages if not isinstance(m["content"], str) for p in m["content"]):
        if part["type"] == "text": continue
        path = f"{folder}/media/{part['path']}"
        if part["type"] == "image": images.append(Image.open(path)); images[-1].load(); media.append(("image", len(images) - 1))
        else: audios.append(read_sound(path)); media.append(("audio", len(audios) - 1))
    assert len(audios) < 2, "the reference's rows for one audio depend on the other's padding"
    prompt = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    extra = dict(audio=audios, audio_kwargs=dict(sampling_rate=16000)) if audios else {}
    inputs = processor(text=prompt, images=images or None, return_tensors="pt", **extra)
    mode = "vision" if images else "speech" if audios else None
    adapt(model, mode)
    config, embed = model.config, model.model.embed_tokens_extend
    tensors = dict(input_ids=inputs["input_ids"][0])
    with torch.no_grad():
        def alone(token, **given):  # the rows that the reference puts in place of the placeholders, for one medium
            n = int(given.pop("rows")); where = torch.full((1, n), token)
            return embed(where, torch.zeros(1, n, config.hidden_size), **given)[0]
        counts = processor.image_processor(images)["num_img_tokens"] if images else []
        for i, (modality, j) in enumerate(media):
            key = f"media.{i}.{modality}"
            if modality == "image":
                h, w = (inputs["image_sizes"][j] // config.vision_config.crop_size).tolist(); k = h * w + 1
                pixels, mask = inputs["image_pixel_values"][j:j + 1, :k], inputs["image_attention_mask"][j:j + 1, :k]
                tensors[f"{key}.features"], tensors[f"{key}.grid"] = pixels[0], torch.tensor([1, h, w])
                tensors[f"{key}.embeddings"] = alone(config.vision_config.image_token_id, rows=counts[j], image_pixel_values=pixels,
                    image_sizes=inputs["image_sizes"][j:j + 1], image_attention_mask=mask)
            else:
                n = int(inputs["audio_embed_sizes"][j]); features = inputs["audio_input_features"][j:j + 1]
                tensors[f"{key}.features"] = features[0]
                tensors[f"{key}.embeddings"] = embed.audio_embed(torch.full((1, n), config.audio_config.audio_token_id), torch.zeros(1, n, config.hidden_size),
                    audio_input_features=features, audio_embed_sizes=inputs["audio_embed_sizes"][j:j + 1], audio_projection_mode="vision" if images else "speech")[0]
        run = dict(max_new_tokens=tokens, do_sample=False, return_dict_in_generate=True, output_logits=True)
        out = model.generate(**inputs, **run)
        new = out.sequences[0, inputs["input_ids"].shape[1]:]
        tensors["tokens"], tensors["logits"] = new, torch.cat(out.logits)
        if probe and media:  # the answer must depend on the media, each kind of it, and on the adapter
            once = lambda given: torch.cat(model.generate(**given, **{**run, "max_new_tokens": 1}).logits)
            for k in ("image_pixel_values", "audio_input_features"):
                if k not in inputs: continue
                moved = {**inputs, k: inputs[k] + .5 * inputs[k].std().clamp(min=1) * torch.randn(inputs[k].shape, generator=torch.Generator().manual_seed(1))}
                delta = (once(moved) - tensors["logits"][:1]).abs().max().item()
                assert delta > .05, f"{name}: logits hardly move with {k} ({delta})"
            adapt(model, None)
            delta = (once(inputs) - tensors["logits"][:1]).abs().max().item()
            assert delta > .05, f"{name}: logits hardly move with the adapter ({delta})"
    import transformers
    write_case(folder, name, reference=f"transformers {transformers.__version__} Phi4MultimodalForCausalLM with its {mode or 'no'} LoRA merged, float32, cpu",
        messages=messages, options=dict(maxNewTokens=tokens), prompt=prompt, text=processor.tokenizer.decode(new, skip_special_tokens=True), tensors=tensors)

def user(*parts): return [dict(role="user", content=[dict(type="text", text=p) if isinstance(p, str) else dict(type=p[0], path=p[1]) for p in parts])]

if __name__ == "__main__":
    a = argparse.ArgumentParser(); a.add_argument("out"); a.add_argument("--seed", type=int, default=17); a = a.parse_args()
    model, processor = build(a.out, a.seed, dtype=torch.bfloat16)
    m = f"{a.out}/media"
    draw(f"{m}/a.png", 60, 24, a.seed); draw(f"{m}/large.png", 128, 70, a.seed + 1); draw(f"{m}/b.png", 21, 50, a.seed + 2)
    tone(f"{m}/a.wav", 1.7, a.seed); tone(f"{m}/long.wav", 20.1, a.seed + 1)
    go = lambda name, messages, **k: case(a.out, name, model, processor, messages, **k)
    go("text", user("What is in the picture?"))
    go("image", user(("image", "a.png"), "What is in the picture?"))
    go("large_image", user(("image", "large.png"), "How many circles are there?"))
    go("two_images", user(("image", "a.png"), ("image", "b.png"), "Which of them is red?"))
    go("audio", user(("audio", "a.wav"), "What is said?"))
    go("long_audio", user(("audio", "long.wav"), "What is said at the end?"))
    go("image_and_audio", user(("image", "b.png"), ("audio", "a.wav")))
