"""The picture encoder and the sound encoder."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from layers import MLP, RMS, attend, join, split, turn


class VisionAttention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.k = nn.Linear(width, width)
        self.v = nn.Linear(width, width)
        self.proj = nn.Linear(width, width)

    def forward(self, x, cos, sin, mask):
        q, k, v = split(self.q(x), self.heads), split(self.k(x), self.heads), split(self.v(x), self.heads)
        return self.proj(join(attend(turn(q, cos, sin), turn(k, cos, sin), v, mask)))


class VisionBlock(nn.Module):
    def __init__(self, config: dict):
        super().__init__()
        width = config["hidden_size"]
        self.norm1 = RMS(width)
        self.norm2 = RMS(width)
        self.attn = VisionAttention(width, config["num_heads"])
        self.mlp = MLP(width, config["intermediate_size"], True)

    def forward(self, x, cos, sin, mask):
        x = x + self.attn(self.norm1(x), cos, sin, mask)
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    """The published model's convolution over patches that do not overlap, as a product."""

    def __init__(self, config: dict):
        super().__init__()
        self.proj = nn.Conv3d(3, config["hidden_size"], (2, 14, 14), (2, 14, 14), bias=False)

    def forward(self, x):
        return F.linear(x, self.proj.weight.view(self.proj.weight.shape[0], -1))


class Merger(nn.Module):
    """Four patches become one row."""

    def __init__(self, config: dict):
        super().__init__()
        width = config["hidden_size"]
        self.four = 4 * width
        self.ln_q = RMS(width)
        self.mlp = nn.Sequential(
            nn.Linear(self.four, self.four), nn.GELU(), nn.Linear(self.four, config["out_hidden_size"])
        )

    def forward(self, x):
        return self.mlp(self.ln_q(x).reshape(x.shape[0], -1, self.four))


class Vision(nn.Module):
    def __init__(self, config: dict):
        super().__init__()
        self.config = config
        self.patch_embed = PatchEmbed(config)
        self.blocks = nn.ModuleList(VisionBlock(config) for _ in range(config["depth"]))
        self.merger = Merger(config)
        self.seen = {}

    def geometry(self, grid_h: int, grid_w: int):
        """cos, sin [n, head width] and the window mask [n, n] of a grid of patches, in merge-block order."""
        device = self.patch_embed.proj.weight.device
        if (grid_h, grid_w, device) not in self.seen:
            self.seen[grid_h, grid_w, device] = tuple(table.to(device) for table in self._geometry(grid_h, grid_w))
        return self.seen[grid_h, grid_w, device]

    def _geometry(self, grid_h, grid_w):
        def in_order(z):
            return z.reshape(grid_h // 2, 2, grid_w // 2, 2).permute(0, 2, 1, 3).flatten()

        y = in_order(torch.arange(grid_h)[:, None].expand(grid_h, grid_w))
        x = in_order(torch.arange(grid_w)[None].expand(grid_h, grid_w))
        half = self.config["hidden_size"] // self.config["num_heads"] // 2
        frequency = 1 / (10000. ** (torch.arange(0, half, 2).float() / half))
        angle = torch.cat([y[:, None] * frequency, x[:, None] * frequency], 1)
        angle = torch.cat([angle, angle], 1)
        cells = self.config["window_size"] // 28  # of a window's side
        window = (y // 2 // cells) * 1000 + (x // 2 // cells)
        mask = torch.zeros(len(x), len(x)).masked_fill_(window[:, None] != window[None], float("-inf"))
        return angle.cos(), angle.sin(), mask

    def forward(self, x, grid):
        """[steps, patches, 1176] -> [steps, patches / 4, width]; grid = (rows, columns) of patches."""
        x = self.patch_embed(x)
        cos, sin, mask = (table.to(x.dtype) for table in self.geometry(*grid))
        for i, block in enumerate(self.blocks):
            x = block(x, cos, sin, None if i in self.config["fullatt_block_indexes"] else mask)
        return self.merger(x)


class AudioAttention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x):
        q, k, v = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        return self.out_proj(join(attend(*(split(z, self.heads) for z in (q, k, v)))))


class AudioLayer(nn.Module):
    def __init__(self, config: dict):
        super().__init__()
        width, inner = config["d_model"], config["encoder_ffn_dim"]
        self.self_attn = AudioAttention(width, config["encoder_attention_heads"])
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, x):
        x = x + self.self_attn(self.self_attn_layer_norm(x))
        return x + self.fc2(F.gelu(self.fc1(self.final_layer_norm(x))))


def convolved(x, layer: nn.Conv1d, stride: int):
    """A convolution of width 3 over [batch, n, channels], as a product: faster on a CPU than conv1d at these sizes."""
    x = F.pad(x, (0, 0, 1, 1))
    n = (x.shape[1] - 3) // stride + 1
    columns = torch.cat([x[:, k:k + stride * (n - 1) + 1:stride] for k in range(3)], -1)
    return F.linear(columns, layer.weight.permute(0, 2, 1).reshape(layer.weight.shape[0], -1), layer.bias)


class Audio(nn.Module):
    def __init__(self, config: dict):
        super().__init__()
        width = config["d_model"]
        self.config = config
        self.conv1 = nn.Conv1d(config["num_mel_bins"], width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.audio_bos_eos_token = nn.Embedding(2, config["output_dim"])
        self.layers = nn.ModuleList(AudioLayer(config) for _ in range(config["encoder_layers"]))
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Linear(width, config["output_dim"])
        step = math.log(10000) / (width // 2 - 1)
        at = torch.arange(config["max_source_positions"]).float()[:, None]
        angle = at * torch.exp(-step * torch.arange(width // 2).float())[None]
        self.register_buffer("positions", torch.cat([angle.sin(), angle.cos()], 1), persistent=False)

    def window(self, mel):
        """[windows, bins, frames] -> [windows, frames / 2, width]"""
        x = F.gelu(convolved(mel.transpose(1, 2), self.conv1, 1))
        x = F.gelu(convolved(x, self.conv2, 2))
        x = x + self.positions[:x.shape[1]].to(x.dtype)
        for layer in self.layers:
            x = layer(x)
        return x

    def forward(self, mel):
        """log-mel [batch, 128, frames] -> [batch, rows, width]; windows of 2 * n_window frames see only themselves."""
        b, bins, n = mel.shape
        size = 2 * self.config["n_window"]
        k = n // size
        out = []
        if k:
            whole = mel[..., :k * size].reshape(b, bins, k, size).permute(0, 2, 1, 3).reshape(b * k, bins, size)
            out.append(self.window(whole).reshape(b, k * size // 2, -1))
        if n % size:
            out.append(self.window(mel[..., k * size:]))
        x = torch.cat(out, 1)
        pairs = x.shape[1] // 2
        x = x[:, :pairs * 2]
        return self.proj(self.ln_post(x.reshape(b, pairs, 2, -1).mean(2)))
