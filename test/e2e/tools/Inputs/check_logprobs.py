"""check_logprobs.py STATS.json LOGITS.npy: the log-probabilities of a greedy generation are those of its logits."""

import json
import math
import struct
import sys

stats = json.load(open(sys.argv[1]))
with open(sys.argv[2], "rb") as file:
    file.seek(8)
    file.seek(struct.unpack("<H", file.read(2))[0], 1)
    values = file.read()
vocabulary = len(values) // 4 // (len(stats["prompt_ids"]) + len(stats["generated_ids"]))
assert len(stats["logprobs"]) == len(stats["generated_ids"]) == 16
for index, entry in enumerate(stats["logprobs"]):
    at = 4 * vocabulary * (len(stats["prompt_ids"]) - 1 + index)
    logits = struct.unpack(f"<{vocabulary}f", values[at : at + 4 * vocabulary])
    largest = max(logits)
    norm = largest + math.log(sum(math.exp(logit - largest) for logit in logits))
    best = sorted(range(vocabulary), key=lambda row: -logits[row])[:2]
    assert [entry["token"]] + [top["token"] for top in entry["top"]] == [stats["generated_ids"][index]] + best
    for found in [entry, *entry["top"]]:
        assert abs(found["logprob"] - (logits[found["token"]] - norm)) < 0.02, (index, found)
    assert entry["text"] in stats["text"]
