#!/usr/bin/env python3
"""Whether two runs' logits mean nearly the same: close.py OURS.npy REFERENCE.npy LEAST MOST

The mean Kullback-Leibler divergence of OURS from REFERENCE, in nats, must lie between LEAST (the same logits would mean that
nothing was tested) and MOST.
"""
import math
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
from compare_logits import divergence, read_npy


def main():
    ours, reference = map(read_npy, sys.argv[1:3])
    least, most = map(float, sys.argv[3:5])
    if len(ours) != len(reference) or len(ours[0]) != len(reference[0]):
        sys.exit("the shapes differ")
    mean = math.fsum(map(divergence, reference, ours)) / len(ours)
    print(f"mean KL divergence {mean:.3g}")
    if not least <= mean <= most:
        sys.exit(f"a mean KL divergence of {mean:.3g} is not in [{least:g}, {most:g}]")


if __name__ == "__main__":
    main()
