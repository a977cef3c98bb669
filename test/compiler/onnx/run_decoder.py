#!/usr/bin/env python3
"""Decodes with exported decoders by the ops that the importer lowers them to, and compares the logits.

usage: run_decoder.py ONNX_RUN FOLDER...

ONNX_RUN is the tool of that name in build/dev/bin. A folder is one of test/fixtures/onnx: model.onnx, tokens.json and
logits_f32.npy (after each token, by ONNX Runtime in fp32). Tokens go in one at a time, with the caches of the step before.
Needs the package onnx with what it depends on. Exit code 1 if a folder's logits differ by more than its type resolves.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnx
from onnx import helper

TOLERANCE = {"float32": 1e-5, "float16": 1e-2, "bfloat16": 5e-2}  # of the largest logit, by the type of the model


def output_of(cache):
    """The name of the output that continues an input cache."""
    if cache.startswith(("key_cache", "value_cache")):
        return "updated_" + cache
    return cache.replace("past_key_values", "present") if cache.startswith("past") else "output" + cache[len("input"):]


def dimensions(model, step):
    """Extents by name: batch and sequence 1, `step` tokens in the cache. An input's role says what its dimensions are."""
    known = {}
    for info in model.graph.input:
        roles = {"input_ids": (1, 1), "position_ids": (1, 1), "attention_mask": (1, step + 1)}.get(info.name)
        dims = [dim.dim_param for dim in info.type.tensor_type.shape.dim]
        roles = roles or {1: (1,), 3: (1, None, None), 4: (1, None, step, None)}[len(dims)]
        known.update({name: extent for name, extent in zip(dims, roles) if name and extent is not None})
    return known


def feed(info, token, step, caches, known):
    dtype = helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
    scalars = {"input_ids": token, "position_ids": step, "write_indices": step, "nonpad_kv_seqlen": step + 1}
    if info.name in scalars:
        return numpy.array([scalars[info.name]], dtype)
    if info.name == "attention_mask":
        return numpy.ones([step + 1], dtype)
    # A cache that grows begins with nothing, whatever its other extents are.
    shape = [dim.dim_value or known.get(dim.dim_param, 0) for dim in info.type.tensor_type.shape.dim]
    return caches.get(output_of(info.name), numpy.zeros(shape, dtype))


def decode(tool, folder, temporary):
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    tokens = json.loads((folder / "tokens.json").read_text())
    reference = numpy.load(folder / "logits_f32.npy")
    caches, worst, kind = {}, 0.0, None
    for step, token in enumerate(tokens):
        known = dimensions(model, step)
        dims = [part for name, extent in known.items() for part in ("--dim", f"{name}={extent}")]
        run = pathlib.Path(temporary) / f"{folder.name}.{step}"
        run.mkdir()
        for i, info in enumerate(model.graph.input):
            (run / f"input_{i}.bin").write_bytes(feed(info, token, step, caches, known).tobytes())
        line = subprocess.run([tool, *dims, str(folder / "model.onnx"), str(run)], capture_output=True, text=True,
                              check=True).stdout.strip().partition(": ")[2]
        if not line.startswith("PASS"):
            return line
        for i, info in enumerate(model.graph.output):
            dtype = helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
            value = numpy.frombuffer((run / f"output_{i}.bin").read_bytes(), dtype)
            caches[info.name] = value
            if info.name == "logits":
                worst = max(worst, float(numpy.abs(value.astype(numpy.float32) - reference[step]).max()))
                kind = dtype
    allowed = TOLERANCE[kind.name] * float(numpy.abs(reference).max())
    return (f"{'PASS' if worst <= allowed else 'WRONG'}: {len(tokens)} tokens, logits within {worst:.2e} "
            f"(allowed {allowed:.2e})")


def main():
    wrong = False
    with tempfile.TemporaryDirectory() as temporary:
        for folder in map(pathlib.Path, sys.argv[2:]):
            result = decode(sys.argv[1], folder, temporary)
            wrong |= not result.startswith("PASS")
            print(f"{folder.name}: {result}", flush=True)
    return 1 if wrong else 0


sys.exit(main())
