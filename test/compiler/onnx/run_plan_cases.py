#!/usr/bin/env python3
"""Compiles the node cases of the package onnx to plans, runs them and compares the outputs.

usage: run_plan_cases.py ONNX_PLAN_RUN [-v] [--emulated FOLDER] [--every N] [NAME...]

ONNX_PLAN_RUN is the tool of that name in build/dev/bin; with names only those cases are looked at, with --every each Nth.
The plans run on the CPU, or, with the folder of the emulation's libcuda.so.1, as kernels in the emulation. Needs the package onnx
with what it depends on (requirements.txt in this folder); without, exit code 77. A case ends PASS, UNSUPPORTED (with the
reason; -v prints it) or WRONG. Each is looked at as it is, and with integer inputs, which say what many operators do, as
constants. Exit code 1 if anything is WRONG, or if fewer than MINIMUM cases pass.
"""
import argparse
import os
import sys

try:
    import node_cases
except ImportError as error:
    print(f"skipped: {error}; pip install -r test/compiler/onnx/requirements.txt")
    sys.exit(77)

KINDS = {"as it is": lambda present, small: set(), "with constants": lambda present, small: small}
MINIMUM = {"as it is": 999, "with constants": 1191}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("names", nargs="*")
    parser.add_argument("-v", dest="verbose", action="store_true")
    parser.add_argument("--emulated", metavar="FOLDER")
    parser.add_argument("--every", type=int, default=1)
    arguments = parser.parse_intermixed_args()
    tool = [arguments.tool]
    if arguments.emulated:
        tool.append("--emulated")
        os.environ["LD_LIBRARY_PATH"] = arguments.emulated
    cases = list(node_cases.load(set(arguments.names)))[::arguments.every]
    kinds = {"as it is": KINDS["as it is"]} if arguments.emulated else KINDS
    counts, reasons, wrong = node_cases.run(tool, cases, kinds, arguments.verbose)
    print("\n".join(wrong))
    for reason, count in reasons.most_common(20):
        print(f"{count:5} UNSUPPORTED {reason}")
    for (result, kind), count in sorted(counts.items()):
        print(f"{result} ({kind}): {count}")
    least = 0.9 / arguments.every if arguments.emulated or arguments.every > 1 else 1  # of all: a sample varies
    fewer = [kind for kind in kinds if not arguments.names and counts["PASS", kind] < least * MINIMUM[kind]]
    for kind in fewer:
        print(f"{kind}: fewer than {least * MINIMUM[kind]:.0f} pass")
    return 1 if wrong or fewer or not counts else 0


sys.exit(main())
