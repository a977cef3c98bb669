"""Renders chat templates as transformers does: jinja2 with the same environment, filters and functions.

The settings are those of transformers' apply_chat_template (utils/chat_template_utils.py); transformers itself is not
needed.
"""

import datetime
import json
import time

import jinja2
import jinja2.ext
import jinja2.sandbox


class GenerationBlocks(jinja2.ext.Extension):
    """{% generation %}: its body, as a block with names of its own."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def environment(now):
    """`now`: seconds since 1970, what strftime_now says."""
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[GenerationBlocks, jinja2.ext.loopcontrols]
    )

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def strftime_now(format):
        return datetime.datetime.fromtimestamp(now).strftime(format)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = strftime_now
    return env


def render(case, env=None):
    """{"text"} or {"error"} of {"template", "context", "now"}."""
    env = env or environment(case.get("now", 0) or time.time())
    try:
        return {"text": env.from_string(case["template"]).render(**case["context"])}
    except Exception as error:  # whatever it is, the engine must have one, too
        return {"error": f"{type(error).__name__}: {error}"}
