"""bucketed-positions.json: for 1 to 120 patches along a side, which of as many learned positions each has in a whole tile of Idefics3 (transformers 5.18), and
torch's arange(1 / n, 1, 1 / n). Usage: bucketed-positions.py, in this folder."""
import json, torch
from transformers import Idefics3VisionConfig
from transformers.models.idefics3.modeling_idefics3 import Idefics3VisionEmbeddings
rows = []
for n in range(1, 121):
    e = Idefics3VisionEmbeddings(Idefics3VisionConfig(hidden_size=1, image_size=n, patch_size=1))
    with torch.no_grad():
        e.patch_embedding.weight.zero_(); e.patch_embedding.bias.zero_(); e.position_embedding.weight.copy_(torch.arange(n * n)[:, None])
        ids = e(torch.zeros(1, 3, n, n), torch.ones(1, n, n).bool())[0, :, 0].long().reshape(n, n)
    assert torch.equal(ids, ids[:, :1] + ids[:1]), n
    # Only what is not the patch's own number: [patch, position].
    rows.append(dict(across=n, moved=[[i, p] for i, p in enumerate(ids[0].tolist()) if p != i], arange=torch.arange(1 / n, 1.0, 1 / n).double().tolist()) if n % 10 in (5, 9) else dict(across=n, moved=[[i, p] for i, p in enumerate(ids[0].tolist()) if p != i]))
with open("bucketed-positions.json", "w") as f: f.write("[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows) + "\n]\n")
