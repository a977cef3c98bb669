#!/usr/bin/env python3
"""Evaluates the node cases of the package onnx by the ops that the importer lowers them to, and compares the outputs.

usage: run_cases.py ONNX_RUN [-v] [NAME...]

ONNX_RUN is the tool of that name in build/dev/bin; with names only those cases are looked at. Needs the package onnx with
what it depends on. A case ends PASS, UNSUPPORTED (with the reason; -v prints it) or WRONG. Each is looked at with integer
inputs, which say what many operators do, as constants; and with all inputs as constants, so that it folds. Exit code 1 if
anything is WRONG.
"""
import collections
import pathlib
import subprocess
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
import numpy
import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test.loader import load_model_tests

# Of the outputs of these the values are random, or are not those of an inference.
RANDOM = ("Bernoulli", "RandomNormal", "RandomUniform", "Multinomial", "Dropout")


def is_tensors(model):
    infos = list(model.graph.input) + list(model.graph.output)
    return all(info.type.HasField("tensor_type") and info.type.tensor_type.elem_type != TensorProto.STRING
               for info in infos)


def arrays(values):
    return [numpy_helper.to_array(value) if isinstance(value, TensorProto) else
            None if value is None else numpy.asarray(value) for value in values]


def write_case(case, inputs, constants, folder):
    """The model with the inputs of those indices as initializers, and the others as files."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    model.ir_version = max(model.ir_version, 4)
    kept = []
    for i, info in enumerate(case.model.graph.input):
        if i in constants:
            model.graph.initializer.append(numpy_helper.from_array(inputs[i], info.name))
        else:
            (folder / f"input_{len(kept)}.bin").write_bytes(inputs[i].tobytes())
            kept.append(info)
    del model.graph.input[:]
    model.graph.input.extend(kept)
    onnx.save(model, folder / "model.onnx")


def compare(case, expected, folder):
    for i, want in enumerate(expected):
        if want is None:
            continue
        data = (folder / f"output_{i}.bin").read_bytes()
        if len(data) != want.nbytes:
            return f"output {i} has {len(data)} bytes, not {want.nbytes}"
        got = numpy.frombuffer(data, want.dtype).reshape(want.shape)
        if want.dtype.kind in "iub":
            if not numpy.array_equal(got, want):
                return f"output {i} differs: {got.ravel()[:8]} instead of {want.ravel()[:8]}"
            continue
        wide_got, wide_want = got.astype(numpy.float64), want.astype(numpy.float64)
        # What a type resolves is no difference: case files allow for errors of f32.
        rtol = max(case.rtol, {2: 4e-3 if want.dtype == numpy.float16 else 2e-2}.get(want.dtype.itemsize, 0))
        if not numpy.allclose(wide_got, wide_want, rtol=rtol, atol=max(case.atol, rtol * 1e-1), equal_nan=True):
            return (f"output {i} differs by {numpy.nanmax(numpy.abs(wide_got - wide_want))}: {wide_got.ravel()[:6]} "
                    f"instead of {wide_want.ravel()[:6]}")
    return None


def main():
    tool, verbose = sys.argv[1], "-v" in sys.argv
    names = set(sys.argv[2:]) - {"-v"}
    cases = [case for case in load_model_tests(kind="node") if not names or case.name in names]
    counts, reasons, wrong = collections.Counter(), collections.Counter(), []
    with tempfile.TemporaryDirectory() as temporary:
        jobs = []
        for case in cases:
            if not is_tensors(case.model):
                counts["UNSUPPORTED", "strings, sequences or optionals"] += 1
                continue
            inputs, outputs = (arrays(values) for values in case.data_sets[0])
            small = {i for i, array in enumerate(inputs) if array is not None and
                     (array.dtype.kind in "iub" or (array.ndim <= 1 and array.size <= 8))}
            present = {i for i, array in enumerate(inputs) if array is not None}
            for kind, constants in (("evaluated", small), ("folded", present)):
                folder = pathlib.Path(temporary) / f"{case.name}.{kind}"
                folder.mkdir()
                write_case(case, inputs, constants, folder)
                jobs.append((case, kind, outputs, folder))
        found = {}
        for start in range(0, len(jobs), 200):
            files = [part for job in jobs[start:start + 200] for part in (str(job[3] / "model.onnx"), str(job[3]))]
            for line in subprocess.run([tool, *files], capture_output=True, text=True, check=True).stdout.splitlines():
                folder, _, text = line.partition(": ")
                found[folder] = text
        for case, kind, outputs, folder in jobs:
            text = found[str(folder)]
            is_random = any(node.op_type in RANDOM for node in case.model.graph.node)
            if text.startswith("PASS"):
                problem = None if is_random else compare(case, outputs, folder)
                counts["WRONG" if problem else "PASS", kind] += 1
                if problem:
                    wrong.append(f"{case.name} ({kind}): {problem}")
            elif text.startswith("unsupported"):
                counts["UNSUPPORTED", kind] += 1
                reasons[text.replace("model.onnx: ", "").partition(": ")[2][:110]] += kind == "evaluated"
                if verbose:
                    print(f"UNSUPPORTED {case.name} ({kind}): {text}")
            else:
                counts["WRONG", kind] += 1
                wrong.append(f"{case.name} ({kind}): {text}")
    print("\n".join(wrong))
    for (result, kind), count in sorted(counts.items()):
        print(f"{result} ({kind}): {count}")
    return 1 if wrong or not counts else 0


sys.exit(main())
