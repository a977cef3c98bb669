"""The graph mlp.mlir in plain Python, which needs no packages.

mlp.py make FOLDER               weights and inputs, and inputs that are wrong
mlp.py check Y.npy PICKED.npy [LIMIT]   what a plan computed, against sums in double

$MLP_BATCH: of the inputs, 2 in mlp.mlir.
"""
import ast
import json
import math
import os
import random
import struct
import sys

BATCH = int(os.environ.get("MLP_BATCH", 2))
ROWS, HIDDEN, UNITS = 3 * BATCH, 48, 80


def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def bf16(x):
    """Rounded to nearest even."""
    bits = struct.unpack("<I", struct.pack("<f", x))[0]
    return struct.unpack("<f", struct.pack("<I", (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000))[0]


def normal(seed, count, scale):
    source = random.Random(seed)
    return [f32(source.gauss(0, scale)) for _ in range(count)]


SHAPES = {"norm": (HIDDEN,), "gate": (UNITS, HIDDEN), "up": (UNITS, HIDDEN), "down": (HIDDEN, UNITS), "down.bias": (HIDDEN,),
          "post": (HIDDEN,), "post.bias": (HIDDEN,), "last": (HIDDEN,)}
WEIGHTS = {name: normal(name, math.prod(shape), 0.3) for name, shape in SHAPES.items()}
INPUTS = {name: normal(name, ROWS * HIDDEN, 1) for name in ("x", "scale")}


def npy(path, values, shape, descr="<f4", fortran=False):
    header = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {tuple(shape)!r}, }}"
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    code = {"f4": "f", "f8": "d", "f2": "e"}[descr[1:]]
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        file.write(struct.pack(f"{descr[0]}{len(values)}{code}", *values))


def read_npy(path):
    data = open(path, "rb").read()
    assert data[:8] == b"\x93NUMPY\x01\x00", path
    length = struct.unpack_from("<H", data, 8)[0]
    header = ast.literal_eval(data[10 : 10 + length].decode())
    assert header["descr"] == "<f4" and not header["fortran_order"], header
    return header["shape"], list(struct.unpack_from(f"<{math.prod(header['shape'])}f", data, 10 + length))


def make(folder):
    header, data = {}, b""
    for name, values in WEIGHTS.items():
        packed = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": SHAPES[name], "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    renamed = {"other" if name == "up" else name: entry for name, entry in header.items()}
    for file, tensors in (("mlp", header), ("missing", renamed)):
        text = json.dumps(tensors).encode()
        with open(f"{folder}/{file}.safetensors", "wb") as out:
            out.write(struct.pack("<Q", len(text)) + text + data)
    fused(folder)
    for name, values in INPUTS.items():
        npy(f"{folder}/{name}.npy", values, (BATCH, 3, HIDDEN))
    x = INPUTS["x"]
    npy(f"{folder}/double.npy", x, (BATCH, 3, HIDDEN), "<f8")
    npy(f"{folder}/big.npy", x, (BATCH, 3, HIDDEN), ">f4")
    npy(f"{folder}/fortran.npy", x, (BATCH, 3, HIDDEN), fortran=True)
    npy(f"{folder}/flat.npy", x, (ROWS, HIDDEN))
    npy(f"{folder}/half.npy", x, (BATCH, 3, HIDDEN), "<f2")
    open(f"{folder}/cut.npy", "wb").write(open(f"{folder}/x.npy", "rb").read()[:-4])
    open(f"{folder}/text.npy", "wb").write(b"1 2 3\n")


def fused(folder):
    """The same weights as parts of other tensors: gate and up stored [inputs][outputs], down four rows of eight."""
    rows = lambda name, columns: [WEIGHTS[name][i : i + columns] for i in range(0, len(WEIGHTS[name]), columns)]
    gate_up = rows("gate", HIDDEN) + rows("up", HIDDEN)
    other = normal("other", HIDDEN * UNITS, 0.3)
    mixed = []
    for i in range(0, HIDDEN, 4):
        mixed += WEIGHTS["down"][i * UNITS : (i + 4) * UNITS] + other[i * UNITS : (i + 4) * UNITS]
    tensors = {name: (SHAPES[name], WEIGHTS[name]) for name in SHAPES if name not in ("gate", "up", "down", "post", "last")}
    tensors["gate_up"] = ((HIDDEN, 2 * UNITS), [row[k] for k in range(HIDDEN) for row in gate_up])
    tensors["mixed"] = ((2 * HIDDEN, UNITS), mixed)
    tensors["norms"] = ((2 * HIDDEN,), WEIGHTS["post"] + WEIGHTS["last"])
    header, data = {}, b""
    for name, (shape, values) in tensors.items():
        packed = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header).encode()
    with open(f"{folder}/fused.safetensors", "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + data)


def linear(x, weight, outputs):
    x = [bf16(f32(v)) for v in x]
    return [sum(bf16(w) * v for w, v in zip(weight[n * len(x) : (n + 1) * len(x)], x)) for n in range(outputs)]


def layer_norm(x, weight, bias):
    mean = sum(x) / len(x)
    factor = 1 / math.sqrt(sum((v - mean) ** 2 for v in x) / len(x) + 1e-5)
    return [(v - mean) * factor * w + b for v, w, b in zip(x, weight, bias)]


def reference():
    y, picked = [], []
    for row in range(ROWS):
        x, scale = (INPUTS[name][row * HIDDEN : (row + 1) * HIDDEN] for name in ("x", "scale"))
        factor = 1 / math.sqrt(sum(v * v for v in x) / HIDDEN + 1e-5)
        # 1/rms is applied after the products (defer-norm-scale): what is rounded is x times the norm's weight.
        n = [v * w for v, w in zip(x, WEIGHTS["norm"])]
        g, u = ([factor * v for v in linear(n, WEIGHTS[name], UNITS)] for name in ("gate", "up"))
        down = linear([a / (1 + math.exp(-a)) * b for a, b in zip(g, u)], WEIGHTS["down"], HIDDEN)
        down = layer_norm([d + b for d, b in zip(down, WEIGHTS["down.bias"])], WEIGHTS["post"], WEIGHTS["post.bias"])
        out = [a + d * s for a, d, s in zip(x, down, scale)]
        y += out
        last = layer_norm(out, WEIGHTS["last"], [0] * HIDDEN)
        for bias in (1.0, -2.0, 0.5):
            p = linear(last, [0.125] * HIDDEN, 1)[0] + bias
            p = 2 * math.tanh(-1.5 * (0.5 * p * (1 + math.erf(p / math.sqrt(2)))) / 2)
            picked.append(0.5 * p * (1 + math.tanh(math.sqrt(2 / math.pi) * (p + 0.044715 * p**3))))
    return y, picked


def check(y, picked, limit=1 / 1024):  # where sums differ in their last bits, a few activations are rounded the other way
    for path, exact, shape in zip((y, picked), reference(), ((BATCH, 3, HIDDEN), (BATCH, 3, 3))):
        found, ours = read_npy(path)
        assert found == shape, (path, found)
        error = math.dist(ours, exact) / math.hypot(*exact)
        assert error < float(limit), f"{path}: relative L2 error {error}"
        print(f"{path}: {error:.1e}")


make(sys.argv[2]) if sys.argv[1] == "make" else check(*sys.argv[2:])
