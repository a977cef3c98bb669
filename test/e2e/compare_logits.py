#!/usr/bin/env python3
"""Judges logits by the rule of the project: against the fp32 model, our error is at most twice that of Hugging Face in 16 bits.

    compare_logits.py OURS.npy F32.npy F16.npy

Three float32 [T, vocabulary] arrays. Compared are the largest and the mean absolute error and the mean Kullback-Leibler
divergence from the fp32 distribution. Needs no packages.
"""
import array
import ast
import math
import struct
import sys

ALLOWED = 2.0


def read_npy(path):
    """A list of rows."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:6] != b"\x93NUMPY":
        sys.exit(f"{path}: not an .npy file")
    wide = data[6] >= 2
    start = 12 if wide else 10
    length = struct.unpack_from("<I" if wide else "<H", data, 8)[0]
    header = ast.literal_eval(data[start : start + length].decode("latin1"))
    if header["descr"] != "<f4" or header["fortran_order"] or len(header["shape"]) != 2:
        sys.exit(f"{path}: not a float32 matrix in C order: {header}")
    rows, columns = header["shape"]
    values = array.array("f", data[start + length :])
    if len(values) != rows * columns:
        sys.exit(f"{path}: {len(values)} values for shape {header['shape']}")
    return [values[i * columns : (i + 1) * columns] for i in range(rows)]


def log_softmax(row):
    top = max(row)
    norm = top + math.log(math.fsum(math.exp(x - top) for x in row))
    return [x - norm for x in row]


def divergence(expected, got):
    """KL(expected || got), in nats, of the distributions of two rows of logits."""
    return math.fsum(math.exp(p) * (p - q) for p, q in zip(log_softmax(expected), log_softmax(got)))


def errors(got, expected):
    """What is compared, by name."""
    differences = [abs(a - b) for rows in zip(got, expected) for a, b in zip(*rows)]
    return {
        "max error": max(differences),
        "mean error": math.fsum(differences) / len(differences),
        "mean KL": math.fsum(map(divergence, expected, got)) / len(expected),
    }


def main():
    ours, f32, f16 = map(read_npy, sys.argv[1:4])
    shapes = {(len(rows), len(rows[0])) for rows in (ours, f32, f16)}
    if len(shapes) != 1:
        sys.exit(f"{sys.argv[1]}: shapes differ: {sorted(shapes)}")
    if not all(map(math.isfinite, (x for row in ours for x in row))):
        sys.exit(f"{sys.argv[1]}: a logit is not finite")
    reference = errors(f16, f32)
    wrong = []
    for name, error in errors(ours, f32).items():
        share = error / reference[name]
        print(f"{name:10}  {error:.3g}, Hugging Face in 16 bits {reference[name]:.3g}: {share:.2f} x")
        if not share <= ALLOWED:
            wrong.append(name)
    if wrong:
        sys.exit(f"{sys.argv[1]}: more than {ALLOWED:g} times the 16-bit error: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
