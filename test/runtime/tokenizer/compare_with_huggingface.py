#!/usr/bin/env python3
"""Compare the tokenizer with Hugging Face tokenizers, id for id, on generated strings.

    python3 compare_with_huggingface.py ENCODE_LINES [--strings 1000] [--seed 1] [--write FOLDER]

Needs tokenizers (made with 0.23.3). Trains small BPE, WordPiece and Unigram models on this repository's documents, puts
every normalizer, pre-tokenizer, post-processor and decoder around them, and prints every difference. --write makes
fixtures for fixtures_test instead: a folder a tokenizer, with corpus.jsonl of what Hugging Face says.
"""

import argparse
import json
import random
import struct
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors,
                        trainers)

REPOSITORY = Path(__file__).resolve().parents[3]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def charsmap(rules):
    """{text: replacement} as SentencePiece's precompiled_charsmap: a double array, and the replacements."""
    texts, root = b"", {}
    for source, target in rules.items():
        node = root
        for byte in source.encode():
            node = node.setdefault(byte, {})
        node[0] = len(texts)
        texts += target.encode() + b"\0"
    units, bases, free = {0: 0}, set(), 1
    todo = [(0, root)]
    while todo:
        position, node = todo.pop()
        base = max(free, 1)
        while base in bases or any(base ^ byte in units for byte in node):
            base += 1
        bases.add(base)
        free = max(free, base - 256)
        units[position] |= (base ^ position) << 10 | (256 if 0 in node else 0)
        for byte, child in node.items():
            units[base ^ byte] = byte if byte else child | 1 << 31
        todo += [(base ^ byte, child) for byte, child in node.items() if byte]
    size = (max(units) + 256) // 256 * 256
    return struct.pack(f"<{size + 1}I", 4 * size, *(units.get(i, 0) for i in range(size))) + texts


def nfkc_charsmap():
    """What nmt_nfkc does, about: compatibility forms, white space, no controls, composed marks."""
    rules = {}
    for point in [*range(0x80, 0x2000), *range(0x2000, 0x2400), *range(0x3000, 0x3400), *range(0xFB00, 0x10000)]:
        if 0xD800 <= point < 0xE000:
            continue
        c = chr(point)
        composed = unicodedata.normalize("NFKC", c)
        if composed != c:
            rules[c] = composed
        parts = unicodedata.normalize("NFD", c)
        if len(parts) > 1 and unicodedata.normalize("NFC", parts) == c:
            rules[parts] = c
    rules.update({c: " " for c in "\t\n\r\u00a0\u1680\u2028\u2029\u3000\u200b"})
    rules.update({chr(c): "" for c in [*range(1, 9), 0x7F, 0xAD, 0x200E, 0xFEFF]})
    return charsmap(rules)


def train():
    """One model of each kind, as JSON."""
    lines = (REPOSITORY / "test/fixtures/tokenizer/samples.txt").read_text().splitlines()
    lines += ["Äpfel, naïve façade; größer ÇA", "你好,世界。日本語のテキスト", "Привет, мир! Ещё", "한국어 문장", "हिन्दी में",
              "e\u0301te\u0301 ﬁne Ⅷ ½", "👨‍👩‍👧 👍🏽 🇩🇪"] * 20
    kinds = {}
    for name, model, trainer, pre in [
            ("bpe", models.BPE(unk_token="[UNK]"), trainers.BpeTrainer(vocab_size=1600, special_tokens=SPECIAL),
             pre_tokenizers.Metaspace()),
            ("word_piece", models.WordPiece(unk_token="[UNK]"),
             trainers.WordPieceTrainer(vocab_size=1600, special_tokens=SPECIAL), pre_tokenizers.BertPreTokenizer()),
            ("unigram", models.Unigram(),
             trainers.UnigramTrainer(vocab_size=1600, special_tokens=SPECIAL, unk_token="[UNK]"),
             pre_tokenizers.Metaspace())]:
        tokenizer = Tokenizer(model)
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre
        tokenizer.train_from_iterator(lines, trainer)
        kinds[name] = json.loads(tokenizer.to_str())["model"]
    # Not part of the training: tokens of bytes.
    fallback = json.loads(json.dumps(kinds["unigram"]))
    fallback["vocab"] += [[f"<0x{byte:02X}>", -20.0] for byte in range(256)]
    fallback["byte_fallback"] = True
    kinds["unigram_bytes"] = fallback
    words = json.loads(json.dumps(kinds["word_piece"]))
    words["max_input_chars_per_word"] = 6
    kinds["word_piece_short"] = words
    return kinds


NORMALIZERS = {
    "none": None,
    "nfd": normalizers.NFD(),
    "nfkc": normalizers.NFKC(),
    "nfkd": normalizers.NFKD(),
    "bert": normalizers.BertNormalizer(),
    "bert_cased": normalizers.BertNormalizer(lowercase=False),
    "bert_accents": normalizers.BertNormalizer(lowercase=False, strip_accents=True, clean_text=False),
    "lower": normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()]),
    "strip_accents": normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]),
    "precompiled": normalizers.Precompiled(nfkc_charsmap()),
    "albert": normalizers.Sequence([
        normalizers.Replace("``", '"'), normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(),
        normalizers.Precompiled(nfkc_charsmap()), normalizers.Replace(Regex(" {2,}"), " ")]),
    "strip": normalizers.Sequence([normalizers.Strip(), normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
}
PRE_TOKENIZERS = {
    "none": None,
    "bert": pre_tokenizers.BertPreTokenizer(),
    "whitespace": pre_tokenizers.Whitespace(),
    "whitespace_split": pre_tokenizers.WhitespaceSplit(),
    "metaspace": pre_tokenizers.Metaspace(),
    "metaspace_never": pre_tokenizers.Metaspace(prepend_scheme="never", split=False),
    "t5": pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]),
    "punctuation": pre_tokenizers.Sequence([pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.Digits(True)]),
    "punctuation_next": pre_tokenizers.Punctuation("merged_with_next"),
    "delimiter": pre_tokenizers.Sequence([pre_tokenizers.CharDelimiterSplit("-"), pre_tokenizers.Digits()]),
}
POST_PROCESSORS = {
    "none": None,
    "bert": processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2)),
    "roberta": processors.RobertaProcessing(("[SEP]", 3), ("[CLS]", 2)),
    "template": processors.TemplateProcessing("$A [SEP]", "$A [SEP] $B [SEP]", [("[SEP]", 3)]),
}
DECODERS = {
    "none": None,
    "word_piece": decoders.WordPiece(),
    "word_piece_plain": decoders.WordPiece(cleanup=False),
    "metaspace": decoders.Metaspace(),
    "metaspace_never": decoders.Metaspace(prepend_scheme="never"),
    "bpe": decoders.BPEDecoder("e"),
    "bytes": decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                decoders.Strip(" ", 1, 0)]),
}
# What published encoders have; --write makes these.
PUBLISHED = {
    "bert": ("word_piece", "bert", "bert", "bert", "word_piece"),
    "bert_cased": ("word_piece", "bert_cased", "bert", "template", "word_piece"),
    "t5": ("unigram", "precompiled", "t5", "template", "metaspace"),
    "albert": ("unigram", "albert", "metaspace", "bert", "metaspace"),
    "unigram_bytes": ("unigram_bytes", "precompiled", "metaspace", "template", "bytes"),
}


def build(kinds, model, normalizer, pre_tokenizer, post_processor, decoder):
    empty = json.loads(Tokenizer(models.BPE()).to_str())
    empty["model"] = kinds[model]
    empty["added_tokens"] = []
    tokenizer = Tokenizer.from_str(json.dumps(empty))
    if NORMALIZERS[normalizer]:
        tokenizer.normalizer = NORMALIZERS[normalizer]
    if PRE_TOKENIZERS[pre_tokenizer]:
        tokenizer.pre_tokenizer = PRE_TOKENIZERS[pre_tokenizer]
    if POST_PROCESSORS[post_processor]:
        tokenizer.post_processor = POST_PROCESSORS[post_processor]
    if DECODERS[decoder]:
        tokenizer.decoder = DECODERS[decoder]
    tokenizer.add_special_tokens([AddedToken(t, lstrip=t == "[MASK]", normalized=False) for t in SPECIAL])
    tokenizer.add_tokens([AddedToken("Foo Bar", normalized=True), AddedToken("<r>", rstrip=True, normalized=False),
                          AddedToken("word", single_word=True, normalized=False)])
    return tokenizer


POOLS = [
    "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789٣४൪", " \t\n\r\x0b\x0c\x85\u00a0\u2003\u2028\u3000",
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¡¿«»–—…。、", "\u0301\u0302\u0323\u0308\u0345\u064b\u093c\u3099\u0e38",
    "äöüßéèñçøłİıŁŒſÇΑΒΣσςΩЖжЯя", "你好世界日本語のカタカナ한국어각힣각", "हिन्दीதமிழ்ไทยעבריתعربي", "👍🏽👨\u200d👩\u200d👧🇩🇪❤️☃️©\u200d",
    "ﬁﬀ①Ⅷ½²Å㎏ｶﾞ\uff21\u1e9b\u0390\u2126", "\0\x01\x07\x1b\x7f\xad\u200b\u200e\u2060\ufeff\ufffd\ue000", "▁#'`-_",
]
WORDS = ["[MASK]", "[CLS]", "[UNK]", "Foo Bar", "foo bar", "<r>", "word", "swords", " the", "tokenizer", "##ing", "▁", "``",
         " do not", " 's", "<0x41>", "don't", "  ", "unbelievable-antidisestablishmentarianism"]


def generate(count, seed):
    source = random.Random(seed)
    texts = ["", " ", "Hello, world!", "a" * 300, "é" * 200, "\u0301" * 50, "\r\n" * 5]
    while len(texts) < count:
        parts = []
        for _ in range(source.randint(1, 14)):
            kind = source.random()
            if kind < 0.3:
                parts.append(source.choice(WORDS))
            elif kind < 0.37:
                parts.append(chr(source.choice([source.randrange(0xD800), source.randrange(0xE000, 0x110000)])))
            else:
                pool = source.choice(POOLS)
                parts.append("".join(source.choice(pool) for _ in range(source.randint(1, 6))))
            if source.random() < 0.4:
                parts.append(" ")
        texts.append("".join(parts))
    return texts


def expected(tokenizer, text):
    ids = tokenizer.encode(text).ids
    return {"ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False), "plain": tokenizer.decode(ids)}


def combinations():
    """Every step once with each model, and what published encoders have."""
    result = {name: parts for name, parts in PUBLISHED.items()}
    for model in ["word_piece", "word_piece_short", "unigram", "unigram_bytes", "bpe"]:
        longest = max(map(len, (NORMALIZERS, PRE_TOKENIZERS, POST_PROCESSORS, DECODERS)))
        for i in range(longest):
            pick = lambda table: list(table)[i % len(table)]
            result[f"{model}.{i}"] = (model, pick(NORMALIZERS), pick(PRE_TOKENIZERS), pick(POST_PROCESSORS), pick(DECODERS))
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encode_lines", nargs="?")
    parser.add_argument("--strings", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    kinds = train()
    texts = generate(options.strings, options.seed)
    if options.write:
        for name, parts in PUBLISHED.items():
            tokenizer, folder = build(kinds, *parts), options.write / name
            folder.mkdir(exist_ok=True)
            tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
            with open(folder / "corpus.jsonl", "w") as file:
                for text in texts:
                    file.write(json.dumps({"text": text, **expected(tokenizer, text)}) + "\n")
        return 0
    differences = checked = 0
    for name, parts in combinations().items():
        tokenizer = build(kinds, *parts)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(tokenizer.to_str())
            file.flush()
            run = subprocess.run([options.encode_lines, file.name], input="".join(json.dumps(t) + "\n" for t in texts),
                                 capture_output=True, text=True)
        if run.returncode:
            print(f"{name} {parts}: {run.stderr.strip()}")
            differences += 1
            continue
        for text, line in zip(texts, run.stdout.split("\n")[:-1], strict=True):
            ours, theirs = json.loads(line), expected(tokenizer, text)
            checked += 1
            for key in theirs:
                if ours[key] != theirs[key]:
                    differences += 1
                    if differences < 40:
                        print(f"{name} {parts} {key} of {text!a}:\n  ours   {ours[key]!a}\n  theirs {theirs[key]!a}")
                    break
    print(f"{checked} strings compared, {differences} differences")
    return differences > 0 or checked == 0


if __name__ == "__main__":
    sys.exit(main())
