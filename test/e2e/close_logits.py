#!/usr/bin/env python3
"""Logits that differ by nothing but the order of sums and what is rounded on the way.

    close_logits.py A.npy B.npy TOLERANCE

Two float32 [T, vocabulary] arrays, of which A may have fewer rows: the first ones. The relative Euclidean distance of each row may be at most TOLERANCE. Needs no packages.
"""
import math
import sys

from compare_logits import read_npy


def distance(a, b):
    return math.sqrt(math.fsum((x - y) ** 2 for x, y in zip(a, b)) / math.fsum(y * y for y in b))


def main():
    a, b = map(read_npy, sys.argv[1:3])
    if len(a) > len(b) or len(a[0]) != len(b[0]):
        sys.exit(f"{sys.argv[1]}: [{len(a)}, {len(a[0])}], {sys.argv[2]}: [{len(b)}, {len(b[0])}]")
    distances = [distance(*rows) for rows in zip(a, b)]
    worst = max(range(len(distances)), key=lambda row: (math.isnan(distances[row]), distances[row]))
    print(f"{sys.argv[1]} and {sys.argv[2]}: at most {distances[worst]:.2g} apart, in row {worst}")
    if not distances[worst] <= float(sys.argv[3]):
        sys.exit(f"more than {sys.argv[3]}")


if __name__ == "__main__":
    main()
