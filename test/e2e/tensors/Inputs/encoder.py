"""Inputs for encoder.mlir, and whether two outputs are close; in plain Python, which needs no packages.

encoder.py make FOLDER            input_ids.npy, attention_mask.npy
encoder.py close A.npy B.npy LIMIT
"""
import ast
import math
import struct
import sys

CODES = {"<f4": "f", "<i8": "q"}


def write(path, values, shape):
    header = f"{{'descr': '<i8', 'fortran_order': False, 'shape': {shape!r}, }}"
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        file.write(struct.pack(f"<{len(values)}q", *values))


def read(path):
    data = open(path, "rb").read()
    length = struct.unpack_from("<H", data, 8)[0]
    header = ast.literal_eval(data[10 : 10 + length].decode())
    return struct.unpack_from(f"<{math.prod(header['shape'])}{CODES[header['descr']]}", data, 10 + length)


if sys.argv[1] == "make":
    write(f"{sys.argv[2]}/input_ids.npy", [(7 * i + 3) % 50 for i in range(12)], (1, 12))
    write(f"{sys.argv[2]}/attention_mask.npy", [1] * 9 + [0] * 3, (1, 12))
    write(f"{sys.argv[2]}/wrong_ids.npy", [50] + [0] * 11, (1, 12))
else:
    a, b, limit = read(sys.argv[2]), read(sys.argv[3]), float(sys.argv[4])
    assert len(a) == len(b) > 0
    worst = max(abs(x - y) / max(1, abs(y)) for x, y in zip(a, b))
    assert worst <= limit, f"{sys.argv[2]} and {sys.argv[3]} differ by {worst}"
