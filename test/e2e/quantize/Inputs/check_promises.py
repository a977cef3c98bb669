#!/usr/bin/env python3
"""check_promises.py INT8.json LIMIT INT4.json LIMIT PLAIN.json FACTOR: relative losses of perplexity within limits, and the mean
divergence of INT4 smaller by FACTOR than that of PLAIN."""
import json
import sys


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main():
    int8, int8_limit, int4, int4_limit, plain, factor = sys.argv[1:]
    for path, limit in ((int8, float(int8_limit)), (int4, float(int4_limit))):
        scores = read(path)
        loss = scores["perplexity_per_token"] / scores["against"]["perplexity_per_token"] - 1
        print(f"{path}: perplexity {100 * loss:+.3f} %")
        if abs(loss) > limit:
            sys.exit(f"{path}: more than {100 * limit} %")
    ratio = read(plain)["against"]["kl_mean_nats"] / read(int4)["against"]["kl_mean_nats"]
    print(f"divergence of plain rounding: {ratio:.2f} times that of the quantiser")
    if ratio < float(factor):
        sys.exit(f"less than {factor}")


if __name__ == "__main__":
    main()
