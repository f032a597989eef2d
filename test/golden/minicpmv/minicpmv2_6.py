"""Golden folder for MiniCPM-V 2.6. Usage, from the repository root:
python test/golden/minicpmv/minicpmv2_6.py test/golden/minicpmv/2_6 --reference DIR [--seed N]. Needs torch 2.13, transformers 5.18.

The published implementation is the Hub's remote code. DIR holds its files: resampler.py, modeling_navit_siglip.py, image_processing_minicpmv.py,
processing_minicpmv.py, tokenization_minicpmv_fast.py, modeling_minicpmv.py. github.com/404805854/minicpmv2.6-onnx at c51365d is a copy of them whose tower
returns its last hidden state bare; it was not compared with the Hub's, which could not be reached. Slicing, layout, tower, resampler and the scatter into the text are theirs; the decoder is transformers'
Qwen2. The tower is checked against transformers' Idefics2 tower, picture by picture.
The default seed is the first from 7 at which no step's two best logits are near a tie."""
import argparse, builtins, importlib, json, os, sys, types, typing
import torch
from safetensors.torch import save_file
from transformers import Idefics2VisionConfig, Qwen2Config, Qwen2ForCausalLM
from transformers.models.idefics2.modeling_idefics2 import Idefics2VisionTransformer
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))  # golden.py
from golden import draw, enliven, round_weights, train_bpe, write_case
from minicpmv4_6 import opened, slicing, user

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<unk>", "<image>", "</image>", "<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>",
    "<point>", "</point>", "<slice>", "</slice>", "<image_id>", "</image_id>"]
TEMPLATE = ("{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful assistant."
    "<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")

def published(folder):
    """The remote code's modules. They lean on names that torch.nn.functional used to export, so List is lent to them while they load."""
    package = types.ModuleType("minicpmv_reference"); package.__path__ = [folder]; sys.modules[package.__name__] = package
    builtins.List = typing.List
    try:
        return types.SimpleNamespace(**{n: importlib.import_module(f"minicpmv_reference.{n}") for n in ("resampler", "modeling_navit_siglip",
            "image_processing_minicpmv", "processing_minicpmv", "tokenization_minicpmv_fast", "modeling_minicpmv")})
    finally: del builtins.List

def build(folder, seed, *, reference, hidden=256, layers=2, heads=4, kv_heads=1, mlp=64, queries=8, vision=(32, 3, 2), positions=16, patch=14, scale=56,
          max_slices=9, drop_last=False, use_image_id=True, shards=1, dtype=torch.bfloat16):
    """Writes checkpoint/ and returns (model in float32, processor). hidden is a multiple of 128: the resampler has one head per 128. vision = (width, depth, heads)."""
    ref = published(reference)
    tok = train_bpe(SPECIALS, vocab_size=330)
    ids = {s: tok.token_to_id(s) for s in SPECIALS}
    tokenizer = ref.tokenization_minicpmv_fast.MiniCPMVTokenizerFast(tokenizer_object=tok, eos_token="<|im_end|>", bos_token="<|im_start|>",
        pad_token="<|endoftext|>", unk_token="<unk>", chat_template=TEMPLATE)
    preprocessor = dict(max_slice_nums=max_slices, scale_resolution=scale, patch_size=patch, use_image_id=use_image_id, image_feature_size=queries,
        im_start="<image>", im_end="</image>", slice_start="<slice>", slice_end="</slice>", unk="<unk>", im_id_start="<image_id>", im_id_end="</image_id>",
        slice_mode=True, norm_mean=[.5, .5, .5], norm_std=[.5, .5, .5], version=2.6)
    processor = object.__new__(ref.processing_minicpmv.MiniCPMVProcessor)  # its own constructor wants registered classes
    processor.image_processor, processor.tokenizer, processor.version = ref.image_processing_minicpmv.MiniCPMVImageProcessor(**preprocessor), tokenizer, 2.6
    vocab = len(tokenizer)
    text = dict(vocab_size=vocab, hidden_size=hidden, intermediate_size=mlp, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv_heads,
        max_position_embeddings=32768, rms_norm_eps=1e-6, use_sliding_window=False, tie_word_embeddings=False, hidden_act="silu")
    tower = dict(hidden_size=vision[0], image_size=positions * patch, intermediate_size=vision[0] * 3, num_attention_heads=vision[2],
        num_hidden_layers=vision[1], patch_size=patch)
    torch.manual_seed(seed)
    model = torch.nn.Module()
    model.llm = Qwen2ForCausalLM._from_config(Qwen2Config(**text, rope_parameters=dict(rope_type="default", rope_theta=1000000.0)), attn_implementation="eager")
    vision_config = ref.modeling_navit_siglip.SiglipVisionConfig(**tower); vision_config._attn_implementation = "eager"
    model.vpm = ref.modeling_navit_siglip.SiglipVisionTransformer(vision_config)
    if drop_last: model.vpm.encoder.layers = model.vpm.encoder.layers[:-1]
    model.resampler = ref.resampler.Resampler(num_queries=queries, embed_dim=hidden, num_heads=hidden // 128, kv_dim=vision[0], adaptive=True)
    model.eval()
    enliven(model, seed)
    with torch.no_grad():
        for n, p in model.named_parameters():
            if ".ln_" in n and n.endswith("weight"): p.add_(1)  # these are norms whose names do not say so
    round_weights(model, dtype)
    model.resampler._set_2d_pos_cache(model.resampler.max_size)  # the cached table is no weight: keep it float32
    # What the published get_vllm_embedding reads besides the three modules.
    model.config = types.SimpleNamespace(vision_batch_size=1024, slices=max_slices)  # published: 16; past it the copy expects what its tower no longer returns
    model.embed = types.MethodType(ref.modeling_minicpmv.MiniCPMV.get_vllm_embedding, model)
    path = f"{folder}/checkpoint"; os.makedirs(path, exist_ok=True)
    tokenizer.save_pretrained(path)
    sd = {k: v.to(dtype).contiguous() for k, v in model.state_dict().items()}
    names = sorted(sd); parts = [names[i::shards] for i in range(shards)]
    for i, part in enumerate(parts):
        file = "model.safetensors" if shards == 1 else f"model-{i + 1:05d}-of-{shards:05d}.safetensors"
        save_file({n: sd[n] for n in part}, f"{path}/{file}", metadata={"format": "pt"})
    if shards > 1:
        with open(f"{path}/model.safetensors.index.json", "w") as f:
            json.dump(dict(metadata=dict(total_size=sum(v.numel() * v.element_size() for v in sd.values())),
                weight_map={n: f"model-{i + 1:05d}-of-{shards:05d}.safetensors" for i, part in enumerate(parts) for n in part}), f)
    with open(f"{path}/preprocessor_config.json", "w") as f:
        json.dump(dict(image_processor_type="MiniCPMVImageProcessor", processor_class="MiniCPMVProcessor", **preprocessor), f, indent=1)
    with open(f"{path}/config.json", "w") as f:
        json.dump(dict(version=2.6, architectures=["MiniCPMV"], model_type="minicpmv", bos_token_id=ids["<|im_start|>"], eos_token_id=ids["<|im_end|>"], **text,
            rope_theta=1000000.0, torch_dtype=str(dtype).removeprefix("torch."), batch_vision_input=True, drop_vision_last_layer=drop_last, image_size=scale,
            patch_size=patch, query_num=queries, slice_config=dict(max_slice_nums=max_slices, patch_size=patch, model_type="minicpmv"), slice_mode=True,
            use_image_id=use_image_id, vision_config=dict(model_type="siglip", **tower)), f, indent=1)
    with open(f"{path}/generation_config.json", "w") as f:
        json.dump(dict(eos_token_id=[ids["<|im_end|>"], ids["<|endoftext|>"]], pad_token_id=0, do_sample=False), f)
    return model, processor

def decide(reference):
    """The published choice: rows and cols, and [height, width] in pixels of the overview and of one slice."""
    p = published(reference).image_processing_minicpmv.MiniCPMVImageProcessor()
    def choose(w, h, limit, scale=448, patch=14):
        grid = p.get_sliced_grid((w, h), limit)
        out = dict(rows=0, cols=0, overview=list(p.find_best_resize((w, h), scale, patch, allow_upscale=grid is None))[::-1])
        if grid:
            W, H = p.get_refine_size((w, h), grid, scale, patch, allow_upscale=True)
            out.update(rows=grid[1], cols=grid[0], slice=[H // grid[1], W // grid[0]])
        return out
    return choose

def positions(path, reference, side=70, most=100):
    """positions.json: for 1 to [most] patches along an axis, the row of a [side]-wide position table that the published tower gives each. Float rounding shows."""
    from torch import no_grad, zeros, ones, arange, tensor
    navit = published(reference).modeling_navit_siglip
    e = navit.SiglipVisionEmbeddings(navit.SiglipVisionConfig(hidden_size=1, image_size=side * 14, patch_size=14))
    with no_grad():
        e.patch_embedding.weight.zero_(); e.patch_embedding.bias.zero_(); e.position_embedding.weight.copy_(arange(side * side)[:, None])
        table = [e(zeros(1, 3, 14, 14 * n), ones(1, 1, n).bool(), tensor([[1, n]]).int())[0, :, 0].int().tolist() for n in range(1, most + 1)]
    with open(path, "w") as f: f.write("[\n" + ",\n".join(json.dumps(t, separators=(",", ":")) for t in table) + "\n]\n")

def same_tower(model, packs, sizes):
    """The largest difference between the published tower, alone on each picture, and transformers' Idefics2 tower with its weights."""
    c = model.vpm.config
    other = Idefics2VisionTransformer._from_config(Idefics2VisionConfig(hidden_size=c.hidden_size, intermediate_size=c.intermediate_size, patch_size=c.patch_size,
        num_hidden_layers=len(model.vpm.encoder.layers), num_attention_heads=c.num_attention_heads, image_size=c.image_size), attn_implementation="eager").eval()
    other.load_state_dict(model.vpm.state_dict())
    worst = 0
    for pack, size in zip(packs, sizes):
        h, w = size.tolist(); p = c.patch_size
        flat = model.vpm(pack[None], patch_attention_mask=torch.ones(1, 1, h * w, dtype=torch.bool), tgt_sizes=size[None].int())
        flat = getattr(flat, "last_hidden_state", flat)
        picture = pack.reshape(3, p, h, w, p).permute(0, 2, 1, 3, 4).reshape(1, 3, h * p, w * p)
        square = other(picture, patch_attention_mask=torch.ones(1, h, w, dtype=torch.bool)).last_hidden_state
        worst = max(worst, (flat - square).abs().max().item())
    return worst

def case(folder, name, model, processor, messages, *, tokens=10, max_slices=None):
    """Runs one conversation and writes its case. Media are read from folder/media. The parts of a message are joined by newlines, as the published chat() does."""
    images = [opened(f"{folder}/media/{p['path']}") for m in messages if not isinstance(m["content"], str) for p in m["content"] if p["type"] == "image"]
    flat = [dict(role=m["role"], content=m["content"] if isinstance(m["content"], str) else
        "\n".join("(<image>./</image>)" if p["type"] == "image" else p["text"] for p in m["content"])) for m in messages]
    prompt = processor.tokenizer.apply_chat_template(flat, tokenize=False, add_generation_prompt=True)
    inputs = processor([prompt], [images], max_slice_nums=max_slices, return_tensors="pt")
    tensors = dict(input_ids=inputs["input_ids"][0].long())
    assert bool(inputs["attention_mask"].all()), "id 0 in a prompt: the published code masks it as padding"
    data = {k: inputs[k] for k in ("input_ids", "image_bound", "pixel_values", "tgt_sizes")}
    ends = [processor.tokenizer.convert_tokens_to_ids(t) for t in ("<|im_end|>", "<|endoftext|>")]

    def answer(n, **changed):
        embeds, blocks = model.embed({**data, **changed})
        out = model.llm.generate(inputs_embeds=embeds, attention_mask=inputs["attention_mask"], pad_token_id=0, eos_token_id=ends, max_new_tokens=n,
            do_sample=False, return_dict_in_generate=True, output_logits=True)
        return out.sequences[0], torch.cat(out.logits), blocks[0]

    with torch.no_grad():
        tensors["tokens"], tensors["logits"], blocks = answer(tokens)
        at = 0
        for i, im in enumerate(images):
            grid = (processor.image_processor.get_sliced_grid(im.size, max_slices or model.config.slices) or [0, 0])[::-1]
            n = 1 + grid[0] * grid[1]
            packs, sizes = data["pixel_values"][0][at:at + n], data["tgt_sizes"][0][at:at + n]
            tensors[f"media.{i}.image.slices"] = torch.tensor(grid)
            tensors[f"media.{i}.image.sizes"] = sizes.long()
            tensors[f"media.{i}.image.features"] = torch.cat(packs, -1)
            tensors[f"media.{i}.image.embeddings"] = blocks[at:at + n].flatten(0, 1)
            worst = same_tower(model, packs, sizes)
            assert worst < 1e-4, f"{name}: the towers differ by {worst}"
            at += n
        if images:  # the answer must depend on the media
            assert at == len(blocks)
            g = torch.Generator().manual_seed(1)
            moved = [[p + .5 * torch.randn(p.shape, generator=g) for p in data["pixel_values"][0]]]
            delta = (answer(1, pixel_values=moved)[1] - tensors["logits"][:1]).abs().max().item()
            assert delta > .05, f"{name}: logits hardly move with the media ({delta})"
    import transformers
    write_case(folder, name, reference=f"a copy of openbmb/MiniCPM-V-2_6's remote code over transformers {transformers.__version__} Qwen2ForCausalLM, float32, cpu", messages=messages,
        options=dict(maxNewTokens=tokens, **({"maxSliceNums": max_slices} if max_slices else {})), prompt=prompt,
        text=processor.tokenizer.decode(tensors["tokens"], skip_special_tokens=True), tensors=tensors)

if __name__ == "__main__":
    a = argparse.ArgumentParser(); a.add_argument("out"); a.add_argument("--seed", type=int, default=9); a.add_argument("--reference", required=True); a = a.parse_args()
    model, processor = build(a.out, a.seed, reference=a.reference)
    m = f"{a.out}/media"
    draw(f"{m}/small.png", 60, 44, a.seed); draw(f"{m}/large.png", 130, 90, a.seed + 1); draw(f"{m}/tall.png", 50, 150, a.seed + 2)
    slicing(f"{a.out}/slicing.json", decide(a.reference), a.seed, (9, 4, 1))
    positions(f"{a.out}/positions.json", a.reference)
    go = lambda name, messages, **k: case(a.out, name, model, processor, messages, **k)
    go("text", user("What is in the picture?"))
    go("image", user(("image", "small.png"), "What is in the picture?"))
    go("large_image", user(("image", "large.png"), "How many circles are there?"))
    go("tall_image", user("Describe it.", ("image", "tall.png")))
    go("two_images", user(("image", "tall.png"), "and", ("image", "small.png"), "Which is larger?"), max_slices=2)
