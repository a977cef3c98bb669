#!/usr/bin/env python3
"""How far logits are from those of ONNX Runtime in fp32, in units of the largest of them.

    check_onnx_logits.py OURS.npy F32.npy
"""
import sys

from compare_logits import read_npy

ALLOWED = 2e-2

got, expected = (read_npy(path) for path in sys.argv[1:3])
if [len(row) for row in got] != [len(row) for row in expected]:
    sys.exit(f"{len(got)} rows of {len(got[0])} logits, expected {len(expected)} of {len(expected[0])}")
largest = max(abs(x) for row in expected for x in row)
error = max(abs(a - b) for rows in zip(got, expected) for a, b in zip(*rows)) / largest
print(f"max error {error:.2e} of the largest logit; {ALLOWED} allowed")
if not error <= ALLOWED:
    sys.exit(1)
