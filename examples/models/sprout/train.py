"""Trains sprout from nothing on a CPU. Three stages, each resumable from its own file and each watched by its own curves:

    python voices.py BANK.npz
    python train.py see    --bank BANK.npz --out see.pt    --minutes 8                      # picture encoder alone, dense labels, throw-away heads
    python train.py hear   --bank BANK.npz --out hear.pt   --minutes 8                      # sound encoder alone
    python train.py answer --bank BANK.npz --out answer.pt --minutes 90 --see see.pt --hear hear.pt
    python train.py export --out answer.pt --checkpoint checkpoint

`--out` that exists is gone on with. The run sleeps while the file $SENSORIUM_QUIET_LOCK (default: sensorium-quiet.lock in the temporary
folder) exists. Weights are float32; products are bfloat16 on a CPU with avx512_bf16, where that is some three times faster."""
import argparse, collections, functools, json, os, random, tempfile, time
from queue import Full
import torch, torch.nn as nn, torch.nn.functional as F
import torch.multiprocessing as mp
from safetensors.torch import load_file
from data import Data
from lexicon import LETTERS
from model import CONFIG, WIDTH, Thinker
from prompt import Words
from scenes import COLOR_NAMES, SHAPES, Voices
from tasks import BEEP, SCREEN_CLASSES, SOUND_CLASSES
from voices import WORDS

HERE = os.path.dirname(os.path.abspath(__file__))
LOCK = os.environ.get("SENSORIUM_QUIET_LOCK", os.path.join(tempfile.gettempdir(), "sensorium-quiet.lock"))
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1"))); torch.set_flush_denormal(True)
# bfloat16 products where the processor has them; elsewhere they are emulated and slow
HALF = torch.cpu._is_avx512_bf16_supported()
half = functools.partial(torch.autocast, "cpu", torch.bfloat16, enabled=HALF)

def wait():
    """Sleeps while someone measures. Returns the seconds slept."""
    t = time.time()
    while os.path.exists(LOCK): time.sleep(1)
    return time.time() - t

def maker(queue, seed, bank, plan, dense):
    """A process that makes batches ahead of the trainer."""
    torch.set_num_threads(1); d = Data(seed, 0, Voices(bank), Words(f"{HERE}/checkpoint/tokenizer.json")); rng = random.Random(seed); kinds = list(plan)
    while True:
        wait(); k = rng.choices(kinds, [plan[x][0] for x in kinds])[0]; b = d.batch(k, plan[k][1], dense)
        if HALF: b.update({k: b[k].to(torch.bfloat16) for k in ("pixels", "mel") if k in b})
        while True:
            try: queue.put(b, timeout=5); break
            except Full:
                if mp.parent_process() is None or not mp.parent_process().is_alive(): return

class Others:
    """Processor time that everybody else's (not nice) work took since it was last asked, in cores. Linux only; elsewhere 0."""
    def __init__(self): self.last = self.read()
    def read(self):
        try: f = open("/proc/stat").readline().split(); return (int(f[1]) + int(f[3])) / os.sysconf("SC_CLK_TCK"), time.time()
        except OSError: return 0., time.time()
    def __call__(self): (a, t), self.last = self.last, self.read(); return (self.last[0] - a) / max(.01, self.last[1] - t)

def second(model, heads, grads, ready, told, seed, bank, plan, align):
    """A second process that adds gradients of its own batches, computed on the shared weights as it finds them (a step or two old): used only
    while nobody else needs its core."""
    torch.set_num_threads(1); torch.set_flush_denormal(True); d = Data(seed, 0, Voices(bank), Words(f"{HERE}/checkpoint/tokenizer.json")); rng = random.Random(seed); kinds = list(plan)
    params = list(model.parameters()) + list(heads.parameters()); others = Others(); made = []
    while mp.parent_process().is_alive():
        wait()
        if others() > 1.2: time.sleep(2); continue
        if rng.random() < .5:  # one encoder alone: what it learns last (letters, shapes, words) costs a third of a whole batch this way
            k = rng.choices(list(ALONE), [ALONE[x][0] for x in ALONE])[0]; b = d.batch(k, ALONE[k][1], True)
            with half(): total = sum(v[0] * WEIGHT.get(n, 1) for n, v in encoder_losses(model, heads, b, "hear" if k == "sound" else "see").items())
        else:
            k = rng.choices(kinds, [plan[x][0] for x in kinds])[0]; b = d.batch(k, plan[k][1])
            with half(): loss, total, _ = losses(model, heads, b, align)
        total.backward(); made.append((k, len(b["names"])))
        if ready.value: continue  # not fetched yet: another batch joins this one's
        for p, g in zip(params, grads):
            if p.grad is None: g.zero_()
            else: torch.div(p.grad, len(made), out=g)
            p.grad = None
        told.put(made); made = []; ready.value = 1

def batches(seed, bank, plan, dense, ahead=4, times=2):
    """Every batch comes `times` times, some batches apart: drawing costs a third of a training step."""
    mp.set_sharing_strategy("file_system"); q = mp.get_context("spawn").Queue(ahead); p = mp.get_context("spawn").Process(target=maker, args=(q, seed, bank, plan, dense), daemon=True); p.start()
    again = collections.deque()
    while True:
        if not p.is_alive() and q.empty(): raise RuntimeError("the process that makes data has ended")
        b = q.get(timeout=600); b["pass"] = 1; yield b; again.append(b)
        for _ in range(times - 1):
            if len(again) > 16:
                b = again.popleft(); b["pass"] += 1; yield b
                if b["pass"] < times: again.append(b)

class Heads(nn.ModuleDict):
    """Throw-away classifiers on the encoders' rows."""
    def __init__(self): super().__init__(dict(count=nn.Linear(WIDTH, 3), color=nn.Linear(WIDTH, len(COLOR_NAMES)), shape=nn.Linear(WIDTH, len(SHAPES)), moving=nn.Linear(WIDTH, 5), state=nn.Linear(WIDTH, 4), where=nn.Linear(WIDTH, 2),
        row=nn.Linear(WIDTH, 8), column=nn.Linear(WIDTH, 8), height=nn.Linear(WIDTH, 2), heard=nn.Linear(WIDTH, SOUND_CLASSES), shown=nn.Linear(WIDTH, SCREEN_CLASSES), form=nn.Linear(WIDTH, 1 + len(SHAPES)), said=nn.Linear(WIDTH, SOUND_CLASSES), letters=nn.Linear(WIDTH, 2 * (1 + len(LETTERS)))))

def encoder_losses(model, heads, b, stage, rows=None):
    """{name: (loss, right, asked)}"""
    def cls(name, x, y): x = heads[name](x).float().flatten(0, -2); y = y.flatten(); ok = y != -100; return F.cross_entropy(x, y, ignore_index=-100) if ok.any() else x.sum() * 0, x[ok].argmax(-1) == y[ok]
    out = {}
    if stage == "hear": out["heard"] = cls("heard", model.audio_tower(b["mel"]) if rows is None else rows, b["heard"])
    elif b["kind"] == "print":
        z = heads["letters"](model.visual(b["pixels"].flatten(0, 1), b["grid"]) if rows is None else rows).float().unflatten(-1, (2, -1)).flatten(0, -2); y = b["letters"].flatten(); ok = y != -100
        out["letters"] = F.cross_entropy(z, y, ignore_index=-100), (z.argmax(-1) == y)[ok & (y > 0)]
    else:
        n, steps = b["pixels"].shape[:2]; z = (model.visual(b["pixels"].flatten(0, 1), b["grid"]) if rows is None else rows).reshape(n, steps, -1, WIDTH); count, label, where = b["cells"]; out["count"] = cls("count", z, count)
        for i, k in enumerate(("color", "shape", "moving", "state")):
            if i < 2 or b["kind"] in ("clip", "joint"): out[k] = cls(k, z, label[..., i])
        h, w = b["grid"][0] // 2, b["grid"][1] // 2; i = torch.arange(h * w).expand(n, steps, -1); out["row"] = cls("row", z, i // w); out["column"] = cls("column", z, i % w)
        at = heads["where"](z).float(); hit = label[..., 0] != -100; out["where"] = (F.mse_loss(at[hit], where[hit]) * 6, (at[hit] - where[hit]).abs().amax(-1) < .1)
        size = torch.tensor([h / 4, w / 4]).expand(n, steps, h * w, 2); got = heads["height"](z).float(); out["height"] = (F.mse_loss(got, size), ((got - size).abs().amax(-1) < .125).flatten())
    return out
ALONE = dict(picture=(1., 48), print=(2., 48), clip=(.6, 16), sound=(1.2, 32))  # kind: (weight, samples a batch)
WEIGHT = dict(row=.15, column=.15, height=.3, letters=3.)

class Run:
    """Parameters, optimizer, clock and file of one stage."""
    def __init__(self, a, modules, groups):
        self.a, self.modules, self.step, self.seconds, self.seen = a, modules, 0, a.spent * 60, collections.Counter(); self.first = self.seconds
        self.opt = torch.optim.AdamW(groups, lr=a.lr, betas=(.9, .98), fused=True); self.params = [p for g in groups for p in g["params"]]
        if os.path.exists(a.out):
            s = torch.load(a.out, weights_only=False)
            for k, m in modules.items(): m.load_state_dict(s[k])
            self.opt.load_state_dict(s["opt"]); self.step, self.seconds, self.seen = s["step"], s["seconds"], s["seen"]; self.first = s.get("first", 0.); print(f"goes on from {a.out} at {self.seconds / 60:.1f} min", flush=True)
    def save(self):
        torch.save(dict({k: m.state_dict() for k, m in self.modules.items()}, opt=self.opt.state_dict(), step=self.step, seconds=self.seconds, seen=self.seen, first=self.first), self.a.out + ".new"); os.replace(self.a.out + ".new", self.a.out)
    def rate(self):
        f = self.fraction(); up = min(1, (max(0, self.step - self.a.heads) + 1) / self.a.warm) if self.step >= self.a.heads else 1.; return up * (1 if f < 1 - self.a.decay else max(.02, (1 - f) / self.a.decay))
    def fraction(self):
        """How much of the run is over: by its own clock, or by the wall clock when --until says when it must end."""
        run = (self.seconds - self.first) / 60
        if not self.a.until: return run / self.a.minutes
        h, m = map(int, self.a.until.split(":")); end = time.mktime(time.localtime()[:3] + (h, m, 0, 0, 0, -1)); left = (end - time.time()) / 60; return 1 - left / (left + run)
    def update(self, loss, helper=None):
        lr = self.a.lr * self.rate()
        for g in self.opt.param_groups: g["lr"] = lr * g.get("mul", 1) if self.step >= self.a.heads or g.get("head") else 0.  # AdamW's averages settle meanwhile
        loss.backward()
        if helper: helper(self)
        n = torch.nn.utils.clip_grad_norm_(self.params, 1.0); self.opt.step(); self.opt.zero_grad(); self.step += 1; return float(n)
    def params_in_order(self, *modules): return [p for m in modules for p in m.parameters()]
    def done(self): return self.fraction() >= 1

def report(**k): print(json.dumps(k), flush=True)

def encoder(a):
    torch.manual_seed(a.seed); model, heads = Thinker(), Heads(); part = model.visual if a.stage == "see" else model.audio_tower; run = Run(a, dict(part=part, heads=heads), [dict(params=list(part.parameters()) + list(heads.parameters()), weight_decay=.01)])
    plan = dict(picture=(2., 48), clip=(1., 16), print=(1., 48)) if a.stage == "see" else dict(sound=(1., 40)); held = Data(777, 1, Voices(a.bank), Words(f"{HERE}/checkpoint/tokenizer.json")); test = [held.batch(k, 48, True) for k in plan for _ in range(3)]
    source = batches(a.seed + 10 + run.step, a.bank, plan, True); last = time.time(); sums = collections.defaultdict(lambda: [0., 0])
    while not run.done():
        wait(); t = time.time(); b = next(source)
        with half(): losses = encoder_losses(model, heads, b, a.stage)
        run.update(sum(v[0] * WEIGHT.get(k, 1) for k, v in losses.items())); run.seen[b["kind"]] += len(b["names"]); run.seconds += time.time() - t
        for k, v in losses.items(): sums[k][0] += v[0].item(); sums[k][1] += 1
        if time.time() - last > a.every:
            last = time.time(); acc = collections.defaultdict(lambda: [0, 0])
            with torch.no_grad(), half():
                for e in test:
                    for k, v in encoder_losses(model, heads, e, a.stage).items():
                        right = v[1] if k != "heard" else v[1][e["heard"].flatten() > 0]; acc[e["kind"][0] + "." + k][0] += int(right.sum()); acc[e["kind"][0] + "." + k][1] += right.numel()
                    if a.stage == "hear":
                        z = heads["heard"](model.audio_tower(e["mel"])).float()
                        for i, row in enumerate(e["heard"]):
                            for k in row.unique().tolist():
                                if 1 <= k <= 60: acc["word"][0] += int(z[i, row == k][:, 1:61].log_softmax(-1).sum(0).argmax() + 1 == k); acc["word"][1] += 1
            report(minutes=round(run.seconds / 60, 2), step=run.step, seen=dict(run.seen), loss={k: round(s / n, 3) for k, (s, n) in sums.items()}, held_out={k: round(c / max(1, n), 3) for k, (c, n) in acc.items()}); sums.clear(); run.save()
    run.save(); print("done", run.step, dict(run.seen), flush=True)

@torch.no_grad()
def evaluate(model, test, positions=None):
    """{task: (right, asked)}: every token of the answer right, given the ones before it."""
    got = collections.defaultdict(lambda: [0, 0])
    with half():
        for b in test:
            logits, target, where = model(b, positions); ok = torch.ones(where.shape, dtype=torch.bool); ok[where] = logits.argmax(-1) == target; label = b["label"] != -100
            for i, names in enumerate(b["names"]):
                # one answer is one run of labels
                starts = (label[i] & ~torch.cat([torch.tensor([False]), label[i][:-1]])).nonzero().flatten().tolist()
                for name, s in zip(names, starts):
                    e = s
                    while e < len(label[i]) and label[i, e]: e += 1
                    key = ("pp" if b["kind"] == "pictures" else b["kind"][0]) + "." + name; got[key][0] += int(ok[i, s:e].all()); got[key][1] += 1
    return got

@functools.cache
def sounds_of_tokens():
    """Class of what is heard by the token that asks for it: words that are one token and name nothing seen, and the beep."""
    tok = Words(f"{HERE}/checkpoint/tokenizer.json"); table = torch.zeros(CONFIG["text"]["vocab_size"], dtype=torch.long)
    for name, k in [(w, 1 + i) for i, w in enumerate(WORDS) if w not in COLOR_NAMES and w not in SHAPES] + [("beep", BEEP), ("beeps", BEEP)]:
        for form in (name, " " + name):
            ids = tok.plain(form)
            if len(ids) == 1: table[ids[0]] = k
    return table

def finding(looks, b):
    """Where one head of the third layer looks from a question's word: it should find the rows in which the word is heard."""
    kind = sounds_of_tokens()[b["text"]]; kind[:, 1:][b["label"][:, :-1] != -100] = 0; i, t = kind.nonzero(as_tuple=True); there = b["heard"][i] == kind[i, t][:, None]; some = there.any(-1)
    if not some.any(): return looks.sum() * 0
    p = looks[i[some], t[some]].float().log_softmax(-1)[:, b["audio_slots"]]; return -p.masked_fill(~there[some], float("-inf")).logsumexp(-1).mean()

def losses(model, heads, b, align):
    """(loss of the answers, the same with the throw-away heads on the rows of sound, {name: loss})"""
    third = model.model.layers[2].self_attn; third.watch = len(b["prefix"]) if align > 0 and b["kind"] == "joint" else 0
    logits, target, _ = model(b); loss = F.cross_entropy(logits, target); total, named = loss, {}
    if third.watch: found = finding(third.looks, b); total = total + align * found; named["found"] = found.item(); third.watch = 0
    if align <= 0: return loss, total, named
    if "pixels" in b and "seen_rows" not in b: dense = encoder_losses(model, heads, b, "see", model.seen_rows); total = total + 2.5 * align * sum(v[0] * WEIGHT.get(k, 1) for k, v in dense.items()); named.update({k: dense[k][0].item() for k in ("shape", "count", "letters") if k in dense})
    if "mel" in b and "heard_rows" not in b: dense = encoder_losses(model, heads, b, "hear", model.heard_rows)["heard"]; total = total + align * dense[0]; named["heard"] = dense[0].item()
    if b["kind"] == "joint":
        # halfway through the decoder, so that later layers can look there for what a question wants of a moment
        z = model.heard; at = lambda name: F.cross_entropy(heads[name](z).float().flatten(0, 1), b[name].flatten(), ignore_index=-100) if (b[name] != -100).any() else z.sum() * 0; shown, form = at("shown"), at("form"); said = F.cross_entropy(heads["said"](z).float().flatten(0, 1), b["heard"].flatten())
        total = total + 4 * align * (shown + form) + align * said; named.update(shown=shown.item(), form=form.item(), said=said.item())
    return loss, total, named

PLAN = {  # kind: (weight, samples a batch), by minute of the run
    0: dict(picture=(1.3, 64), pictures=(.1, 32), sound=(1., 64), clip=(1., 32), joint=(.5, 16)),
    8: dict(picture=(1.7, 48), pictures=(.1, 20), sound=(1.2, 40), clip=(.9, 20), joint=(1.5, 16)),
    65: dict(picture=(1.4, 48), print=(1., 48), pictures=(.5, 32), sound=(.9, 40), clip=(1., 24), joint=(1.8, 20)),
    164: dict(picture=(1., 48), print=(1.2, 48), pictures=(.1, 32), sound=(.9, 40), clip=(.9, 24), joint=(1.9, 20))}

def answer(a):
    torch.manual_seed(a.seed); model, heads = Thinker(), Heads()
    if not os.path.exists(a.out):
        for path, part in ((a.see, model.visual), (a.hear, model.audio_tower)):
            if path:
                stored = torch.load(path, weights_only=False); part.load_state_dict(stored["part"])
                heads.load_state_dict({k: v for k, v in stored["heads"].items() if k.startswith("heard") == (part is model.audio_tower)}, strict=False)
    enc = lambda n: n.startswith(("visual", "audio_tower"))
    groups = [dict(params=[p for n, p in model.named_parameters() if (p.dim() > 1) == d and enc(n) == e], weight_decay=.01 if d else 0., mul=a.encoders if e else 1.) for d in (True, False) for e in (True, False)] + [dict(params=list(heads.parameters()), weight_decay=0., head=True)]
    if a.start: model.load_state_dict({k.removeprefix("thinker."): v.float() for k, v in load_file(f"{a.start}/model.safetensors").items()})
    run = Run(a, dict(model=model, heads=heads), groups); words = Words(f"{HERE}/checkpoint/tokenizer.json"); held = Data(888, 1, Voices(a.bank), words); test = [held.batch(k, 24) for k in ("picture", "print", "pictures", "sound", "clip", "joint") for _ in range(2 if k.startswith("p") and k != "picture" else 4)]
    for p in run.params: p.data = p.data.clone().share_memory_()
    grads = [torch.zeros_like(p).share_memory_() for p in run.params_in_order(model, heads)]; ctx = mp.get_context("spawn"); ready = ctx.Value("i", 0); told = ctx.Queue(); process = None
    def helper(run):
        if not ready.value: return
        for p, g in zip(run.params_in_order(model, heads), grads): p.grad = g * .5 if p.grad is None else p.grad.add_(g).mul_(.5)
        for k, n in told.get(): run.seen[k] += n; run.seen["by the second process"] += n
        ready.value = 0
    def start(plan):
        nonlocal process
        if a.processes < 2: return
        if process: process.kill(); process.join(); ready.value = 0
        process = ctx.Process(target=second, args=(model, heads, grads, ready, told, a.seed + 50000 + run.step, a.bank, plan, a.align), daemon=True); process.start()
    phase = max(k for k in PLAN if k <= run.seconds / 60); source = batches(a.seed + 10000 + run.step, a.bank, PLAN[phase], False, times=2); start(PLAN[phase]); last = time.time(); loss_of = collections.defaultdict(lambda: [0., 0]); spent = collections.defaultdict(float)
    while not run.done():
        now = max(k for k in PLAN if k <= run.seconds / 60)
        if now != phase: phase = now; source.close(); source = batches(a.seed + 20000 + run.step, a.bank, PLAN[phase], False, times=2); start(PLAN[phase])
        wait(); t = time.time(); b = next(source); t1 = time.time()
        with half(): loss, total, named = losses(model, heads, b, a.align)
        for k, v in named.items(): loss_of[k][0] += v; loss_of[k][1] += 1
        run.update(total, helper)
        # the second time only the decoder learns, from the rows that the encoders made the first time: half the cost
        if "pixels" in b and "seen_rows" not in b: b["seen_rows"] = model.seen_rows.detach(); del b["pixels"]; b.pop("cells", None)
        if "mel" in b and "heard_rows" not in b: b["heard_rows"] = model.heard_rows.detach(); del b["mel"]
        run.seen[b["kind"]] += len(b["names"]); run.seconds += time.time() - t; loss_of[b["kind"]][0] += loss.item(); loss_of[b["kind"]][1] += 1; spent["wait"] += t1 - t; spent[b["kind"]] += time.time() - t1
        if time.time() - last > a.every:
            got = evaluate(model, test); last = time.time()
            report(minutes=round(run.seconds / 60, 2), step=run.step, lr=round(a.lr * run.rate(), 6), seen=dict(run.seen), seconds={k: round(v, 1) for k, v in spent.items()}, loss={k: round(s / n, 3) for k, (s, n) in loss_of.items()}, held_out={k: round(c / n, 2) for k, (c, n) in sorted(got.items())}); loss_of.clear(); spent.clear(); run.save()
    run.save(); got = evaluate(model, test); report(minutes=round(run.seconds / 60, 2), step=run.step, seen=dict(run.seen), held_out={k: f"{c / n:.3f} ({n})" for k, (c, n) in sorted(got.items())})

if __name__ == "__main__":
    p = argparse.ArgumentParser(); p.add_argument("stage", choices=["see", "hear", "answer", "export"]); p.add_argument("--bank"); p.add_argument("--out", required=True); p.add_argument("--minutes", type=float, default=8); p.add_argument("--until", help="HH:MM today"); p.add_argument("--lr", type=float, default=1e-3); p.add_argument("--decay", type=float, default=.3)
    p.add_argument("--warm", type=int, default=60); p.add_argument("--seed", type=int, default=1); p.add_argument("--every", type=float, default=60); p.add_argument("--see"); p.add_argument("--start", help="a checkpoint whose weights to go on from, with new throw-away heads"); p.add_argument("--spent", type=float, default=0, help="minutes that those weights have had"); p.add_argument("--heads", type=int, default=0, help="steps at the beginning in which only the throw-away heads learn"); p.add_argument("--hear"); p.add_argument("--encoders", type=float, default=.4); p.add_argument("--processes", type=int, default=2); p.add_argument("--align", type=float, default=.15); p.add_argument("--checkpoint", default=f"{HERE}/checkpoint")
    a = p.parse_args()
    if a.stage == "export":
        from export import export
        export(a.out, a.checkpoint)
    else: (answer if a.stage == "answer" else encoder)(a)
