"""Checks a trace of cadenza-bench: every block has both rows, the spans of a row follow each other without a gap, and every
token has every layer.

    check_trace.py TRACE.json BLOCKS RANKS LAYERS TOKENS
"""
import collections
import json
import sys

blocks, ranks, layers, tokens = map(int, sys.argv[2:])
with open(sys.argv[1], encoding="utf-8") as file:
    events = json.load(file)["traceEvents"]

names = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
expected = {(block // ranks, block % ranks * 2 + row): f"block {block} {what}"
            for block in range(blocks) for row, what in enumerate(("consumers", "producer"))}
assert names == expected, names
processes = {e["pid"]: e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == "process_name"}
assert processes == {group: f"group {group}" for group in range(blocks // ranks)}, processes

rows = collections.defaultdict(list)
for event in events:
    if event["ph"] == "X":
        rows[event["pid"], event["tid"]].append(event)
assert rows.keys() == names.keys(), rows.keys()
assert min(spans[0]["ts"] for spans in rows.values()) == 0
for row, spans in rows.items():
    for before, after in zip(spans, spans[1:]):
        assert before["dur"] >= 0, before
        assert abs(before["ts"] + before["dur"] - after["ts"]) < 1e-3, (before, after)
    if names[row].endswith("producer"):
        assert {span["cat"] for span in spans} <= {"copying", "ring full", "waiting for activations"}, names[row]
        continue
    # The layers in the order in which the consumers come through them, once more a token; the head counts as the last.
    order = [span["args"]["layer"] for span in spans if span["name"] != "wait: candidates"]  # which belongs to none
    order = [layer for i, layer in enumerate(order) if i == 0 or order[i - 1] != layer]
    assert order == list(range(layers)) * tokens, (names[row], order)
    for token in ("begin step", "embed", "product head"):
        assert sum(span["name"] == token for span in spans) >= tokens, (names[row], token)
    for product in ("product gate, up", "product down"):
        seen = {span["args"]["layer"] for span in spans if span["name"] == product}
        assert seen == set(range(layers)), (names[row], product, seen)
