"""A byte-level BPE like the family's, trained on this project's own questions and answers.

    python tokenizer.py OUT_FOLDER"""
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

SPECIALS = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>", "<|vision_bos|>",
    "<|vision_eos|>", "<|vision_pad|>", "<|IMAGE|>", "<|VIDEO|>",
]
# Qwen2's
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
VOCAB = 1024
ANSWERS = """
    left right top bottom middle up down yes no big small first second before after rises falls rise fall speech beeps
    beep tone noise silence nothing none fast slow moves appears disappears blinks changes appear disappear
""".split()
EXTRA = [
    "user system assistant",
    "You are a helpful assistant.",
    "The quick brown fox jumps over the lazy dog.",
    "Please answer with one word. Tell me what you can see and hear.",
    "picture video sound recording clip image audio frame second seconds time",
    "big small left right top bottom middle up down yes no before after rising falling rises falls speech beeps tone "
    "noise silence nothing none first second third fast slow",
    "What happens at the beginning, and what happens at the end? Describe it. "
    "Is this that those these with without from into over under between",
]


def corpus():
    """What the merges are counted on."""
    from questions import HELD_OUT_STRANGE, NUMBERS, STRANGE, UNKNOWN, WORDINGS
    from scenes import COLOR_NAMES, SHAPES
    from voices import WORDS

    answers = WORDS + COLOR_NAMES + SHAPES + NUMBERS + ANSWERS
    for word in answers + ["assistant", "user", "know", "system"]:
        yield from [word, " " + word, word, " " + word, word.capitalize()] * 6
    for trained, held_out in WORDINGS.values():
        for question in trained + held_out:
            for word in ("red", "dog"):
                yield from [question.format(word, "square")] * 3
            yield question.format("word", "shape").lower()
    yield from (EXTRA + STRANGE + HELD_OUT_STRANGE + [UNKNOWN]) * 4


def train() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(byte_fallback=False))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB - len(SPECIALS), min_frequency=2, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.add_special_tokens([AddedToken(special, special=True, normalized=False) for special in SPECIALS])
    return tokenizer


def main():
    tokenizer = train()
    tokenizer.save(f"{sys.argv[1]}/tokenizer.json")
    print(tokenizer.get_vocab_size())
    for text in (
        "What color is shown when dog is said?", "red", "I don't know", "assistant\n", "user\n",
        "Où est le chat ? 图片 3",
    ):
        encoded = tokenizer.encode(text)
        print(encoded.tokens, tokenizer.decode(encoded.ids) == text)


if __name__ == "__main__":
    main()
