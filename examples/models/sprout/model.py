"""A lean twin of Qwen2_5OmniThinkerForConditionalGeneration (transformers 4.57.6): same parameter names and arithmetic, batches of one
layout (no padding inside media), many questions about one medium in one pass. `check.py` compares it with the published class."""
import math
import torch, torch.nn as nn, torch.nn.functional as F

WIDTH = 192
CONFIG = dict(
    vision=dict(depth=4, hidden_size=128, intermediate_size=256, num_heads=4, in_channels=3, patch_size=14, spatial_merge_size=2, temporal_patch_size=2,
        window_size=56, fullatt_block_indexes=[1, 3], out_hidden_size=WIDTH),
    audio=dict(num_mel_bins=128, d_model=128, encoder_layers=3, encoder_attention_heads=4, encoder_ffn_dim=512, n_window=100, output_dim=WIDTH, max_source_positions=1500),
    text=dict(vocab_size=1024, hidden_size=WIDTH, intermediate_size=512, num_hidden_layers=4, num_attention_heads=6, num_key_value_heads=2, rope_theta=1e5,
        rms_norm_eps=1e-6, max_position_embeddings=4096, rope_scaling=dict(mrope_section=[8, 4, 4], rope_type="default", type="default"), tie_word_embeddings=False))

class RMS(nn.Module):
    def __init__(self, d): super().__init__(); self.weight = nn.Parameter(torch.ones(d))
    def forward(self, x): return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), 1e-6)

def turn(x, cos, sin):
    a, b = x.chunk(2, -1); c, s = cos.chunk(2, -1)[0], sin.chunk(2, -1)[0]
    return torch.cat((a * c - b * s, b * c + a * s), -1)

def attend(q, k, v, mask=None):
    """Softmax attention as two products: on a CPU, several times faster backwards than the fused kernel at these sizes. mask is additive."""
    a = (q * (q.shape[-1] ** -.5)) @ k.transpose(-1, -2)
    if mask is not None: a = a + mask
    return a.softmax(-1) @ v

class MLP(nn.Module):
    def __init__(self, d, i, bias): super().__init__(); self.gate_proj = nn.Linear(d, i, bias=bias); self.up_proj = nn.Linear(d, i, bias=bias); self.down_proj = nn.Linear(i, d, bias=bias)
    def forward(self, x): return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))

class VisionAttention(nn.Module):
    def __init__(self, d, h): super().__init__(); self.h = h; self.q = nn.Linear(d, d); self.k = nn.Linear(d, d); self.v = nn.Linear(d, d); self.proj = nn.Linear(d, d)
    def forward(self, x, cos, sin, mask):
        b, n, d = x.shape; split = lambda l: l(x).view(b, n, self.h, -1).transpose(1, 2); q, k, v = split(self.q), split(self.k), split(self.v)
        return self.proj(attend(turn(q, cos, sin), turn(k, cos, sin), v, mask).transpose(1, 2).reshape(b, n, d))

class VisionBlock(nn.Module):
    def __init__(self, c): super().__init__(); d = c["hidden_size"]; self.norm1 = RMS(d); self.norm2 = RMS(d); self.attn = VisionAttention(d, c["num_heads"]); self.mlp = MLP(d, c["intermediate_size"], True)
    def forward(self, x, *a): x = x + self.attn(self.norm1(x), *a); return x + self.mlp(self.norm2(x))

class PatchEmbed(nn.Module):
    def __init__(self, c): super().__init__(); self.proj = nn.Conv3d(3, c["hidden_size"], (2, 14, 14), (2, 14, 14), bias=False)
    def forward(self, x): return F.linear(x, self.proj.weight.view(self.proj.weight.shape[0], -1))

class Merger(nn.Module):
    def __init__(self, c): super().__init__(); d = c["hidden_size"]; self.ln_q = RMS(d); self.mlp = nn.Sequential(nn.Linear(4 * d, 4 * d), nn.GELU(), nn.Linear(4 * d, c["out_hidden_size"])); self.d = 4 * d
    def forward(self, x): return self.mlp(self.ln_q(x).reshape(x.shape[0], -1, self.d))

class Vision(nn.Module):
    def __init__(self, c):
        super().__init__(); self.c = c; self.patch_embed = PatchEmbed(c); self.blocks = nn.ModuleList(VisionBlock(c) for _ in range(c["depth"])); self.merger = Merger(c); self.seen = {}

    def geometry(self, gh, gw):
        """cos, sin [n, head] and the window mask [n, n] of a grid of gh x gw patches, in merge-block order."""
        if (gh, gw) not in self.seen:
            c = self.c; y = torch.arange(gh)[:, None].expand(gh, gw); x = torch.arange(gw)[None].expand(gh, gw); order = lambda z: z.reshape(gh // 2, 2, gw // 2, 2).permute(0, 2, 1, 3).flatten()
            y, x = order(y), order(x); hd = c["hidden_size"] // c["num_heads"]; inv = 1 / (10000. ** (torch.arange(0, hd // 2, 2).float() / (hd // 2)))
            f = torch.cat([y[:, None] * inv, x[:, None] * inv], 1); f = torch.cat([f, f], 1); w = c["window_size"] // 28; window = (y // 2 // w) * 1000 + (x // 2 // w)
            self.seen[gh, gw] = (f.cos(), f.sin(), torch.zeros(len(x), len(x)).masked_fill_(window[:, None] != window[None], float("-inf")))
        return self.seen[gh, gw]

    def forward(self, x, grid):
        """[steps, patches, 1176] -> [steps, patches / 4, width]; grid = (rows, columns) of patches."""
        x = self.patch_embed(x); cos, sin, mask = self.geometry(*grid); cos, sin, mask = cos.to(x.dtype), sin.to(x.dtype), mask.to(x.dtype)
        for i, block in enumerate(self.blocks): x = block(x, cos, sin, None if i in self.c["fullatt_block_indexes"] else mask)
        return self.merger(x)

class AudioAttention(nn.Module):
    def __init__(self, d, h): super().__init__(); self.h = h; self.k_proj = nn.Linear(d, d, bias=False); self.v_proj = nn.Linear(d, d); self.q_proj = nn.Linear(d, d); self.out_proj = nn.Linear(d, d)
    def forward(self, x):
        b, n, d = x.shape; split = lambda l: l(x).view(b, n, self.h, -1).transpose(1, 2)
        return self.out_proj(attend(split(self.q_proj), split(self.k_proj), split(self.v_proj)).transpose(1, 2).reshape(b, n, d))

class AudioLayer(nn.Module):
    def __init__(self, c):
        super().__init__(); d = c["d_model"]; self.self_attn = AudioAttention(d, c["encoder_attention_heads"]); self.self_attn_layer_norm = nn.LayerNorm(d)
        self.fc1 = nn.Linear(d, c["encoder_ffn_dim"]); self.fc2 = nn.Linear(c["encoder_ffn_dim"], d); self.final_layer_norm = nn.LayerNorm(d)
    def forward(self, x): x = x + self.self_attn(self.self_attn_layer_norm(x)); return x + self.fc2(F.gelu(self.fc1(self.final_layer_norm(x))))

class Audio(nn.Module):
    def __init__(self, c):
        super().__init__(); d = c["d_model"]; self.c = c; self.conv1 = nn.Conv1d(c["num_mel_bins"], d, 3, padding=1); self.conv2 = nn.Conv1d(d, d, 3, stride=2, padding=1)
        self.audio_bos_eos_token = nn.Embedding(2, c["output_dim"]); self.layers = nn.ModuleList(AudioLayer(c) for _ in range(c["encoder_layers"])); self.ln_post = nn.LayerNorm(d); self.proj = nn.Linear(d, c["output_dim"])
        l = math.log(10000) / (d // 2 - 1); t = torch.arange(c["max_source_positions"]).float()[:, None] * torch.exp(-l * torch.arange(d // 2).float())[None]
        self.register_buffer("pe", torch.cat([t.sin(), t.cos()], 1), persistent=False)

    def window(self, m):
        # a convolution of width 3 as a product: faster on a CPU than conv1d at these sizes
        def conv(x, layer, stride):
            w = layer.weight; x = F.pad(x, (0, 0, 1, 1)); n = (x.shape[1] - 3) // stride + 1
            cols = torch.cat([x[:, k:k + stride * (n - 1) + 1:stride] for k in range(3)], -1)
            return F.linear(cols, w.permute(0, 2, 1).reshape(w.shape[0], -1), layer.bias)
        x = F.gelu(conv(m.transpose(1, 2), self.conv1, 1)); x = F.gelu(conv(x, self.conv2, 2)); x = x + self.pe[:x.shape[1]].to(x.dtype)
        for l in self.layers: x = l(x)
        return x

    def forward(self, m):
        """log-mel [batch, 128, frames] -> [batch, rows, width]; windows of 2 * n_window frames see only themselves."""
        b, bins, n = m.shape; w = 2 * self.c["n_window"]; k = n // w; out = []
        if k: out.append(self.window(m[..., :k * w].reshape(b, bins, k, w).permute(0, 2, 1, 3).reshape(b * k, bins, w)).reshape(b, k * w // 2, -1))
        if n % w: out.append(self.window(m[..., k * w:]))
        x = torch.cat(out, 1); x = x[:, :x.shape[1] // 2 * 2]
        return self.proj(self.ln_post(x.reshape(b, x.shape[1] // 2, 2, -1).mean(2)))

class TextAttention(nn.Module):
    def __init__(self, c):
        super().__init__(); self.watch = 0; d = c["hidden_size"]; self.h = c["num_attention_heads"]; self.kv = c["num_key_value_heads"]; self.hd = d // self.h
        self.q_proj = nn.Linear(d, d); self.k_proj = nn.Linear(d, self.kv * self.hd); self.v_proj = nn.Linear(d, self.kv * self.hd); self.o_proj = nn.Linear(d, d, bias=False)
    def forward(self, x, cos, sin, mask):
        b, n, d = x.shape; q = self.q_proj(x).view(b, n, self.h, self.hd).transpose(1, 2); k = self.k_proj(x).view(b, n, self.kv, self.hd).transpose(1, 2); v = self.v_proj(x).view(b, n, self.kv, self.hd).transpose(1, 2)
        q, k = turn(q, cos, sin), turn(k, cos, sin); r = self.h // self.kv
        if self.watch: self.looks = (q[:, 0, self.watch:] * self.hd ** -.5) @ k[:, 0].transpose(-1, -2) + mask[:, 0, self.watch:]
        k, v = k.repeat_interleave(r, 1), v.repeat_interleave(r, 1)
        return self.o_proj(attend(q, k, v, mask).transpose(1, 2).reshape(b, n, d))

class TextLayer(nn.Module):
    def __init__(self, c): super().__init__(); d = c["hidden_size"]; self.self_attn = TextAttention(c); self.mlp = MLP(d, c["intermediate_size"], False); self.input_layernorm = RMS(d); self.post_attention_layernorm = RMS(d)
    def forward(self, x, *a): x = x + self.self_attn(self.input_layernorm(x), *a); return x + self.mlp(self.post_attention_layernorm(x))

class Text(nn.Module):
    def __init__(self, c): super().__init__(); self.embed_tokens = nn.Embedding(c["vocab_size"], c["hidden_size"]); self.layers = nn.ModuleList(TextLayer(c) for _ in range(c["num_hidden_layers"])); self.norm = RMS(c["hidden_size"])

class Thinker(nn.Module):
    def __init__(self, config=CONFIG):
        super().__init__(); self.config = config; t = config["text"]; self.visual = Vision(config["vision"]); self.audio_tower = Audio(config["audio"]); self.model = Text(t); self.lm_head = nn.Linear(t["hidden_size"], t["vocab_size"], bias=False)
        for n, p in self.named_parameters():
            if p.dim() > 1: nn.init.normal_(p, std=.02 if "embed_tokens" in n or "lm_head" in n else .7 / math.sqrt(p[0].numel()))
            elif "bias" in n: nn.init.zeros_(p)
        for layers, names in ((self.model.layers, ("self_attn.o_proj", "mlp.down_proj")), (self.visual.blocks, ("attn.proj", "mlp.down_proj")), (self.audio_tower.layers, ("self_attn.out_proj", "fc2"))):
            for l in layers:
                for n in names: l.get_submodule(n).weight.data.mul_(1 / math.sqrt(2 * len(layers)))
        self.lm_head.weight.data.copy_(self.model.embed_tokens.weight.data)

    def rotary(self, pos):
        """pos [3, batch or 1, n] -> cos, sin [batch or 1, 1, n, head], each slice of it from its own axis."""
        t = self.config["text"]; hd = t["hidden_size"] // t["num_attention_heads"]; inv = 1 / (t["rope_theta"] ** (torch.arange(0, hd, 2).float() / hd))
        f = pos.float()[..., None] * inv; f = torch.cat([f, f], -1); sections = t["rope_scaling"]["mrope_section"] * 2
        return tuple(torch.cat([m[i % 3] for i, m in enumerate(z.split(sections, -1))], -1)[:, None] for z in (f.cos(), f.sin()))

    def forward(self, b, positions=None, every=False):
        """b: see data.batch; "seen_rows" and "heard_rows" stand in for pixels and mel. Returns (logits of the answers' tokens [n, vocab], targets [n], where [batch, text]) or all logits."""
        ids, vi, ai = b["prefix"], b["vision_slots"], b["audio_slots"]; batch = b["text"].shape[0]; p = len(ids)
        pos = b["position_ids"] if positions is None else positions(b["position_ids"].clone(), vi, ai)
        cos, sin = self.rotary(pos); text, block = b["text"], b["block"]; n = p + text.shape[1]
        whole = torch.cat([torch.full((batch, p), -1), block], 1); i = torch.arange(n)
        mask = (i[:, None] >= i[None])[None] & ((whole[:, None] == -1) | (whole[:, None] == whole[:, :, None]))
        x = self.model.embed_tokens(torch.cat([ids[None].expand(batch, -1), text], 1))
        dtype = torch.bfloat16 if torch.is_autocast_enabled("cpu") else torch.float32
        mask = torch.zeros(mask.shape, dtype=dtype).masked_fill_(~mask, float("-inf"))[:, None]
        x, cos, sin = x.to(dtype), cos.to(dtype), sin.to(dtype)
        if "seen_rows" in b: x = x.index_copy(1, vi, b["seen_rows"].to(dtype))
        elif "pixels" in b:
            steps, patches = b["pixels"].shape[1:3]
            v = self.visual(b["pixels"].reshape(batch * steps, patches, -1), b["grid"]).reshape(batch, len(vi), -1); self.seen_rows = v; x = x.index_copy(1, vi, v.to(dtype))
        if "heard_rows" in b: x = x.index_copy(1, ai, b["heard_rows"].to(dtype))
        elif "mel" in b: self.heard_rows = self.audio_tower(b["mel"]); x = x.index_copy(1, ai, self.heard_rows.to(dtype))
        for i, l in enumerate(self.model.layers):
            x = l(x, cos, sin, mask)
            if i == 1: self.heard = F.rms_norm(x, (x.shape[-1],))[:, ai] if len(ai) else None
        x = self.model.norm(x)
        if every: return self.lm_head(x)
        where = b["label"] != -100
        return self.lm_head(x[:, p:][where]).float(), b["label"][where], where
