#!/usr/bin/env python3
"""Write unicode_tables.inc: the Unicode data of Hugging Face tokenizers, found by asking it about every code point.

    python3 make_unicode_tables.py     # needs tokenizers (made with 0.23.3) and unicodedata2 (18.0); half a minute

Its parts have tables of different Unicode versions: the regular expressions (Oniguruma) and the words of single_word have
16.0, the Digits step and lower case (Rust's standard library) 17.0, and normalisation 9.0; punctuation, controls and the
accents of BERT are older still. Debian's libraries have yet other ones (PCRE2
10.42: 14.0, utf8proc 2.8: 15.0), so what must agree is written down here.
"""

import struct
from pathlib import Path

import tokenizers
import unicodedata2
from tokenizers import Regex, normalizers, pre_tokenizers

CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co".split()
POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
TEXT = "".join(map(chr, POINTS))


def ranges(points):
    """[first, last] of each run of successive code points."""
    result = []
    for point in sorted(points):
        if result and result[-1][1] == point - 1:
            result[-1][1] = point
        else:
            result.append([point, point])
    return result


def categories():
    """{code point: general category}, of the assigned ones."""
    found = {}
    for name in CATEGORIES:
        step = pre_tokenizers.Split(Regex(r"\p{%s}" % name), "removed", invert=True)
        for piece, _ in step.pre_tokenize_str(TEXT):
            found.update((ord(c), name) for c in piece)
    return found


def digits():
    """What the Digits step takes for a digit."""
    pieces = pre_tokenizers.Digits(individual_digits=True).pre_tokenize_str("".join(f"a{c}a" for c in TEXT))
    return {ord(piece) for piece, _ in pieces if len(piece) == 1 and piece != "a"}


def punctuation():
    """What the step Punctuation cuts off."""
    pieces = pre_tokenizers.Punctuation("isolated").pre_tokenize_str("".join(f"a{c}a" for c in TEXT if c != "a"))
    return {ord(piece) for piece, _ in pieces if len(piece) == 1 and piece != "a"}


def inert():
    """What today's Unicode reorders, decomposes or composes, and Hugging Face leaves alone."""
    decompose = normalizers.NFD().normalize_str
    found = set()
    for c in TEXT:
        parts = unicodedata2.normalize("NFD", c)
        if parts != c and decompose(c) == c:
            found |= {ord(c), ord(parts[0])}
        # A mark changes places with U+0345 (class 240) before it or with U+0334 (class 1) behind it.
        moves = decompose("\u0345" + c) != "\u0345" + decompose(c) or decompose(c + "\u0334") != decompose(c) + "\u0334"
        if parts == c and unicodedata2.combining(c) and not moves and c not in "\u0334\u0345":
            found.add(ord(c))
    return found


def newer_compatibility():
    """What today's Unicode decomposes for compatibility and Hugging Face leaves alone."""
    decompose = normalizers.NFKD().normalize_str
    return {ord(c) for c in TEXT if unicodedata2.normalize("NFKD", c) != c and decompose(c) == c}


def bert(**options):
    """A BertNormalizer that does only what is asked for."""
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**off, **options}).normalize_str


def removed(normalize):
    """The characters that a normalizer takes away."""
    return {ord(c) for c in TEXT if not normalize(c)}


def cluster_extenders():
    """What stands in one grapheme cluster with the letter before it."""
    # SentencePiece's table that says only that a becomes b: a cluster that begins with a then becomes b, and nothing else.
    units = [1 << 10] + [0] * 255
    units[1 ^ ord("a")] = (2 ^ 1 ^ ord("a")) << 10 | 1 << 8 | ord("a")
    units[2] = 1 << 31
    table = struct.pack("<257I", 1024, *units) + b"b\0"
    normalize = normalizers.Precompiled(table).normalize_str
    return {ord(c) for c in TEXT if normalize("a" + c) == "b"}


def lowercase():
    """[first, last, step, difference]: every step-th character from first to last has its lower case so far away."""
    to_lower = normalizers.Lowercase().normalize_str
    pairs = [(ord(c), ord(to_lower(c))) for c in TEXT if len(to_lower(c)) == 1 and to_lower(c) != c]
    assert [c for c in TEXT if len(to_lower(c)) != 1] == ["\u0130"]
    result = []
    for upper, lower in pairs:
        if result:
            first, last, step, difference = result[-1]
            if difference == lower - upper and upper - last in ((1, 2) if first == last else (step,)):
                result[-1] = [first, upper, upper - last, difference]
                continue
        result.append([upper, upper, 1, lower - upper])
    return result


def rows(entries):
    """The entries, as many a line as fit."""
    line = " "
    for entry in entries:
        if len(line) + len(entry) > 118:
            yield line
            line = " "
        line += " " + entry + ","
    yield line


def main():
    category = categories()
    category.update((c, "Cs") for c in range(0xD800, 0xE000))
    changes, before = [], None
    for c in range(0x110000):
        name = category.get(c, "Cn")
        if name != before:
            changes.append(f"{{0x{c:X}, {name}}}")
        before = name
    newer = digits() - {c for c, name in category.items() if name[0] == "N"}
    pair = lambda r: f"{{0x{r[0]:X}, 0x{r[1]:X}}}"
    lines = [f"// Written by make_unicode_tables.py from Hugging Face tokenizers {tokenizers.__version__}. Do not edit.", "// clang-format off",
             "// Where the general category changes, in order.",
             "inline constexpr CategoryChange kCategoryChanges[] = {", *rows(changes), "};",
             "// What is a digit for the step Digits but has no number category above.",
             "inline constexpr CodePointRange kNewerDigits[] = {", *rows(map(pair, ranges(newer))), "};",
             "// Newer than the normalisation.",
             "inline constexpr CodePointRange kInertInNormalization[] = {", *rows(map(pair, ranges(inert()))), "};",
             "// Newer than the compatibility decompositions.",
             "inline constexpr CodePointRange kInertInCompatibility[] = {", *rows(map(pair, ranges(newer_compatibility()))), "};",
             "// What BertNormalizer takes away: control characters, and, once decomposed, accents.",
             "inline constexpr CodePointRange kBertControls[] = {", *rows(map(pair, ranges(removed(bert(clean_text=True))))), "};",
             "inline constexpr CodePointRange kBertAccents[] = {", *rows(map(pair, ranges(removed(bert(strip_accents=True))))), "};",
             "// What StripAccents takes away.",
             "inline constexpr CodePointRange kAccents[] = {", *rows(map(pair, ranges(removed(normalizers.StripAccents().normalize_str)))), "};",
             "// What Punctuation and BertPreTokenizer take for punctuation.",
             "inline constexpr CodePointRange kPunctuation[] = {", *rows(map(pair, ranges(punctuation()))), "};",
             "// What stands in one grapheme cluster with a letter before it.",
             "inline constexpr CodePointRange kClusterExtenders[] = {", *rows(map(pair, ranges(cluster_extenders()))), "};",
             "// Lower case, but for U+0130, which has two characters.",
             "inline constexpr LowercaseRange kLowercase[] = {",
             *rows(f"{{0x{a:X}, 0x{b:X}, {step}, {d}}}" for a, b, step, d in lowercase()), "};", "// clang-format on"]
    path = Path(__file__).parent / "unicode_tables.inc"
    path.write_text("\n".join(lines) + "\n")
    print(f"{path.name}: {len(changes)} changes of category, {len(newer)} newer digits, {len(lines)} lines")


if __name__ == "__main__":
    main()
