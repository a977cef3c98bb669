"""The keywords of generate and chat, and the C structs that they become."""

from __future__ import annotations

import ctypes
import json
from ctypes import byref, c_char_p
from dataclasses import dataclass, fields
from typing import Any, Mapping, Optional, Sequence, Union

from . import _native
from ._errors import check
from ._native import library

_REUSE = {None: -1, "off": 0, "exact": 1, "on": 2}


@dataclass(frozen=True)
class SamplingOptions:
    """How tokens are chosen (docs/sampling.md). None: the default, which is greedy, or in chat the model's own."""

    temperature: Optional[float] = None  # 0: the most likely token; 1: drawn from the model's own distribution
    top_k: Optional[int] = None  # 0: all
    top_p: Optional[float] = None  # in (0, 1]
    min_p: Optional[float] = None  # in [0, 1]
    repetition_penalty: Optional[float] = None
    presence_penalty: Optional[float] = None
    frequency_penalty: Optional[float] = None
    logit_bias: Optional[Mapping[int, float]] = None  # added to logits by token id; -inf: never that token
    seed: Optional[int] = None  # in [0, 2**64); None: a random one, which Generation.seed says

    def native(self, defaults_of: Optional[ctypes.c_void_p] = None) -> _native.Sampling:
        """As C has it, with the model's defaults of a session, or greedy ones."""
        result = _native.filled(_native.Sampling, "cadenza_sampling_init")
        if defaults_of is not None:
            check(library.cadenza_sampling_defaults(defaults_of, byref(result)))
        for field in fields(SamplingOptions):
            value = getattr(self, field.name)
            if value is not None and field.name not in ("logit_bias", "seed"):
                setattr(result, field.name, value)
        if self.logit_bias:
            biases = [_native.LogitBias(token, bias) for token, bias in self.logit_bias.items()]
            result.logit_biases = (_native.LogitBias * len(biases))(*biases)
            result.logit_bias_count = len(biases)
        if self.seed is not None:
            if not 0 <= self.seed < 2**64:
                raise ValueError(f"seed {self.seed} is not in [0, 2**64)")
            result.seed, result.has_seed = self.seed, 1
        return result


@dataclass(frozen=True)
class Options(SamplingOptions):
    """The keywords of Plan.generate and Plan.chat."""

    max_tokens: Optional[int] = None  # None: 128, in chat until the context is full
    stop: Union[str, Sequence[str]] = ()  # texts that end the text where they appear, and are no part of it
    stop_tokens: Sequence[int] = ()
    ignore_eos: bool = False  # go on after the model's stop tokens
    reuse: Optional[str] = None  # "off", "exact", "on": what is kept of the text before (docs/chat.md)
    logprobs: Optional[int] = None  # log-probabilities of each token, and of so many most likely ones
    json_schema: Union[str, Mapping[str, Any], None] = None  # the text is JSON of this schema (docs/grammar.md)
    regex: Optional[str] = None  # the text is what this matches as a whole

    def native_generate(self, defaults_of: Optional[ctypes.c_void_p]) -> _native.GenerateOptions:
        """`defaults_of`: None, or the session whose model says how tokens are chosen."""
        result = _native.filled(_native.GenerateOptions, "cadenza_generate_options_init")
        if self.max_tokens is not None:
            if self.max_tokens < 0:
                raise ValueError(f"max_tokens {self.max_tokens} is negative")
            result.max_tokens = min(self.max_tokens, 2**63 - 1)
        if self.reuse not in _REUSE:
            raise ValueError(f'reuse is {self.reuse!r}; expected "off", "exact" or "on"')
        result.reuse = _REUSE[self.reuse]
        result.ignore_eos = bool(self.ignore_eos)
        stops = [self.stop] if isinstance(self.stop, str) else list(self.stop)
        if any("\0" in stop for stop in stops):
            raise ValueError("a stop text has a NUL")
        # What a struct points to lives as long as the struct: ctypes keeps it.
        result.stop_texts = (c_char_p * len(stops))(*(stop.encode() for stop in stops))
        result.stop_text_count = len(stops)
        result.stop_tokens = _native.token_array(self.stop_tokens)
        result.stop_token_count = len(self.stop_tokens)
        result.sampling = ctypes.pointer(self.native(defaults_of))
        if self.logprobs is not None:
            if self.logprobs < 0:
                raise ValueError(f"logprobs {self.logprobs} is negative")
            result.logprobs = self.logprobs
        schema = self.json_schema
        if schema is not None:
            result.json_schema = (schema if isinstance(schema, str) else json.dumps(schema)).encode()
        if self.regex is not None:
            result.regex = self.regex.encode()
        return result


def native_chat(variables: Optional[Mapping[str, Any]], template: Optional[str], add_generation_prompt: bool = True):
    result = _native.filled(_native.ChatOptions, "cadenza_chat_options_init")
    if variables is not None:
        result.variables = json.dumps(dict(variables)).encode()
    if template is not None:
        result.chat_template = template.encode()
    result.add_generation_prompt = bool(add_generation_prompt)
    return result
