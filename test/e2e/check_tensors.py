#!/usr/bin/env python3
"""How far tensors are from expected ones, in units of the largest expected element.

    check_tensors.py ALLOWED OURS.npy EXPECTED.npy [OURS.npy EXPECTED.npy]...

Arrays of float32 or float16 of any shape, which has to be the same. Exit code 1 if one is off by more than ALLOWED. Needs no packages.
"""
import array
import ast
import struct
import sys


def read_npy(path):
    """The shape and the elements."""
    with open(path, "rb") as file:
        data = file.read()
    wide = data[6] >= 2
    start = 12 if wide else 10
    length = struct.unpack_from("<I" if wide else "<H", data, 8)[0]
    header = ast.literal_eval(data[start : start + length].decode("latin1"))
    if data[:6] != b"\x93NUMPY" or header["descr"] not in ("<f4", "<f2") or header["fortran_order"]:
        sys.exit(f"{path}: no array of float32 or float16 in C order: {header}")
    values = data[start + length :]
    if header["descr"] == "<f4":
        return header["shape"], array.array("f", values)
    return header["shape"], struct.unpack(f"<{len(values) // 2}e", values)


allowed, paths = float(sys.argv[1]), sys.argv[2:]
bad = not paths
for ours, expected in zip(paths[::2], paths[1::2]):
    (shape, values), (expected_shape, expected_values) = read_npy(ours), read_npy(expected)
    if shape != expected_shape or len(values) != len(expected_values):
        sys.exit(f"{ours} is {shape}, expected {expected_shape}")
    error = max(abs(a - b) for a, b in zip(values, expected_values)) / max(map(abs, expected_values))
    print(f"{ours}: max error {error:.2e} of the largest element; {allowed} allowed")
    bad |= not error <= allowed
sys.exit(bad)
