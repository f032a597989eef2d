"""What the encoders and the decoder share: normalization, rotation, attention, the gated MLP."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class RMS(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), 1e-6)


class MLP(nn.Module):
    def __init__(self, width: int, inner: int, bias: bool):
        super().__init__()
        self.gate_proj = nn.Linear(width, inner, bias=bias)
        self.up_proj = nn.Linear(width, inner, bias=bias)
        self.down_proj = nn.Linear(inner, width, bias=bias)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


def turn(x, cos, sin):
    """Rotates pairs of channels, one of each half of the last axis. The halves of cos and sin are alike."""
    a, b = x.chunk(2, -1)
    c, s = cos.chunk(2, -1)[0], sin.chunk(2, -1)[0]
    return torch.cat((a * c - b * s, b * c + a * s), -1)


def attend(q, k, v, mask=None):
    """Softmax attention as two products: on a CPU, several times faster backwards than the fused kernel at these sizes.

    q, k, v: [batch, heads, n, head width]; mask is additive, [.., n, n]."""
    scores = (q * (q.shape[-1] ** -.5)) @ k.transpose(-1, -2)
    if mask is not None:
        scores = scores + mask
    return scores.softmax(-1) @ v


def split(x, heads: int):
    """[batch, n, width] -> [batch, heads, n, head width]"""
    b, n, _ = x.shape
    return x.view(b, n, heads, -1).transpose(1, 2)


def join(x):
    """The other way."""
    b, heads, n, width = x.shape
    return x.transpose(1, 2).reshape(b, n, heads * width)
