"""Golden folder for MobileVLM: LDPv2 (V2) or LDP (V1). Usage, from the repository root:
python test/golden/mobilevlm/mobilevlm.py test/golden/mobilevlm/PROJECTOR --reference DIR [--seed N] --projector ldpnetv2|ldpnet.
Needs torch 2.13, torchvision, timm (1.0), transformers 5.18. DIR: a checkout of github.com/Meituan-AutoML/MobileVLM (688fdec).

Picture preparation, prompt, chunked tokenization, vision tower wrapper, projector and the splice into the text are the published repository's; the decoder is
transformers' Llama. On disk, as a user has it: checkpoint/ and, beside it, the folder of the CLIP that config.json's mm_vision_tower names (looked up by its last
path component). V1 takes the tower's weights from that folder. V2 tuned the tower and keeps it in its own checkpoint (model.vision_tower.vision_tower.*): from
the CLIP folder it reads the configuration and the picture processor only, so here that folder holds other weights.
The default seed is the first from 7 at which no step's two best logits are near a tie."""
import argparse, importlib, json, os, sys, types
import torch
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
sys.path[1:1] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), d) for d in ("..", "../minicpmv")]  # golden.py and the scripts that this one borrows from
from golden import CORPUS, draw, enliven, round_weights, write_case
from minicpmv4_6 import opened, user

PROMPT = ("A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's "
    "questions. USER: ASSISTANT:")
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]

def train_llama(pieces=120):
    """A tokenizer of LLaMA's kind: <unk> <s> </s>, 256 bytes (so a newline is 13), then pieces; a space in front of every text, <s> before it."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trained.train_from_iterator((CORPUS + [PROMPT]) * 4, trainers.BpeTrainer(vocab_size=300 + pieces, min_frequency=1, show_progress=False))
    learnt = json.loads(trained.to_str())["model"]
    vocab = {w: i for i, w in enumerate(["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)])}
    chars = [w for w in learnt["vocab"] if len(w) == 1 and ord(w) < 0x2600]
    kept = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in learnt["merges"]]
    merges, known = [], set(chars)
    for a, b in kept[:pieces]:
        if a in known and b in known: merges.append((a, b)); known.add(a + b)
    for w in chars + [a + b for a, b in merges]: vocab.setdefault(w, len(vocab))
    tok = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tok.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tok.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tok, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<unk>")

def write_clip(path, config, seed, dtype=torch.float32):
    """A CLIP folder as published: config.json with a vision_config, names under vision_model., a picture processor. Returns nothing: it is read back by path."""
    model = CLIPVisionModel(CLIPVisionConfig(**config)).eval(); enliven(model, seed)
    os.makedirs(path, exist_ok=True)
    sd = {f"vision_model.{k}": v.to(dtype).contiguous() for k, v in model.state_dict().items()}
    save_file(sd, f"{path}/model.safetensors", metadata={"format": "pt"})
    side = config["image_size"]
    with open(f"{path}/config.json", "w") as f:
        json.dump(dict(architectures=["CLIPModel"], model_type="clip", projection_dim=config["projection_dim"], vision_config=dict(model_type="clip_vision_model", **config)), f, indent=1)
    with open(f"{path}/preprocessor_config.json", "w") as f:
        json.dump(dict(image_processor_type="CLIPImageProcessor", crop_size=side, do_center_crop=True, do_normalize=True, do_resize=True, image_mean=MEAN, image_std=STD, resample=3, size=side), f, indent=1)
    back = CLIPVisionModel.from_pretrained(path).state_dict()
    assert all(torch.equal(v.to(dtype), sd[f"vision_model.{k}"]) for k, v in back.items())

def fix_norms(module):
    """enliven() knows norms by name; these are told by type."""
    with torch.no_grad():
        for n, m in module.named_modules():
            if isinstance(m, torch.nn.LayerNorm) and "norm" not in n.lower(): m.weight.add_(1)

def write_llama(path, model, tokenizer, config, extra, dtype, shards=1):
    """checkpoint/: the decoder under its own names, [extra] tensors beside it, config.json, tokenizer, generation_config.json."""
    os.makedirs(path, exist_ok=True)
    tokenizer.save_pretrained(path)
    sd = {k: v.to(dtype).contiguous() for k, v in {**model.llm.state_dict(), **extra}.items()}
    names = sorted(sd); parts = [names[i::shards] for i in range(shards)]
    for i, part in enumerate(parts):
        file = "model.safetensors" if shards == 1 else f"model-{i + 1:05d}-of-{shards:05d}.safetensors"
        save_file({n: sd[n] for n in part}, f"{path}/{file}", metadata={"format": "pt"})
    if shards > 1:
        with open(f"{path}/model.safetensors.index.json", "w") as f:
            json.dump(dict(metadata=dict(total_size=sum(v.numel() * v.element_size() for v in sd.values())),
                weight_map={n: f"model-{i + 1:05d}-of-{shards:05d}.safetensors" for i, part in enumerate(parts) for n in part}), f)
    with open(f"{path}/config.json", "w") as f: json.dump(config, f, indent=1)
    with open(f"{path}/generation_config.json", "w") as f: json.dump(dict(bos_token_id=1, eos_token_id=2, pad_token_id=0, do_sample=False), f)

def answer(llm, embeds, n):
    """Greedy from embeddings: (tokens, logits)."""
    out = llm.generate(inputs_embeds=embeds, attention_mask=torch.ones(embeds.shape[:2], dtype=torch.long), max_new_tokens=n, do_sample=False, eos_token_id=2, pad_token_id=0,
        return_dict_in_generate=True, output_logits=True)
    return out.sequences[0], torch.cat(out.logits)

def published(folder):
    """The repository's modules. Its package has this script's name, so it stands in for it while they load."""
    ours = sys.modules.get("mobilevlm")
    package = types.ModuleType("mobilevlm"); package.__path__ = [f"{folder}/mobilevlm"]; sys.modules["mobilevlm"] = package
    try:
        return types.SimpleNamespace(**{n.split(".")[-1]: importlib.import_module(f"mobilevlm.{n}") for n in ("model.mobilevlm", "model.vision_projector",
            "model.vision_encoder", "utils", "conversation", "constants")})
    finally:
        if ours is not None: sys.modules["mobilevlm"] = ours
        else: del sys.modules["mobilevlm"]

def prompt_of(conversation, messages):
    """The published conversation's prompt. A picture is <image> and a newline, as scripts/inference.py writes it."""
    c = conversation.copy()
    for m in messages:
        c.append_message(c.roles[m["role"] == "assistant"], m["content"] if isinstance(m["content"], str) else
            "".join("<image>\n" if p["type"] == "image" else p["text"] for p in m["content"]))
    c.append_message(c.roles[1], None)
    return c.get_prompt()

def build(folder, seed, *, reference, projector="ldpnetv2", hidden=64, layers=2, heads=4, kv_heads=4, mlp=128, vision=(32, 3, 2), side=96, patch=4, select=-2, aspect="pad",
          clip="clip-vit-large-patch14-336", shards=1, dtype=torch.float32):
    """Writes checkpoint/ and the CLIP folder, and returns (model in float32, processor). vision = (width, depth, heads)."""
    ref = published(reference)
    tokenizer = train_llama()
    v2 = projector.startswith("ldpnetv2")
    write_clip(f"{folder}/{clip}", dict(hidden_size=vision[0], intermediate_size=vision[0] * 3, num_hidden_layers=vision[1], num_attention_heads=vision[2], image_size=side,
        patch_size=patch, projection_dim=16, hidden_act="quick_gelu"), seed + 100, dtype)
    text = dict(vocab_size=len(tokenizer), hidden_size=hidden, intermediate_size=mlp, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv_heads,
        max_position_embeddings=2048, rms_norm_eps=1e-6, tie_word_embeddings=False, hidden_act="silu", bos_token_id=1, eos_token_id=2, pad_token_id=0)
    mm = dict(mm_hidden_size=vision[0], mm_projector_type=projector, mm_use_im_patch_token=False, mm_use_im_start_end=False, mm_vision_select_feature="patch",
        mm_vision_select_layer=select, mm_vision_tower=f"mtgv/{clip}" if v2 else f"openai/{clip}", vision_tower_type="clip", image_aspect_ratio=aspect, use_mm_proj=True)
    torch.manual_seed(seed)

    class Composed(torch.nn.Module, ref.mobilevlm.MobileVLMMetaForCausalLM):
        """The published splice over a decoder, a tower and a projector."""
        device = property(lambda self: torch.device("cpu"))
        def get_model(self): return types.SimpleNamespace(get_vision_tower=lambda: self.vision_tower, mm_projector=self.mm_projector, embed_tokens=self.llm.model.embed_tokens)
    model = Composed()
    model.llm = LlamaForCausalLM._from_config(LlamaConfig(**text, rope_parameters=dict(rope_type="default", rope_theta=10000.0)), attn_implementation="eager")
    model.config = types.SimpleNamespace(hidden_size=hidden, **mm)
    model.mm_projector = ref.vision_projector.build_vision_projector(model.config)
    model.vision_tower = ref.vision_encoder.CLIPVisionTower(f"{folder}/{clip}", args=model.config)
    model.float().eval()  # transformers 5 would run the tower in the type that its file has
    enliven(model.llm, seed); enliven(model.mm_projector, seed + 1); fix_norms(model.mm_projector)
    if v2: enliven(model.vision_tower, seed + 2)  # tuned with the rest
    round_weights(model, dtype)
    extra = {f"model.mm_projector.{k}": v for k, v in model.mm_projector.state_dict().items()}
    if v2: extra.update({f"model.vision_tower.vision_tower.vision_model.{k}": v for k, v in model.vision_tower.vision_tower.state_dict().items()})
    write_llama(f"{folder}/checkpoint", model, tokenizer, dict(architectures=["MobileLlamaForCausalLM"], model_type="mobilevlm", **text, rope_theta=10000.0,
        torch_dtype=str(dtype).removeprefix("torch."), **mm), extra, dtype, shards)
    processor = types.SimpleNamespace(tokenizer=tokenizer, image_processor=model.vision_tower.image_processor, ref=ref)
    return model, processor

def case(folder, name, model, processor, messages, *, tokens=10):
    """Runs one conversation and writes its case. Media are read from folder/media. A picture's positions in input_ids hold the published placeholder, -200."""
    ref = processor.ref
    images = [opened(f"{folder}/media/{p['path']}") for m in messages if not isinstance(m["content"], str) for p in m["content"] if p["type"] == "image"]
    prompt = prompt_of(ref.conversation.conv_templates["v1"], messages)
    slot = ref.constants.IMAGE_TOKEN_INDEX
    ids = ref.utils.tokenizer_image_token(prompt, processor.tokenizer, slot, return_tensors="pt")[None]
    pixels = ref.utils.process_images(images, processor.image_processor, model.config) if images else None
    tensors = {}

    def embed(pixels):
        if pixels is None: return model.llm.model.embed_tokens(ids)
        return model.prepare_inputs_labels_for_multimodal(ids, None, None, None, pixels)[3]

    with torch.no_grad():
        embeds = embed(pixels)
        tensors["tokens"], tensors["logits"] = answer(model.llm, embeds, tokens)
        blocks = model.encode_images(pixels) if images else []
        at, expanded = 0, []
        for t in ids[0].tolist():
            expanded += [slot] * len(blocks[at]) if t == slot else [t]
            at += t == slot
        assert at == len(images) and len(expanded) == embeds.shape[1]
        tensors["input_ids"] = torch.tensor(expanded)
        for i, b in enumerate(blocks): tensors[f"media.{i}.image.features"], tensors[f"media.{i}.image.embeddings"] = pixels[i], b
        if images:  # the answer must depend on the media
            moved = pixels + .5 * torch.randn(pixels.shape, generator=torch.Generator().manual_seed(1))
            delta = (answer(model.llm, embed(moved), 1)[1] - tensors["logits"][:1]).abs().max().item()
            assert delta > .05, f"{name}: logits hardly move with the media ({delta})"
    import transformers
    write_case(folder, name, reference=f"Meituan-AutoML/MobileVLM {model.config.mm_projector_type} over transformers {transformers.__version__} CLIPVisionModel and LlamaForCausalLM, float32, cpu",
        messages=messages, options=dict(maxNewTokens=tokens), prompt=prompt, text=processor.tokenizer.decode(tensors["tokens"], skip_special_tokens=True), tensors=tensors)

if __name__ == "__main__":
    a = argparse.ArgumentParser(); a.add_argument("out"); a.add_argument("--seed", type=int); a.add_argument("--reference", required=True)
    a.add_argument("--projector", default="ldpnetv2", choices=["ldpnetv2", "ldpnet"]); a = a.parse_args()
    if a.seed is None: a.seed = 8 if a.projector == "ldpnetv2" else 20
    model, processor = build(a.out, a.seed, reference=a.reference, projector=a.projector)
    m = f"{a.out}/media"
    draw(f"{m}/small.png", 90, 70, a.seed); draw(f"{m}/large.png", 260, 150, a.seed + 1); draw(f"{m}/tall.png", 70, 200, a.seed + 2)
    go = lambda name, messages, **k: case(a.out, name, model, processor, messages, **k)
    go("text", user("What is in the picture?"))
    go("image", user(("image", "small.png"), "What is in the picture?"))
    go("large_image", user(("image", "large.png"), "How many circles are there?"))
    go("tall_image", user("Describe it.", ("image", "tall.png")))
    go("two_images", user(("image", "tall.png"), "and", ("image", "small.png"), "Which is larger?"))
