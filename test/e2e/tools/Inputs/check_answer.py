"""Whether standard input is one JSON value of constraint.test's schema."""
import json
import re
import sys

answer = json.load(sys.stdin)
assert list(answer) == ["kind", "age", "sons"], answer
assert answer["kind"] in ("king", "priest") and type(answer["age"]) is int and 20 <= answer["age"] <= 120, answer
assert 1 <= len(answer["sons"]) <= 2 and all(re.fullmatch("[A-Z][a-z]{1,5}", son) for son in answer["sons"]), answer
