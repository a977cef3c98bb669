"""flip.py IN OUT OFFSET MASK: copies a file with some bits of one byte flipped."""
import sys

source, target, offset, mask = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
with open(source, "rb") as file:
    data = bytearray(file.read())
data[offset] ^= mask
with open(target, "wb") as file:
    file.write(data)
