#!/usr/bin/env python3
"""Judges the logits after texts of several lengths by the rule of compare_logits.py: last_logits.py MODEL LOGITS.npy...

The last row of each array against the rows of MODEL/logits_of_lengths_f32.npy and _bf16.npy, in that order.
"""
import sys

from compare_logits import ALLOWED, errors, read_npy

model = sys.argv[1]
ours = [read_npy(path)[-1] for path in sys.argv[2:]]
f32, f16 = (read_npy(f"{model}/logits_of_lengths_{kind}.npy") for kind in ("f32", "bf16"))
if len(ours) != len(f32):
    sys.exit(f"{len(ours)} texts, {len(f32)} rows")
granted = errors(f16, f32)
for name, error in errors(ours, f32).items():
    print(f"{name:10}  {error:.3g}, Hugging Face in 16 bits {granted[name]:.3g}")
    if not error <= ALLOWED * granted[name]:
        sys.exit(f"{sys.argv[2]}...: more than {ALLOWED:g} times the 16-bit error: {name}")
