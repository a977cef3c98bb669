#!/usr/bin/env python3
"""Holds grammars of random schemas against the validator of the Python package jsonschema.

  compare_with_jsonschema.py GRAMMAR_CHECK [--seed N] [--count N]

Of each schema: an instance that is made for it, in the order of its properties, is accepted; one that is damaged is
accepted exactly if the validator says that it is valid and it keeps the order; texts that grammars make at random are
JSON, valid, and without line breaks beyond what the white space allows.
"""
import argparse
import copy
import json
import random
import re
import subprocess
import sys

import jsonschema

WORDS = ["a", "b", "ab", "name", "x\"y", "tab\t", "é", "日本語", "a/b", "", "😀", "\u0001", "back\\slash", "id", "value"]
PATTERNS = {
    r"^[a-z]{2,4}$": lambda r: "".join(r.choice("abcz") for _ in range(r.randint(2, 4))),
    r"^(?:ab|c)+$": lambda r: "".join(r.choice(["ab", "c"]) for _ in range(r.randint(1, 4))),
    r"b": lambda r: r.choice(["b", "abc", "\"b", "éb\n"]),
    r"^[A-Z]\w*-\d+$": lambda r: "K" + r.choice(["", "ey_1"]) + "-" + str(r.randint(0, 999)),
    r"^[^a\"]*$": lambda r: r.choice(["", "xyz", "日本", "\\"]),
    r"(^x|y$)": lambda r: r.choice(["x", "xa", "ay", "y", "xy"]),
}


class Maker:
    """Random schemas, and for each a function that makes instances of it."""

    def __init__(self, rng):
        self.rng = rng

    def schema(self, depth):
        kinds = [self.string, self.integer, self.number, self.boolean, self.null, self.enum, self.const, self.pattern,
                 self.types]
        if depth > 0:
            kinds += [self.object] * 4 + [self.array] * 2 + [self.tuple, self.any_of, self.all_of, self.map, self.anything]
        return self.rng.choice(kinds)(depth)

    def text(self, low=0, high=6):
        text = ""
        while len(text) < low or (len(text) < high and self.rng.random() < 0.6):
            text += self.rng.choice(["a", "é", "\"", "\n", "日", "😀", " ", "\\", "\u001f", "z"])
        return text[:high]

    def string(self, _):
        schema = {"type": "string"}
        low, high = 0, 6
        if self.rng.random() < 0.5:
            low = self.rng.randint(0, 3)
            schema["minLength"] = low
        if self.rng.random() < 0.5:
            high = low + self.rng.randint(0, 4)
            schema["maxLength"] = high
        return schema, lambda: self.text(low, high)

    def pattern(self, _):
        pattern = self.rng.choice(list(PATTERNS))
        return {"type": "string", "pattern": pattern}, lambda: PATTERNS[pattern](self.rng)

    def integer(self, _):
        schema = {"type": "integer"}
        low, high = -10**6, 10**6
        if self.rng.random() < 0.6:
            low = self.rng.choice([0, 1, -1, 7, -120, 99, -1000, 10**9])
            schema["minimum"] = low
            high = low + 10**4
        if self.rng.random() < 0.6:
            high = max(low, self.rng.choice([0, 5, 10, 99, 100, 1234, 10**12, -3]))
            schema["maximum"] = high
            if "minimum" not in schema:
                low = high - 1000
        if "maximum" in schema and self.rng.random() < 0.3:
            schema["exclusiveMaximum"] = schema.pop("maximum") + 1
        return schema, lambda: self.rng.choice([low, high, self.rng.randint(low, high)])

    def number(self, _):
        schema = {"type": "number"}
        if self.rng.random() < 0.5:
            low, high = sorted((self.rng.randint(-20, 4000), self.rng.randint(-20, 4000)))
            schema[self.rng.choice(["minimum", "exclusiveMinimum"])] = low
            if self.rng.random() < 0.7:
                schema[self.rng.choice(["maximum", "exclusiveMaximum"])] = high + 1
            return schema, lambda: self.rng.choice([low + 0.5, high + 0.25])
        return schema, lambda: self.rng.choice([0, -1, 2.5, 1e-7, 1.25e20, -0.125, 12345678901234])

    def boolean(self, _):
        return {"type": "boolean"}, lambda: self.rng.choice([True, False])

    def null(self, _):
        return {"type": "null"}, lambda: None

    def anything(self, _):
        return self.rng.choice([{}, True, {"title": "any"}]), lambda: self.rng.choice([1, "x", [], {"k": [None, 1.5]}, True])

    def values(self):
        return [self.rng.choice([1, -5, 2.5, "a", "ab", "abc", "é\"", True, None, [1, "x"], {"k": 1, "j": []}])
                for _ in range(self.rng.randint(1, 5))]

    def enum(self, _):
        values = self.values()
        return {"enum": values}, lambda: self.rng.choice(values)

    def const(self, _):
        value = self.values()[0]
        return {"const": value}, lambda: value

    def types(self, _):
        options = {"string": lambda: self.text(), "null": lambda: None, "boolean": lambda: True,
                   "integer": lambda: self.rng.randint(-50, 50)}
        types = self.rng.sample(list(options), 2)
        return {"type": types}, lambda: options[self.rng.choice(types)]()

    def object(self, depth):
        names = self.rng.sample(WORDS, self.rng.randint(0, 4))
        made = {name: self.schema(depth - 1) for name in names}
        required = [name for name in names if self.rng.random() < 0.5]
        schema = {"type": "object", "properties": {name: part[0] for name, part in made.items()}, "required": required,
                  "additionalProperties": False}
        extra = None
        if self.rng.random() < 0.3:
            schema["additionalProperties"], extra = self.schema(0)
        elif self.rng.random() < 0.3:
            del schema["additionalProperties"]

        def make():
            value = {n: part[1]() for n, part in made.items() if n in required or self.rng.random() < 0.5}
            if extra and self.rng.random() < 0.5:
                value[self.rng.choice(["other", "na", "names", "é!", "\"q"])] = extra()
            return value
        return schema, make

    def map(self, depth):
        schema, make = self.schema(depth - 1)
        return {"type": "object", "additionalProperties": schema}, \
            lambda: {w: make() for w in self.rng.sample(WORDS, self.rng.randint(0, 3))}

    def array(self, depth):
        item, make = self.schema(depth - 1)
        low = self.rng.randint(0, 2)
        high = low + self.rng.randint(0, 2)
        schema = {"type": "array", "items": item}
        if low or self.rng.random() < 0.5:
            schema["minItems"] = low
        if self.rng.random() < 0.5:
            schema["maxItems"] = high
        return schema, lambda: [make() for _ in range(self.rng.randint(low, high))]

    def tuple(self, depth):
        parts = [self.schema(depth - 1) for _ in range(self.rng.randint(1, 3))]
        schema = {"type": "array", "prefixItems": [p[0] for p in parts], "items": False, "minItems": 1}
        return schema, lambda: [p[1]() for p in parts[:self.rng.randint(1, len(parts))]]

    def any_of(self, depth):
        parts = [self.schema(depth - 1) for _ in range(self.rng.randint(1, 3))]
        return {"anyOf": [p[0] for p in parts]}, lambda: self.rng.choice(parts)[1]()

    def all_of(self, depth):
        names = self.rng.sample(WORDS, 3)
        a, b = self.schema(depth - 1), self.schema(depth - 1)
        schema = {"allOf": [{"type": "object", "properties": {names[0]: a[0]}, "required": [names[0]]},
                            {"properties": {names[1]: b[0]}, "required": [names[2]]}]}
        return schema, lambda: {names[0]: a[1](), names[1]: b[1](), names[2]: self.rng.choice([1, "x", None])}


def recursive(rng):
    """A tree and a list, by references."""
    schema = {"$defs": {"node": {"type": "object", "properties": {
        "v": {"type": "integer"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/node"}, "maxItems": 3},
        "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}, "required": ["v", "next"],
        "additionalProperties": False}}, "$ref": "#/$defs/node"}

    def make(depth=3):
        node = {"v": rng.randint(-9, 9)}
        if rng.random() < 0.5:
            node["kids"] = [make(depth - 1) for _ in range(rng.randint(0, 3))] if depth else []
        node["next"] = make(depth - 1) if depth and rng.random() < 0.5 else None
        return node
    return schema, make


def damage(rng, value):
    """Something else, near to the value."""
    value = copy.deepcopy(value)
    if isinstance(value, dict) and value and rng.random() < 0.8:
        key = rng.choice(list(value))
        if rng.random() < 0.4:
            del value[key]
        else:
            value[key] = damage(rng, value[key])
        return value
    if isinstance(value, list) and rng.random() < 0.7:
        if value and rng.random() < 0.5:
            value[rng.randrange(len(value))] = damage(rng, rng.choice(value))
        else:
            value.append(rng.choice(value) if value else 1)
        return value
    if isinstance(value, str) and rng.random() < 0.6:
        return value[:-1] if value and rng.random() < 0.5 else value + rng.choice(["a", "b", "!", "é"])
    if isinstance(value, int) and not isinstance(value, bool) and rng.random() < 0.7:
        return value + rng.choice([1, -1, 10000, -100000])
    return rng.choice([None, 0, -7, "", "zz", [], {}, True, [None], {"q": 1}])


def spelled(value, rng):
    text = json.dumps(value, ensure_ascii=False, separators=rng.choice([(",", ":"), (", ", ": ")]))
    # json writes exponents of two digits at least, and escapes DEL as it is.
    return text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("check")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=300)
    args = parser.parse_args()
    process = subprocess.Popen([args.check], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    failures, counts = 0, {"valid": 0, "invalid": 0, "walks": 0}

    def report(schema, what):
        nonlocal failures
        failures += 1
        print(f"{what[:1000]}\n  of {json.dumps(schema, ensure_ascii=False)[:2000]}")

    for index in range(args.count):
        rng = random.Random(args.seed * 1000003 + index)
        schema, make = recursive(rng) if index % 20 == 0 else Maker(rng).schema(3)
        validator = jsonschema.Draft202012Validator(schema)
        good = [make() for _ in range(4)]
        bad = [b for b in (damage(rng, rng.choice(good)) for _ in range(8)) if not validator.is_valid(b)]
        texts = [spelled(value, rng) for value in good + bad]
        request = {"schema": schema, "texts": texts, "walks": 3, "seed": index, "compact": False}
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        if "error" in answer:
            report(schema, f"error: {answer['error']}")
            continue
        for text, value, accepted in zip(texts, good + bad, answer["accepted"]):
            isValid = validator.is_valid(value)
            counts["valid" if isValid else "invalid"] += 1
            if accepted != isValid:
                report(schema, f"{'valid, but refused' if isValid else 'not valid, but accepted'}: {text}")
        for text in answer["walks"]:
            counts["walks"] += 1
            try:
                error = jsonschema.exceptions.best_match(validator.iter_errors(json.loads(text)))
            except ValueError as problem:
                error = problem
            if error or re.search(r"\n {17}|\n\n|[^\n ]  ", re.sub(r'"(?:[^"\\]|\\.)*"', '""', text)):
                report(schema, f"made: {text!r}: {error}")
    process.stdin.close()
    process.wait()
    print(f"{args.count} schemas: {counts}, {failures} failures")
    if process.returncode != 0 or failures or min(counts.values()) < args.count // 2:
        sys.exit(1)


if __name__ == "__main__":
    main()
