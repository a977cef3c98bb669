"""The node cases of the package onnx, as files for a tool, and whether what the tool made of them is what they expect.

A tool takes MODEL FOLDER pairs. The folder has input_0.bin, ..., the raw bytes of the model's inputs in order, and gets
output_0.bin, .... The tool prints a line a folder: "FOLDER: PASS ...", or "FOLDER: KIND: TEXT" of the first finding.
"""
import collections
import pathlib
import subprocess
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


def load(names=()):
    return [case for case in load_model_tests(kind="node") if not names or case.name in names]


def inputs_of(case):
    """The inputs, which of them are there, and which of those are small: integers, and lists of a few numbers."""
    inputs = arrays(case.data_sets[0][0])
    present = {i for i, array in enumerate(inputs) if array is not None}
    small = {i for i in present
             if inputs[i].dtype.kind in "iub" or (inputs[i].ndim <= 1 and inputs[i].size <= 8)}
    return inputs, present, small


def run(tool, cases, kinds, verbose=False):
    """Runs every case in each of the kinds (by name, the function that chooses the inputs that become constants of what
    inputs_of gives). Returns counts by (result, kind), reasons of UNSUPPORTED by count, and what is wrong, a line each."""
    counts, reasons, wrong = collections.Counter(), collections.Counter(), []
    with tempfile.TemporaryDirectory() as temporary:
        jobs = []
        for case in cases:
            if not is_tensors(case.model):
                counts["UNSUPPORTED", "strings, sequences or optionals"] += 1
                continue
            inputs, present, small = inputs_of(case)
            for kind, constants in kinds.items():
                folder = pathlib.Path(temporary) / f"{case.name}.{kind}"
                folder.mkdir()
                write_case(case, inputs, constants(present, small), folder)
                jobs.append((case, kind, arrays(case.data_sets[0][1]), folder))
        found = {}
        for start in range(0, len(jobs), 200):
            files = [part for job in jobs[start:start + 200] for part in (str(job[3] / "model.onnx"), str(job[3]))]
            for line in subprocess.run([*tool, *files], capture_output=True, text=True, check=True).stdout.splitlines():
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
                reasons[text.replace("model.onnx: ", "").partition(": ")[2][:110]] += 1
                if verbose:
                    print(f"UNSUPPORTED {case.name} ({kind}): {text}")
            else:
                counts["WRONG", kind] += 1
                wrong.append(f"{case.name} ({kind}): {text}")
    return counts, reasons, wrong
