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


def extents(info, known):
    shape = []
    for dim in info.type.tensor_type.shape.dim:
        shape.append(dim.dim_value if dim.HasField("dim_value") else eval(dim.dim_param, {}, known))  # past + sequence
    return shape


def decode(tool, folder, temporary):
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    tokens = json.loads((folder / "tokens.json").read_text())
    tokens = tokens["tokens"] if isinstance(tokens, dict) else tokens
    reference = numpy.load(folder / "logits_f32.npy")
    caches, worst = {}, 0.0
    names = {dim.dim_param for info in model.graph.input for dim in info.type.tensor_type.shape.dim if dim.dim_param}
    for step, token in enumerate(tokens):
        known = {}
        for name in names:
            known[name] = 1 if name.startswith(("batch", "seq")) else step if name.startswith("past") else step + 1
        if "kv_cache_dim" in known:
            key = next(info for info in model.graph.output if info.name.startswith("present"))
            known["kv_cache_dim"] = caches[key.name].shape[-1] if caches else 0
        dims = [part for name, extent in known.items() if extent or name != "kv_cache_dim"
                for part in ("--dim", f"{name}={extent}")]
        run = pathlib.Path(temporary) / f"{folder.name}.{step}"
        run.mkdir()
        for i, info in enumerate(model.graph.input):
            dtype = helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
            if info.name == "input_ids":
                value = numpy.array([[token]], dtype)
            elif info.name == "position_ids":
                value = numpy.array([[step]], dtype)
            elif info.name == "attention_mask":
                value = numpy.ones([1, step + 1], dtype)
            else:
                value = caches.get(info.name.replace("past_key_values", "present"), numpy.zeros([0], dtype))
            (run / f"input_{i}.bin").write_bytes(value.tobytes())
        line = subprocess.run([tool, *dims, str(folder / "model.onnx"), str(run)], capture_output=True, text=True,
                              check=True).stdout.strip().partition(": ")[2]
        if not line.startswith("PASS"):
            return line
        for i, (info, text) in enumerate(zip(model.graph.output, line[5:].split("; "))):
            dtype = helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
            shape = [int(extent) for extent in text.partition("[")[2][:-1].split(", ")]
            value = numpy.frombuffer((run / f"output_{i}.bin").read_bytes(), dtype).reshape(shape)
            if info.name == "logits":
                worst = max(worst, float(numpy.abs(value.reshape(-1).astype(numpy.float32) - reference[step]).max()))
                kind = dtype
            else:
                caches[info.name] = value
    allowed = TOLERANCE[kind.name] * float(numpy.abs(reference).max())
    return f"{'PASS' if worst <= allowed else 'WRONG'}: {len(tokens)} tokens, logits within {worst:.2e} (allowed {allowed:.2e})"


def main():
    wrong = False
    with tempfile.TemporaryDirectory() as temporary:
        for folder in map(pathlib.Path, sys.argv[2:]):
            result = decode(sys.argv[1], folder, temporary)
            wrong |= not result.startswith("PASS")
            print(f"{folder.name}: {result}", flush=True)
    return 1 if wrong else 0


sys.exit(main())
