"""The keywords of generate, chat and sample, and the C structs that they become."""

from __future__ import annotations

import ctypes
import json
from ctypes import byref, c_char_p
from typing import Any, Mapping, Optional, Sequence, TypedDict, Union

from . import _native
from ._errors import check
from ._native import library

_REUSE = {None: -1, "off": 0, "exact": 1, "on": 2}


class SamplingOptions(TypedDict, total=False):
    """How tokens are chosen (docs/sampling.md). What is left out, or None, is greedy, in chat the model's own."""

    temperature: Optional[float]  # 0: the most likely token; 1: drawn from the model's own distribution
    top_k: Optional[int]  # 0: all
    top_p: Optional[float]  # in (0, 1]
    min_p: Optional[float]  # in [0, 1]
    repetition_penalty: Optional[float]
    presence_penalty: Optional[float]
    frequency_penalty: Optional[float]
    logit_bias: Optional[Mapping[int, float]]  # added to logits by token id; -inf: never that token
    seed: Optional[int]  # in [0, 2**64); None: a random one, which Generation.seed says


class Options(SamplingOptions, total=False):
    """The keywords of Plan.generate and Plan.chat."""

    max_tokens: Optional[int]  # None: 128, in chat until the context is full
    stop: Union[str, Sequence[str], None]  # texts that end the text where they appear, and are no part of it
    stop_tokens: Optional[Sequence[int]]
    ignore_eos: bool  # go on after the model's stop tokens
    reuse: Optional[str]  # "off", "exact", "on": what is kept of the text before (docs/chat.md)
    logprobs: Optional[int]  # log-probabilities of each token, and of so many most likely ones
    json_schema: Union[str, Mapping[str, Any], None]  # the text is JSON of this schema (docs/grammar.md)
    regex: Optional[str]  # the text is what this matches as a whole


def native_sampling(options: Mapping[str, Any], defaults_of: Optional[ctypes.c_void_p] = None) -> _native.Sampling:
    """As C has it, with the defaults of a session's model, or greedy ones."""
    _refuse_others(options, SamplingOptions)
    result = _native.filled(_native.Sampling, "cadenza_sampling_init")
    if defaults_of is not None:
        check(library.cadenza_sampling_defaults(defaults_of, byref(result)))
    for name, value in options.items():
        if value is not None and name not in ("logit_bias", "seed"):
            setattr(result, name, _native.whole(value, 64, name) if name == "top_k" else value)
    given = (options.get("logit_bias") or {}).items()
    biases = [_native.LogitBias(_native.whole(token, 32, "token id"), bias) for token, bias in given]
    result.logit_biases = (_native.LogitBias * len(biases))(*biases)
    result.logit_bias_count = len(biases)
    seed = options.get("seed")
    if seed is not None:
        if not 0 <= seed < 2**64:  # ctypes would take its low bits
            raise ValueError(f"seed {seed} is not in [0, 2**64)")
        result.seed, result.has_seed = seed, 1
    return result


def native_generate(options: Mapping[str, Any], defaults_of: Optional[ctypes.c_void_p]) -> _native.GenerateOptions:
    """As C has it. `defaults_of`: None, or the session whose model says how tokens are chosen."""
    _refuse_others(options, Options)
    result = _native.filled(_native.GenerateOptions, "cadenza_generate_options_init")
    for name in ("max_tokens", "logprobs"):
        number = options.get(name)
        if number is not None:
            if not 0 <= number < 2**31:
                raise ValueError(f"{name} {number} is not in [0, 2**31)")
            setattr(result, name, number)
    reuse = options.get("reuse")
    if reuse not in _REUSE:
        raise ValueError(f'reuse is {reuse!r}; expected "off", "exact" or "on"')
    result.reuse = _REUSE[reuse]
    result.ignore_eos = bool(options.get("ignore_eos"))
    # What a struct points to lives as long as the struct: ctypes keeps it.
    stops = options.get("stop") or ()
    texts = [_text(stop, "stop") for stop in ([stops] if isinstance(stops, str) else stops)]
    result.stop_texts = (c_char_p * len(texts))(*texts)
    result.stop_text_count = len(texts)
    result.stop_tokens = _native.token_array(options.get("stop_tokens") or ())
    result.stop_token_count = len(options.get("stop_tokens") or ())
    names = SamplingOptions.__annotations__
    sampling = native_sampling({name: value for name, value in options.items() if name in names}, defaults_of)
    result.sampling = ctypes.pointer(sampling)
    schema = options.get("json_schema")
    if schema is not None:
        result.json_schema = _text(schema if isinstance(schema, str) else json.dumps(schema), "json_schema")
    if options.get("regex") is not None:
        result.regex = _text(options["regex"], "regex")
    return result


def native_chat(
    variables: Optional[Mapping[str, Any]], template: Optional[str], add_generation_prompt: bool = True
) -> _native.ChatOptions:
    result = _native.filled(_native.ChatOptions, "cadenza_chat_options_init")
    if variables is not None:
        result.variables = json.dumps(dict(variables)).encode()
    if template is not None:
        result.chat_template = _text(template, "template")
    result.add_generation_prompt = bool(add_generation_prompt)
    return result


def _refuse_others(options: Mapping[str, Any], known: Any) -> None:
    names = {name for kind in (SamplingOptions, known) for name in kind.__annotations__}
    for name in options:
        if name not in names:
            raise TypeError(f"there is no option {name!r}; there are: {', '.join(sorted(names))}")


def _text(text: str, name: str) -> bytes:
    """As C has it: what follows a NUL would be lost."""
    if "\0" in text:
        raise ValueError(f"{name} has a NUL")
    return text.encode()
