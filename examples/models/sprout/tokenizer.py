"""A byte-level BPE like the family's, trained on this project's own questions and answers. python tokenizer.py OUT_FOLDER"""
import itertools, sys
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>", "<|vision_bos|>", "<|vision_eos|>", "<|vision_pad|>", "<|IMAGE|>", "<|VIDEO|>"]
SPLIT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"  # Qwen2's
VOCAB = 1024
EXTRA = ["user system assistant", "You are a helpful assistant.", "The quick brown fox jumps over the lazy dog.", "Please answer with one word. Tell me what you can see and hear.", "picture video sound recording clip image audio frame second seconds time",
    "big small left right top bottom middle up down yes no before after rising falling rises falls speech beeps tone noise silence nothing none first second third fast slow",
    "What happens at the beginning, and what happens at the end? Describe it. Is this that those these with without from into over under between"]

def corpus():
    from questions import HELD_OUT_STRANGE, NUMBERS, STRANGE, UNKNOWN, WORDINGS
    from scenes import COLOR_NAMES, SHAPES
    from voices import WORDS
    answers = WORDS + COLOR_NAMES + SHAPES + NUMBERS + "left right top bottom middle up down yes no big small first second before after rises falls rise fall speech beeps beep tone noise silence nothing none fast slow moves appears disappears blinks changes appear disappear".split()
    for w in answers + ["assistant", "user", "know", "system"]: yield from [w, " " + w, w, " " + w, w.capitalize()] * 6
    for trained, held in WORDINGS.values():
        for q in trained + held:
            for x in ("red", "dog"): yield from [q.format(x, "square")] * 3
            yield q.format("word", "shape").lower()
    yield from (EXTRA + STRANGE + HELD_OUT_STRANGE + [UNKNOWN]) * 4

def train():
    tok = Tokenizer(models.BPE(byte_fallback=False))
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(SPLIT), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=VOCAB - len(SPECIALS), min_frequency=2, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIALS])
    return tok

if __name__ == "__main__":
    tok = train(); tok.save(f"{sys.argv[1]}/tokenizer.json"); print(tok.get_vocab_size())
    for s in ("What color is shown when dog is said?", "red", "I don't know", "assistant\n", "user\n", "Où est le chat ? 图片 3"): print(tok.encode(s).tokens, tok.decode(tok.encode(s).ids) == s)
