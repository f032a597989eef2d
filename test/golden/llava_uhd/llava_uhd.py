"""Golden folder for LLaVA-UHD (v1, adapt_spatial_resampler). Usage, from the repository root:
python test/golden/llava_uhd/llava_uhd.py test/golden/llava_uhd --reference DIR [--seed N]. Needs torch 2.13, torchvision, transformers 5.18.

DIR: a checkout of github.com/thunlp/LLaVA-UHD, branch LLaVA-UHD-v1 (dd7f6cc). Slicing, picture preparation (the steps of llava/eval/model_vqa_loader.py), CLIP with
resized positions, resampler, chunked tokenization and the splice into the text are the repository's; encoder layers and decoder are transformers'. Lent to it
while it loads: the class name CLIPVisionTransformer, which transformers 5 folded into CLIPVisionModel, and an empty imgaug, which only its training uses.
Its separators are LLaMA's ids, in constants; they are set here to the small tokenizer's ids of the same two pieces. On disk as mobilevlm.py says; the tower's
weights come from the CLIP folder.
The default seed is the first from 7 at which no step's two best logits are near a tie and every case answers at length."""
import argparse, importlib, importlib.util, os, sys, types
import torch
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModel, LlamaConfig, LlamaForCausalLM
from transformers.models.clip import modeling_clip
sys.path[1:1] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), d) for d in ("..", "../minicpmv", "../mobilevlm")]  # golden.py and the scripts that this one borrows from
from golden import draw, enliven, round_weights, write_case
from minicpmv4_6 import opened, slicing, user
from mobilevlm import answer, fix_norms, prompt_of, train_llama, write_clip, write_llama

def published(folder):
    """The repository's modules, without the package's own imports, which want every decoder it ever had."""
    for name in ("llava", "llava.model"):
        package = types.ModuleType(name); package.__path__ = [f"{folder}/{name.replace('.', '/')}"]; sys.modules[name] = package
    if "imgaug" not in sys.modules and importlib.util.find_spec("imgaug") is None:
        stub = types.ModuleType("imgaug"); stub.augmenters = None; sys.modules["imgaug"] = stub
    if not hasattr(modeling_clip, "CLIPVisionTransformer"): modeling_clip.CLIPVisionTransformer = CLIPVisionModel
    return types.SimpleNamespace(**{n.split(".")[-1]: importlib.import_module(f"llava.{n}") for n in ("slice_process", "mm_utils", "constants", "conversation", "model.llava_arch",
        "model.multimodal_projector.builder", "model.multimodal_encoder.clip_encoder", "model.multimodal_encoder.adapt_clip_vision_model")})

def build(folder, seed, *, reference, hidden=128, layers=2, heads=4, kv_heads=4, mlp=128, vision=(32, 3, 2), scale=56, patch=14, max_slices=7, select=-2,
          clip="clip-vit-large-patch14-336", shards=1, dtype=torch.bfloat16):
    """Writes checkpoint/ and the CLIP folder, and returns (model in float32, processor). hidden is a multiple of 128: the resampler has one head per 128."""
    ref = published(reference)
    tokenizer = train_llama(60)
    ref.slice_process.NEWLINE_TOKEN, ref.slice_process.DOT_TOKEN = (tokenizer.convert_tokens_to_ids(t) for t in ("<0x0A>", ","))
    assert ref.slice_process.NEWLINE_TOKEN == 13 and ref.slice_process.DOT_TOKEN != tokenizer.unk_token_id
    shape = dict(hidden_size=vision[0], intermediate_size=vision[0] * 3, num_hidden_layers=vision[1], num_attention_heads=vision[2], image_size=scale, patch_size=patch,
        projection_dim=16, hidden_act="quick_gelu")
    write_clip(f"{folder}/{clip}", shape, seed + 100, dtype)
    text = dict(vocab_size=len(tokenizer), hidden_size=hidden, intermediate_size=mlp, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv_heads,
        max_position_embeddings=4096, rms_norm_eps=1e-5, tie_word_embeddings=False, hidden_act="silu", bos_token_id=1, eos_token_id=2, pad_token_id=0)
    mm = dict(mm_hidden_size=vision[0], mm_projector_type="adapt_spatial_resampler", mm_use_im_patch_token=False, mm_use_im_start_end=False, mm_vision_select_feature="patch",
        mm_vision_select_layer=select, mm_vision_tower=f"./pretrained_models/{clip}", mm_patch_merge_type="flat", image_aspect_ratio="pad", use_mm_proj=True)
    torch.manual_seed(seed)

    class Composed(torch.nn.Module, ref.llava_arch.LlavaMetaForCausalLM):
        """The published splice over a decoder, a tower and a projector."""
        device = property(lambda self: torch.device("cpu"))
        def get_model(self): return types.SimpleNamespace(get_vision_tower=lambda: self.vision_tower, mm_projector=self.mm_projector, embed_tokens=self.llm.model.embed_tokens)
    model = Composed()
    model.llm = LlamaForCausalLM._from_config(LlamaConfig(**text, rope_parameters=dict(rope_type="default", rope_theta=10000.0)), attn_implementation="eager")
    model.config = types.SimpleNamespace(hidden_size=hidden, scale=scale, max_slices=max_slices, **mm)
    model.mm_projector = ref.builder.build_vision_projector(model.config)
    table = model.mm_projector.pos_embed.detach().clone()
    adapt = ref.adapt_clip_vision_model
    config = CLIPVisionConfig(**shape); config._attn_implementation = "eager"
    clip_model = adapt.AdaptCLIPVisionTransformer(config)
    clip_model.load_state_dict(CLIPVisionModel.from_pretrained(f"{folder}/{clip}").state_dict())
    # transformers 5 hands every embedding an argument that the published one does not have
    clip_model.embeddings.forward = lambda pixels, **_: adapt.AdaptCLIPVisionEmbeddings.forward(clip_model.embeddings, pixels)
    tower = ref.clip_encoder.CLIPVisionTower.__new__(ref.clip_encoder.CLIPVisionTower); torch.nn.Module.__init__(tower)
    tower.vision_tower, tower.select_layer, tower.select_feature, tower.is_loaded = clip_model, select, "patch", True
    model.vision_tower = tower
    model.eval()
    enliven(model.llm, seed); enliven(model.mm_projector, seed + 1); fix_norms(model.mm_projector)
    with torch.no_grad(): model.mm_projector.pos_embed.copy_(table)  # a parameter, but sines and cosines in every checkpoint
    round_weights(model, dtype)
    write_llama(f"{folder}/checkpoint", model, tokenizer, dict(architectures=["LlavaLlamaForCausalLM"], model_type="llava_llama", **text, rope_theta=10000.0,
        torch_dtype=str(dtype).removeprefix("torch."), **mm), {f"model.mm_projector.{k}": v for k, v in model.mm_projector.state_dict().items()}, dtype, shards)
    return model, types.SimpleNamespace(tokenizer=tokenizer, image_processor=CLIPImageProcessor.from_pretrained(f"{folder}/{clip}"), ref=ref)

def decide(reference):
    """The published choice: rows and cols, and [height, width] in pixels of the overview and of one slice."""
    slice_image = published(reference).slice_process.slice_image_minicpm
    class Blank:  # a picture of which only the size matters
        def __init__(self, size): self.size = size
        def resize(self, size, *_): return Blank(size)
        def copy(self): return self
        def crop(self, box): return Blank((box[2] - box[0], box[3] - box[1]))
    def choose(w, h, limit):
        source, patches, grid, _ = slice_image(Blank((w, h)), max_slice_nums=limit, scale_resolution=336, patch_size=14)
        return dict(rows=0, cols=0, overview=list(source.size)[::-1]) if grid is None else \
            dict(rows=grid[1], cols=grid[0], overview=list(source.size)[::-1], slice=list(patches[0].size)[::-1])
    return choose

def case(folder, name, model, processor, messages, *, tokens=10, longest=None, max_slices=None):
    """Runs one conversation and writes its case. longest: the side that the evaluation loader first scales every picture to (1024 at the published sizes), or
    None to slice the picture as it is. A picture's positions in input_ids hold the published placeholder, -200, but for the separators between its slices."""
    ref, scale = processor.ref, model.config.scale
    images = [opened(f"{folder}/media/{p['path']}") for m in messages if not isinstance(m["content"], str) for p in m["content"] if p["type"] == "image"]
    prompt = prompt_of(ref.conversation.conv_templates["v1"], messages)
    slot = ref.constants.IMAGE_TOKEN_INDEX
    ids = ref.mm_utils.tokenizer_image_token(prompt, processor.tokenizer, slot, return_tensors="pt")[None]
    pixel = lambda ims: processor.image_processor.preprocess(ims, do_resize=False, do_center_crop=False, do_rescale=True, do_normalize=True, return_tensors="pt")["pixel_values"]
    sources, patches, separators, grids = [], [], [], []
    for im in images:
        if longest: im = ref.slice_process.resize_image_keep_ratio(im, max_size=longest)
        source, parts, grid, ind = ref.slice_process.slice_image_minicpm(im, max_slice_nums=max_slices or model.config.max_slices, scale_resolution=scale, patch_size=14, never_split=False)
        sources.append(pixel(source)[0]); patches.append(pixel(parts) if grid else torch.zeros(1, 3, scale, scale)); separators.append(ind); grids.append((grid or [0, 0])[::-1])

    def embed(sources, patches):
        if not sources: return model.llm.model.embed_tokens(ids)
        return model.prepare_inputs_labels_for_multimodal(ids, None, None, None, None, sources, patch_images=patches, ind_tokens=separators)[4]

    tensors = {}
    with torch.no_grad():
        embeds = embed(sources, patches)
        tensors["tokens"], tensors["logits"] = answer(model.llm, embeds, tokens)
        blocks = model.encode_images(sources, patches, separators) if images else []
        at, expanded = 0, []
        for t in ids[0].tolist():
            if t != slot: expanded.append(t); continue
            for k, b in enumerate(blocks[at]): expanded += [slot] * len(b) + separators[at][k:k + 1]
            at += 1
        assert at == len(images) and len(expanded) == embeds.shape[1]
        tensors["input_ids"] = torch.tensor(expanded)
        for i, b in enumerate(blocks):
            parts = ([*patches[i]] if separators[i] else []) + [sources[i]]
            tensors[f"media.{i}.image.slices"] = torch.tensor(grids[i])
            tensors[f"media.{i}.image.sizes"] = torch.tensor([[p.shape[1] // 14, p.shape[2] // 14] for p in parts])
            tensors[f"media.{i}.image.features"] = torch.cat([p.flatten() for p in parts])
            tensors[f"media.{i}.image.embeddings"] = torch.cat(b)
        if images:  # the answer must depend on the media
            g = torch.Generator().manual_seed(1)
            moved = [[p + .5 * torch.randn(p.shape, generator=g) for p in x] for x in (sources, patches)]
            delta = (answer(model.llm, embed(*moved), 1)[1] - tensors["logits"][:1]).abs().max().item()
            assert delta > .05, f"{name}: logits hardly move with the media ({delta})"
    import transformers
    write_case(folder, name, reference=f"thunlp/LLaVA-UHD v1 over transformers {transformers.__version__} CLIP encoder and LlamaForCausalLM, float32, cpu", messages=messages,
        options=dict(maxNewTokens=tokens, scaleResolution=scale, maxSliceNums=max_slices or model.config.max_slices, **({"longestEdge": longest} if longest else {})),
        prompt=prompt, text=processor.tokenizer.decode(tensors["tokens"], skip_special_tokens=True), tensors=tensors)

if __name__ == "__main__":
    a = argparse.ArgumentParser(); a.add_argument("out"); a.add_argument("--seed", type=int, default=16); a.add_argument("--reference", required=True); a = a.parse_args()
    model, processor = build(a.out, a.seed, reference=a.reference)
    m = f"{a.out}/media"
    draw(f"{m}/small.png", 60, 44, a.seed); draw(f"{m}/large.png", 140, 116, a.seed + 1); draw(f"{m}/tall.png", 50, 150, a.seed + 2)
    slicing(f"{a.out}/slicing.json", decide(a.reference), a.seed, (7, 4, 1))
    go = lambda name, messages, **k: case(a.out, name, model, processor, messages, **k)
    go("text", user("What is in the picture?"))
    go("image", user(("image", "small.png"), "What is in the picture?"))
    go("large_image", user(("image", "large.png"), "How many circles are there?"), longest=112)
    go("tall_image", user("Describe it.", ("image", "tall.png")))
    go("two_images", user(("image", "tall.png"), "and", ("image", "small.png"), "Which is larger?"), max_slices=2)
