#!/usr/bin/env python3
"""Write unicode_tables.inc: the Unicode data of Hugging Face tokenizers, found by asking it about every code point.

    python3 make_unicode_tables.py     # needs tokenizers (made with 0.23.3) and unicodedata2 (18.0); half a minute

Its parts have tables of different Unicode versions: the regular expressions (Oniguruma) and the words of single_word have
16.0, the Digits step (Rust's standard library) 17.0, and normalisation 9.0. Debian's libraries have yet other ones (PCRE2
10.42: 14.0, utf8proc 2.8: 15.0), so what must agree is written down here.
"""

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
             "inline constexpr CodePointRange kInertInNormalization[] = {", *rows(map(pair, ranges(inert()))), "};", "// clang-format on"]
    path = Path(__file__).parent / "unicode_tables.inc"
    path.write_text("\n".join(lines) + "\n")
    print(f"{path.name}: {len(changes)} changes of category, {len(newer)} newer digits, {len(lines)} lines")


if __name__ == "__main__":
    main()
