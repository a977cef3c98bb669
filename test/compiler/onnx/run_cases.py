#!/usr/bin/env python3
"""Evaluates the node cases of the package onnx by the ops that the importer lowers them to, and compares the outputs.

usage: run_cases.py ONNX_RUN [-v] [NAME...]

ONNX_RUN is the tool of that name in build/dev/bin; with names only those cases are looked at. Needs the package onnx with
what it depends on. A case ends PASS, UNSUPPORTED (with the reason; -v prints it) or WRONG. Each is looked at with integer
inputs, which say what many operators do, as constants; and with all inputs as constants, so that it folds. Exit code 1 if
anything is WRONG.
"""
import sys

import node_cases

KINDS = {"evaluated": lambda present, small: small, "folded": lambda present, small: present}


def main():
    names = set(sys.argv[2:]) - {"-v"}
    counts, _, wrong = node_cases.run([sys.argv[1]], node_cases.load(names), KINDS, "-v" in sys.argv)
    print("\n".join(wrong))
    for (result, kind), count in sorted(counts.items()):
        print(f"{result} ({kind}): {count}")
    return 1 if wrong or not counts else 0


sys.exit(main())
