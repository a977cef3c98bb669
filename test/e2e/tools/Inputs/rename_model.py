"""rename_model.py PLAN: gives the model of a plan, llama-mha-f32, a name that no compiler writes, with right checksums."""
import struct
import sys


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


old, new = b"llama-mha-f32", "\x85\u202eevilname".encode()
assert len(old) == len(new)
with open(sys.argv[1], "rb") as file:
    plan = bytearray(file.read())
for entry in (64, 96):  # metadata, program
    offset, size = struct.unpack_from("<QQ", plan, entry + 8)
    section = bytes(plan[offset : offset + size]).replace(old, new)
    plan[offset : offset + size] = section
    struct.pack_into("<I", plan, entry + 4, crc32c(section))
struct.pack_into("<I", plan, 60, 0)
struct.pack_into("<I", plan, 60, crc32c(plan[:4096]))
with open(sys.argv[1], "wb") as file:
    file.write(plan)
