#!/usr/bin/env python3
"""edit_weights.py FILE STATEMENTS: runs Python statements on the tensors `t` of a safetensors file, a dictionary of name to
[dtype, shape, bytes]. Besides: `metadata` (None writes null), struct, and half(tensor), a bf16 tensor as f16."""
import json
import struct
import sys

metadata = {}


def half(tensor):
    _, shape, data = tensor
    count = len(data) // 2
    widened = b"".join(b"\0\0" + data[2 * i : 2 * i + 2] for i in range(count))
    return ["F16", shape, struct.pack(f"<{count}e", *struct.unpack(f"<{count}f", widened))]


with open(sys.argv[1], "rb") as file:
    content = file.read()
begin = 8 + struct.unpack("<Q", content[:8])[0]
header = json.loads(content[8:begin])
header.pop("__metadata__", None)
t = {
    name: [entry["dtype"], entry["shape"], content[begin + entry["data_offsets"][0] : begin + entry["data_offsets"][1]]]
    for name, entry in header.items()
}
exec(sys.argv[2])
header, data = {"__metadata__": metadata}, b""
for name, (dtype, shape, tensor) in t.items():
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(tensor)]}
    data += tensor
text = json.dumps(header).encode()
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
