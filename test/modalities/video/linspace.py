"""Writes linspace.json: which frames torch.linspace(0, n - 1, k).round() picks. Run with torch 2.13 on a machine with AVX2: python linspace.py > linspace.json"""
import json, random
import torch

random.seed(9)
cases = [[n, k] for n in range(2, 26) for k in range(2, n + 1, 2)]
for _ in range(120):
    n = random.choice([random.randint(30, 400), random.randint(400, 20_000), random.randint(20_000, 400_000)])
    cases.append([n, min(2 * random.randint(2, 60), n // 2 * 2)])
# Long films at the published cap, where single precision shows.
cases += [[n, 768] for n in (900, 1799, 18_000, 86_400, 108_000, 154_955, 287_729, 863_137)]
print(json.dumps([{"n": n, "k": k, "indices": torch.linspace(0, n - 1, k).round().long().tolist()} for n, k in cases], separators=(",", ":")))
