"""libcadenza by ctypes: the declarations of cadenza/cadenza.h, in its order. The tests compare the two."""

from __future__ import annotations

import ctypes
import logging
import os
import pathlib
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_double, c_float, c_int, c_int32, c_int64, c_size_t, c_uint64
from ctypes import c_void_p
from typing import Any, Iterable, Optional, Type, TypeVar

Session = c_void_p
Generation = c_void_p
Tensors = c_void_p

LogCallback = CFUNCTYPE(None, c_void_p, c_int, c_char_p)
OnText = CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t)
OnToken = CFUNCTYPE(c_int, c_void_p, c_int32)
OnPrompt = CFUNCTYPE(None, c_void_p, c_int64)


class OpenOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("device", c_char_p),
        ("schedule", c_char_p),
        ("division", c_char_p),
        ("context", c_int64),
        ("threads", c_int32),
        ("logits", c_int32),
        ("prefill", c_int32),
    ]


class ChatOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("chat_template", c_char_p),
        ("variables", c_char_p),
        ("add_generation_prompt", c_int32),
    ]


class LogitBias(ctypes.Structure):
    _fields_ = [("token", c_int32), ("bias", c_double)]


class Sampling(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("temperature", c_double),
        ("top_k", c_int64),
        ("top_p", c_double),
        ("min_p", c_double),
        ("repetition_penalty", c_double),
        ("presence_penalty", c_double),
        ("frequency_penalty", c_double),
        ("logit_biases", POINTER(LogitBias)),
        ("logit_bias_count", c_size_t),
        ("seed", c_uint64),
        ("has_seed", c_int32),
    ]


class GenerateOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("max_tokens", c_int64),
        ("ignore_eos", c_int32),
        ("reuse", c_int32),
        ("stop_tokens", POINTER(c_int32)),
        ("stop_token_count", c_size_t),
        ("stop_texts", POINTER(c_char_p)),
        ("stop_text_count", c_size_t),
        ("sampling", POINTER(Sampling)),
        ("logprobs", c_int32),
        ("json_schema", c_char_p),
        ("regex", c_char_p),
        ("on_text", OnText),
        ("on_token", OnToken),
        ("on_prompt", OnPrompt),
        ("user", c_void_p),
    ]


class Tensor(ctypes.Structure):
    _fields_ = [
        ("name", c_char_p),
        ("type", c_int),
        ("shape", POINTER(c_int64)),
        ("rank", c_size_t),
        ("data", c_void_p),
        ("bytes", c_size_t),
    ]


# A text that the caller frees is a c_void_p: of a c_char_p ctypes makes bytes, and the pointer is lost.
OWNED_TEXT = POINTER(c_void_p)

# What is declared as c_int gives a status, unless _RESULTS says otherwise.
_ARGUMENTS = {
    "cadenza_status_name": [c_int],
    "cadenza_last_error": [],
    "cadenza_version": [],
    "cadenza_free": [c_void_p],
    "cadenza_set_log": [LogCallback, c_void_p],
    "cadenza_open_options_init": [POINTER(OpenOptions), c_size_t],
    "cadenza_open": [c_char_p, POINTER(OpenOptions), POINTER(Session)],
    "cadenza_close": [Session],
    "cadenza_info": [Session, OWNED_TEXT],
    "cadenza_cancel": [Session],
    "cadenza_tokenize": [Session, c_char_p, c_size_t, c_int32, POINTER(POINTER(c_int32)), POINTER(c_size_t)],
    "cadenza_detokenize": [Session, POINTER(c_int32), c_size_t, OWNED_TEXT, POINTER(c_size_t)],
    "cadenza_chat_options_init": [POINTER(ChatOptions), c_size_t],
    "cadenza_render_chat": [Session, c_char_p, POINTER(ChatOptions), OWNED_TEXT, POINTER(c_size_t)],
    "cadenza_sampling_init": [POINTER(Sampling), c_size_t],
    "cadenza_sampling_defaults": [Session, POINTER(Sampling)],
    "cadenza_generate_options_init": [POINTER(GenerateOptions), c_size_t],
    "cadenza_generate": [Session, POINTER(c_int32), c_size_t, POINTER(GenerateOptions), POINTER(Generation)],
    "cadenza_generate_text": [Session, c_char_p, c_size_t, POINTER(GenerateOptions), POINTER(Generation)],
    "cadenza_chat": [Session, c_char_p, POINTER(ChatOptions), POINTER(GenerateOptions), POINTER(Generation)],
    "cadenza_generation_text": [Generation, POINTER(c_size_t)],
    "cadenza_generation_tokens": [Generation, POINTER(c_size_t)],
    "cadenza_generation_finish_reason": [Generation],
    "cadenza_generation_seed": [Generation, POINTER(c_uint64)],
    "cadenza_generation_json": [Generation],
    "cadenza_generation_free": [Generation],
    "cadenza_save": [Session, c_char_p, c_char_p],
    "cadenza_load": [Session, c_char_p, OWNED_TEXT],
    "cadenza_step": [Session, POINTER(c_int32), c_size_t, POINTER(POINTER(c_float)), POINTER(c_size_t)],
    "cadenza_sample": [Session, POINTER(Sampling), POINTER(c_int32)],
    "cadenza_reset": [Session],
    "cadenza_logits": [Session, POINTER(c_int32), c_size_t, POINTER(c_float), c_size_t],
    "cadenza_type_name": [c_int],
    "cadenza_run_graph": [Session, c_char_p, POINTER(Tensor), c_size_t, POINTER(Tensors)],
    "cadenza_tensors_count": [Tensors],
    "cadenza_tensors_at": [Tensors, c_size_t],
    "cadenza_tensors_free": [Tensors],
}
_RESULTS = {
    "cadenza_status_name": c_char_p,
    "cadenza_last_error": c_char_p,
    "cadenza_version": c_char_p,
    "cadenza_free": None,
    "cadenza_set_log": None,
    "cadenza_cancel": None,
    "cadenza_generation_text": c_void_p,
    "cadenza_generation_tokens": POINTER(c_int32),
    "cadenza_generation_seed": c_int32,
    "cadenza_generation_json": c_char_p,
    "cadenza_generation_free": None,
    "cadenza_type_name": c_char_p,
    "cadenza_tensors_count": c_size_t,
    "cadenza_tensors_at": POINTER(Tensor),
    "cadenza_tensors_free": None,
}


def _find() -> str:
    """$CADENZA_LIBRARY, the one that came with the package, or what the system's loader finds."""
    if "CADENZA_LIBRARY" in os.environ:
        return os.environ["CADENZA_LIBRARY"]
    packaged = pathlib.Path(__file__).parent / "lib" / "libcadenza.so.0"
    return str(packaged) if packaged.exists() else packaged.name


def _load() -> ctypes.CDLL:
    path = _find()
    try:
        library = ctypes.CDLL(path)
        for name, arguments in _ARGUMENTS.items():
            function = getattr(library, name)
            function.argtypes = arguments
            function.restype = _RESULTS.get(name, c_int)
    except (OSError, AttributeError) as error:
        raise ImportError(
            f"libcadenza cannot be used: {error}. CADENZA_LIBRARY=FILE names the one of this version", path=path
        ) from error
    return library


library = _load()

_logger = logging.getLogger("cadenza")


def _log(user: object, level: int, message: bytes) -> None:
    _logger.log(logging.WARNING if level else logging.INFO, "%s", message.decode(errors="replace"))


_log_callback = LogCallback(_log)  # kept: the library calls it
library.cadenza_set_log(_log_callback, None)

Struct = TypeVar("Struct", bound=ctypes.Structure)


def filled(struct: Type[Struct], init: str) -> Struct:
    """A struct of options with the library's defaults."""
    options = struct()
    getattr(library, init)(ctypes.byref(options), ctypes.sizeof(options))
    return options


def take_text(text: c_void_p, size: Optional[int] = None) -> str:
    """The text that a function gave, which is freed. Without a size it ends at its NUL."""
    try:
        return ctypes.string_at(text.value or 0, -1 if size is None else size).decode(errors="replace")
    finally:
        library.cadenza_free(text)


def whole(value: int, bits: int, name: str) -> int:
    """A number that fits: of others ctypes would take the low bits. OverflowError for what does not."""
    if not -(2 ** (bits - 1)) <= int(value) < 2 ** (bits - 1):
        raise OverflowError(f"{name} {value} is no integer of {bits} bits")
    return int(value)


def token_array(tokens: Iterable[int]) -> Any:
    """Ids as an array of C."""
    ids = [whole(token, 32, "token id") for token in tokens]
    return (c_int32 * len(ids))(*ids)
