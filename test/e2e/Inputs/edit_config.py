#!/usr/bin/env python3
"""edit_config.py FOLDER STATEMENTS: runs Python statements on the fields `c` of FOLDER/config.json."""
import json
import sys

path = sys.argv[1] + "/config.json"
with open(path) as file:
    c = json.load(file)
exec(sys.argv[2])
with open(path, "w") as file:
    json.dump(c, file)
