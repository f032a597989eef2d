"""A lean twin of Qwen2_5OmniThinkerForConditionalGeneration (transformers 4.57.6).

The same parameter names and arithmetic; batches of one layout (no padding inside media), many questions about one
medium in one pass. `check.py` compares it with the published class."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file

from encoders import Audio, Vision
from layers import MLP, RMS, attend, join, split, turn
from prompt import NOT_ASKED

WIDTH = 192
# what a layer adds to the stream is a product with these
ADDS = tuple(f"{name}.weight" for name in ("o_proj", "attn.proj", "out_proj", "down_proj", "fc2"))
CONFIG = dict(
    vision=dict(
        depth=6, hidden_size=128, intermediate_size=256, num_heads=4, in_channels=3, patch_size=14,
        spatial_merge_size=2, temporal_patch_size=2, window_size=56, fullatt_block_indexes=[1, 3, 5],
        out_hidden_size=WIDTH,
    ),
    audio=dict(
        num_mel_bins=128, d_model=128, encoder_layers=3, encoder_attention_heads=4, encoder_ffn_dim=512, n_window=100,
        output_dim=WIDTH, max_source_positions=1500,
    ),
    text=dict(
        vocab_size=1024, hidden_size=WIDTH, intermediate_size=512, num_hidden_layers=6, num_attention_heads=6,
        num_key_value_heads=2, rope_theta=1e5, rms_norm_eps=1e-6, max_position_embeddings=4096,
        rope_scaling=dict(mrope_section=[8, 4, 4], rope_type="default", type="default"), tie_word_embeddings=False,
    ),
)


class TextAttention(nn.Module):
    """watch: 0, or a row: from there on, `looks` gets what the first head looks at, before softmax.

    looks: [batch, rows from there on, n]."""

    def __init__(self, config: dict):
        super().__init__()
        width = config["hidden_size"]
        self.watch, self.looks = 0, None
        self.heads, self.kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
        self.head_width = width // self.heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, self.kv_heads * self.head_width)
        self.v_proj = nn.Linear(width, self.kv_heads * self.head_width)
        self.o_proj = nn.Linear(width, width, bias=False)

    def forward(self, x, cos, sin, mask):
        q = split(self.q_proj(x), self.heads)
        k = split(self.k_proj(x), self.kv_heads)
        v = split(self.v_proj(x), self.kv_heads)
        q, k = turn(q, cos, sin), turn(k, cos, sin)
        if self.watch:
            from_text = q[:, 0, self.watch:] * self.head_width ** -.5
            self.looks = from_text @ k[:, 0].transpose(-1, -2) + mask[:, 0, self.watch:]
        shared = self.heads // self.kv_heads
        k, v = k.repeat_interleave(shared, 1), v.repeat_interleave(shared, 1)
        return self.o_proj(join(attend(q, k, v, mask)))


class TextLayer(nn.Module):
    def __init__(self, config: dict):
        super().__init__()
        width = config["hidden_size"]
        self.self_attn = TextAttention(config)
        self.mlp = MLP(width, config["intermediate_size"], False)
        self.input_layernorm = RMS(width)
        self.post_attention_layernorm = RMS(width)

    def forward(self, x, cos, sin, mask):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class Text(nn.Module):
    def __init__(self, config: dict):
        super().__init__()
        self.embed_tokens = nn.Embedding(config["vocab_size"], config["hidden_size"])
        self.layers = nn.ModuleList(TextLayer(config) for _ in range(config["num_hidden_layers"]))
        self.norm = RMS(config["hidden_size"])


class Thinker(nn.Module):
    """The whole model. A pass leaves things for the training's other losses:

    seen_rows, heard_rows [batch, rows, width]: what the encoders made of pixels and mel;
    heard, counted [batch, rows, width]: the rows of sound behind the second and the fourth layer of the decoder."""

    def __init__(self, config: dict = CONFIG):
        super().__init__()
        self.config = config
        text = config["text"]
        self.visual = Vision(config["vision"])
        self.audio_tower = Audio(config["audio"])
        self.model = Text(text)
        self.lm_head = nn.Linear(text["hidden_size"], text["vocab_size"], bias=False)
        self._draw_weights()
        self.forget()

    def forget(self):
        """Drops what the last pass left: it cannot be sent to another process."""
        self.seen_rows, self.heard_rows, self.heard, self.counted = None, None, None, None
        for layer in self.model.layers:
            layer.self_attn.looks = None

    @torch.no_grad()
    def _draw_weights(self):
        for name, p in self.named_parameters():
            if p.dim() > 1:
                of_tokens = "embed_tokens" in name or "lm_head" in name
                nn.init.normal_(p, std=.02 if of_tokens else .7 / math.sqrt(p[0].numel()))
            elif "bias" in name:
                nn.init.zeros_(p)
        # what is added to the stream is smaller the more layers add
        for layers, names in (
            (self.model.layers, ("self_attn.o_proj", "mlp.down_proj")),
            (self.visual.blocks, ("attn.proj", "mlp.down_proj")),
            (self.audio_tower.layers, ("self_attn.out_proj", "fc2")),
        ):
            for layer in layers:
                for name in names:
                    layer.get_submodule(name).weight.mul_(1 / math.sqrt(2 * len(layers)))
        self.lm_head.weight.copy_(self.model.embed_tokens.weight)

    def load_checkpoint(self, folder: str):
        """Takes the weights of a checkpoint that export.py wrote.

        Layers that it has not got change nothing at first, as in Net2DeeperNet (arXiv 1511.05641)."""
        stored = load_file(f"{folder}/model.safetensors")
        weights = {name.removeprefix("thinker."): w.float() for name, w in stored.items()}
        mine = self.state_dict()
        assert set(weights) <= set(mine), set(weights) - set(mine)
        for name in set(mine) - set(weights):
            adds = name.endswith(ADDS)
            weights[name] = torch.zeros_like(mine[name]) if adds else mine[name]
        self.load_state_dict(weights)

    def rotary(self, positions):
        """[3, batch or 1, n] -> cos, sin [batch or 1, 1, n, head width], each slice of it from its own axis."""
        text = self.config["text"]
        width = text["hidden_size"] // text["num_attention_heads"]
        steps = torch.arange(0, width, 2, device=positions.device).float()
        frequency = 1 / (text["rope_theta"] ** (steps / width))
        angle = positions.float()[..., None] * frequency
        angle = torch.cat([angle, angle], -1)
        sections = text["rope_scaling"]["mrope_section"] * 2

        def by_axis(table):
            slices = [part[i % 3] for i, part in enumerate(table.split(sections, -1))]
            return torch.cat(slices, -1)[:, None]

        return by_axis(angle.cos()), by_axis(angle.sin())

    def forward(self, b: dict, positions=None, every=False):
        """b: see Data.batch; "seen_rows" and "heard_rows" stand in for pixels and mel.

        positions: a function of (position_ids, vision slots, sound slots) that gives others. Returns (logits of the
        answers' tokens [n, vocab], targets [n], where [batch, text]), or with `every` all logits."""
        ids, text = b["prefix"], b["text"]
        position_ids = b["position_ids"]
        if positions is not None:
            position_ids = positions(position_ids.clone(), b["vision_slots"], b["audio_slots"])
        cos, sin = self.rotary(position_ids)
        dtype = torch.bfloat16 if torch.is_autocast_enabled(text.device.type) else torch.float32
        mask = _mask(len(ids), b["block"], dtype)
        x = self.model.embed_tokens(torch.cat([ids[None].expand(len(text), -1), text], 1))
        x, cos, sin = x.to(dtype), cos.to(dtype), sin.to(dtype)
        x = self._with_media(x, b)
        for i, layer in enumerate(self.model.layers):
            x = layer(x, cos, sin, mask)
            if i == 1:
                self.heard = _normed_rows(x, b["audio_slots"])
            elif i == 3:
                self.counted = _normed_rows(x, b["audio_slots"])
        x = self.model.norm(x)
        if every:
            return self.lm_head(x)
        where = b["label"] != NOT_ASKED
        return self.lm_head(x[:, len(ids):][where]).float(), b["label"][where], where

    def _with_media(self, x, b):
        """Rows of pictures and sound take the places of their tokens."""
        if "seen_rows" in b:
            x = x.index_copy(1, b["vision_slots"], b["seen_rows"].to(x.dtype))
        elif "pixels" in b:
            rows = self.visual(b["pixels"].flatten(0, 1), b["grid"])
            self.seen_rows = rows.reshape(len(x), len(b["vision_slots"]), -1)
            x = x.index_copy(1, b["vision_slots"], self.seen_rows.to(x.dtype))
        if "heard_rows" in b:
            x = x.index_copy(1, b["audio_slots"], b["heard_rows"].to(x.dtype))
        elif "mel" in b:
            self.heard_rows = self.audio_tower(b["mel"])
            x = x.index_copy(1, b["audio_slots"], self.heard_rows.to(x.dtype))
        return x


def _normed_rows(x, slots):
    """[batch, rows, width], or None where there are none."""
    return F.rms_norm(x[:, slots], (x.shape[-1],)) if len(slots) else None


def _mask(prefix: int, block, dtype):
    """Additive, [batch, 1, n, n]: a row sees the rows before it of the prompt and of its own block of questions."""
    block = torch.cat([block.new_full((len(block), prefix), -1), block], 1)
    row = torch.arange(block.shape[1], device=block.device)
    earlier = row[:, None] >= row[None]
    of_key, of_query = block[:, None], block[:, :, None]
    seen = earlier[None] & ((of_key == -1) | (of_key == of_query))
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, float("-inf"))[:, None]
