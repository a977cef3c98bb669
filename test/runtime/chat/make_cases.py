#!/usr/bin/env python3
"""Writes cases.json: what jinja2 renders of the templates in templates/, and of random ones, for cases_test.cpp.

make_cases.py, with jinja2 3.1 installed, in the time zone UTC. The templates here are written for these tests, in the
style of the published ones of each family: the same constructs, the same role markers.
"""

import itertools
import json
import os
import pathlib
import time

import jinja2_reference
import random_templates

HERE = pathlib.Path(__file__).parent
NOW = 1700000000
RANDOM_CASES = 300

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city, in °C <now> & 'later'",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Zürich, 東京"},
                "days": {"type": "integer", "default": 3},
                "unit": {"enum": ["celsius", "fahrenheit"]},
                "when": {"type": ["string", "null"]},
                "places": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "number"}}}},
            },
            "required": ["city"],
        },
    },
}
CALL = {"id": "abcdefgh1", "type": "function",
        "function": {"name": "get_weather", "arguments": {"city": "Zürich", "days": 2, "exact": True, "f": 1.5}}}

CONVERSATIONS = {
    "one": [{"role": "user", "content": " Hello! "}],
    "system": [{"role": "system", "content": "Be brief. /no_think"}, {"role": "user", "content": "Hi <b>&\n"}],
    "talk": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "1+1?"},
             {"role": "assistant", "content": "<think>\nAdd.\n</think>\n\n2"}, {"role": "user", "content": "Und 日本? 😀"}],
    "answered": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "  b\n"}],
    "tools": [{"role": "user", "content": "Weather?"}, {"role": "assistant", "content": "", "tool_calls": [CALL]},
              {"role": "tool", "name": "get_weather", "tool_call_id": "abcdefgh1", "content": "{\"t\": 12.5}"},
              {"role": "assistant", "reasoning_content": "Easy.", "content": "12.5 °C"},
              {"role": "user", "content": "Thanks"}],
    "parts": [{"role": "user", "content": [{"type": "text", "text": " Hello "}, {"type": "image"}]}],
    "wrong order": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
    "none": [],
}
OPTIONS = [{}, {"add_generation_prompt": True}, {"add_generation_prompt": True, "enable_thinking": False},
           {"add_generation_prompt": True, "tools": [WEATHER]}, {"tools": None, "documents": None},
           {"tools": [WEATHER, {"type": "other"}], "thinking": True, "controls": {"length": "long"},
            "documents": [{"doc_id": 7, "text": "A text."}], "tools_in_user_message": False}]


def main():
    os.environ["TZ"] = "UTC"
    time.tzset()
    sources = {path.stem: path.read_text() for path in sorted((HERE / "templates").glob("*.jinja"))}
    env = jinja2_reference.environment(NOW)
    cases = []
    for name, (talk, messages), options in itertools.product(sources, CONVERSATIONS.items(), OPTIONS):
        context = {"messages": messages, "bos_token": "<s>", "eos_token": "</s>", **options}
        want = jinja2_reference.render({"template": sources[name], "context": context}, env)
        cases.append({"file": name, "talk": talk, "options": options, **want})
    generator = random_templates.Generator(7)
    while sum("template" in case for case in cases) < RANDOM_CASES:
        case = generator.case()
        want = jinja2_reference.render(case, env)
        if "error" in want and len(cases) % 8 != 0 or "<" in want.get("text", "") and "object at" in want["text"]:
            continue
        cases.append({"template": case["template"], "context": case["context"], **want})
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    talks = json.dumps(CONVERSATIONS, ensure_ascii=False)
    (HERE / "cases.json").write_text(f'{{"now": {NOW},\n"talks": {talks},\n"cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
