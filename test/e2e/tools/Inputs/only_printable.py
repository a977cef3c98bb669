"""only_printable.py FILE: fails if the text holds a control character but newlines, or a mark of bidirectional text."""
import sys
import unicodedata

text = open(sys.argv[1], encoding="utf-8").read().replace("\n", "").replace("\t", "")
found = [f"U+{ord(c):04X}" for c in text if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")]
sys.exit(", ".join(found) if found else 0)
