#!/usr/bin/env python3
"""Holds the importer's shape inference against ONNX's own, on all node cases of the package onnx.

usage: compare_shapes.py ONNX_SHAPES [NAME...]

ONNX_SHAPES is the tool of that name in build/dev/bin; with names only those cases are looked at. Needs the package onnx
with what it depends on. Each case is looked at twice, with the shapes of its outputs taken away:
  as it is:  wherever onnx.shape_inference finds an extent, the tool has to find the same;
  constant:  integer and bool inputs, which say what many operators do, are initializers with the values of the case;
             wherever the tool finds a number, it has to be that of the case's own output. (Floats too, of up to 8 in a list: scales, limits.)
Element types have to agree always. Exit code 1 if anything differs.
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
from onnx import TensorProto, numpy_helper, shape_inference
from onnx.backend.test.loader import load_model_tests

TYPES = {"FLOAT": "f32", "DOUBLE": "f64", "FLOAT16": "f16", "BFLOAT16": "bf16", "BOOL": "bool", "COMPLEX64": "c64",
         "COMPLEX128": "c128", "STRING": "string"}


def type_name(number):
    name = TensorProto.DataType.Name(number)
    if name in TYPES:
        return TYPES[name]
    if name.startswith("FLOAT"):
        return "f" + name[5:].lower()
    return name.replace("UINT", "u").replace("INT", "i")


def tensor_only(model):
    infos = list(model.graph.input) + list(model.graph.output)
    if any(not info.type.HasField("tensor_type") or info.type.tensor_type.elem_type == TensorProto.STRING
           for info in infos):
        return False
    return not any(attribute.HasField("g") for node in model.graph.node for attribute in node.attribute)


def without_output_shapes(model):
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for output in copy.graph.output:
        output.type.tensor_type.ClearField("shape")
    del copy.graph.value_info[:]
    return copy


def with_constants(model, inputs):
    copy = without_output_shapes(model)
    copy.ir_version = max(copy.ir_version, 4) # before, initializers have to be inputs
    kept = []
    for info, value in zip(copy.graph.input, inputs):
        number = info.type.tensor_type.elem_type
        array = None if value is None or isinstance(value, TensorProto) else numpy.asarray(value)
        says_what = array is not None and (array.dtype.kind in "iub" or (array.ndim <= 1 and array.size <= 8))
        if says_what and array.size <= 4096 and type_name(number)[0] in "iubf" and len(type_name(number)) <= 4:
            copy.graph.initializer.append(numpy_helper.from_array(array, info.name))
        else:
            kept.append(info)
    del copy.graph.input[:]
    copy.graph.input.extend(kept)
    return copy


def run(tool, files):
    results, current = {}, None
    output = subprocess.run([tool, *files], capture_output=True, text=True, check=True).stdout
    for line in output.splitlines():
        if line.startswith("# "):
            current = results.setdefault(pathlib.Path(line[2:]).stem, {"findings": [], "values": {}})
        elif "\t" in line:
            name, element, shape, *_ = line.split("\t")
            current["values"][name] = (element, shape[1:-1].split(", ") if shape != "[]" else [])
        else:
            current["findings"].append(line)
    return results


def main():
    tool, names = sys.argv[1], set(sys.argv[2:]) - {"-v"}
    cases = [case for case in load_model_tests(kind="node") if not names or case.name in names]
    left_out, problems, counts = collections.Counter(), [], collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        variants = {}
        for case in cases:
            if not tensor_only(case.model):
                left_out["strings, sequences, optionals or control flow"] += 1
                continue
            variants[case.name] = (case, without_output_shapes(case.model),
                                   with_constants(case.model, case.data_sets[0][0]))
            onnx.save(variants[case.name][1], f"{folder}/{case.name}.onnx")
            onnx.save(variants[case.name][2], f"{folder}/{case.name}.constant.onnx")
        found = run(tool, sorted(str(path) for path in pathlib.Path(folder).glob("*.onnx")))
        for name, (case, plain, constant) in variants.items():
            expected = shape_inference.infer_shapes(plain, data_prop=True)
            for kind, key in (("as it is", name), ("constant", name + ".constant")):
                result = found[key]
                unsupported = [line for line in result["findings"] if line.startswith("unsupported")]
                if unsupported:
                    left_out["unsupported: " + unsupported[0].split(": ", 2)[2][:60]] += kind == "constant"
                    continue
                if any(line.startswith("invalid") for line in result["findings"]):
                    problems.append(f"{name} ({kind}): {result['findings'][0]}")
                    continue
                actual = dict(zip((output.name for output in case.model.graph.output), case.data_sets[0][1]))
                outputs = list(expected.graph.output) + (list(expected.graph.value_info) if kind == "as it is" else [])
                for info in outputs:
                    if info.name not in result["values"]:
                        if kind == "as it is" and info.name in [o.name for o in expected.graph.output]:
                            problems.append(f"{name} ({kind}): nothing is known of {info.name}")
                        continue
                    element, shape = result["values"][info.name]
                    if element != type_name(info.type.tensor_type.elem_type):
                        problems.append(f"{name} ({kind}): {info.name} is {element}, onnx says "
                                        f"{type_name(info.type.tensor_type.elem_type)}")
                    if kind == "as it is":
                        if not info.type.tensor_type.HasField("shape"):
                            continue
                        want = [dim.dim_value if dim.HasField("dim_value") else None
                                for dim in info.type.tensor_type.shape.dim]
                        wrong = len(want) != len(shape) or any(w is not None and str(w) != s
                                                               for w, s in zip(want, shape))
                    else:
                        value = actual[info.name]
                        want = list(value.dims if isinstance(value, TensorProto) else numpy.asarray(value).shape)
                        wrong = len(want) != len(shape) or any(s.isdigit() and str(w) != s for w, s in zip(want, shape))
                        counts["outputs whose shape is a number" if all(s.isdigit() for s in shape) else
                               "outputs whose shape is open"] += 1
                        if not all(s.isdigit() for s in shape) and "-v" in sys.argv:
                            print("open:", name, info.name, shape, want)
                    if wrong:
                        problems.append(f"{name} ({kind}): {info.name} has shape {shape}, it should be {want}")
                    counts[f"values compared ({kind})"] += 1
    print(f"{len(cases)} cases")
    for what, count in sorted(left_out.items()):
        print(f"  left out {count}: {what}")
    for what, count in sorted(counts.items()):
        print(f"  {what}: {count}")
    print("\n".join(problems))
    print(f"{len(problems)} differences")
    return 1 if problems or not counts else 0


sys.exit(main())
