"""Plans: opening them, and everything that an open one can do."""

from __future__ import annotations

import ctypes
import functools
import json
import os
from ctypes import POINTER, byref, c_float, c_int32, c_size_t, c_void_p
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from . import _native, _tensor
from ._errors import check
from ._native import library
from ._options import Options, SamplingOptions, native_chat, native_generate, native_sampling
from ._stream import Stream
from ._tensor import Tensor

if TYPE_CHECKING:
    from typing_extensions import Unpack

Prompt = Union[str, Iterable[int]]
Message = Mapping[str, Any]  # {"role": ..., "content": ...}


class Plan:
    """An open plan, made by cadenza.open or cadenza.compile. One thread uses it at a time: a call that finds another
    one at work raises cadenza.Busy. `cancel`, `tokenize`, `detokenize`, `render_chat` and `info` are free of that."""

    def __init__(self, path: Union[str, "os.PathLike[str]"], options: _native.OpenOptions) -> None:
        self._handle = c_void_p()
        check(library.cadenza_open(os.fsencode(path), byref(options), byref(self._handle)))
        text = c_void_p()
        check(library.cadenza_info(self._session, byref(text)))
        #: Facts: path, model, device, schedule, decoder (family, vocabulary, context, ...) or None, entries.
        self.info: Dict[str, Any] = json.loads(_native.take_text(text))

    @property
    def _session(self) -> c_void_p:
        if not self._handle:
            raise ValueError("the plan is closed")
        return self._handle

    def close(self) -> None:
        """Frees the plan's memory, which dropping it does, too. cadenza.Busy while a call uses it."""
        if self._handle:
            check(library.cadenza_close(self._handle))
            self._handle = c_void_p()

    def __enter__(self) -> "Plan":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            library.cadenza_close(self._handle)

    def __repr__(self) -> str:
        what = f"{self.info['model']} on {self.info['device']}" if self._handle else "closed"
        return f"<cadenza.Plan {what}>"

    def cancel(self) -> None:
        """Ends the call that uses the plan, of whichever thread, within a few tokens."""
        library.cadenza_cancel(self._session)

    # Text and tokens

    def tokenize(self, text: str, add_special: bool = True) -> List[int]:
        """The ids of a text, with what the tokenizer puts around it."""
        tokens, count, encoded = POINTER(c_int32)(), c_size_t(), text.encode()
        arguments = (encoded, len(encoded), bool(add_special), byref(tokens), byref(count))
        check(library.cadenza_tokenize(self._session, *arguments))
        try:
            return tokens[: count.value]
        finally:
            library.cadenza_free(tokens)

    def detokenize(self, tokens: Iterable[int]) -> str:
        """The text of ids, without special tokens."""
        ids, text, size = _native.token_array(tokens), c_void_p(), c_size_t()
        check(library.cadenza_detokenize(self._session, ids, len(ids), byref(text), byref(size)))
        return _native.take_text(text, size.value)

    def render_chat(
        self,
        messages: Union[str, Sequence[Message]],
        *,
        tools: Optional[Sequence[Mapping[str, Any]]] = None,
        variables: Optional[Mapping[str, Any]] = None,
        template: Optional[str] = None,
        add_generation_prompt: bool = True,
    ) -> str:
        """The prompt of a talk by the model's chat template; `chat` says what the arguments are."""
        text, size = c_void_p(), c_size_t()
        options = native_chat(variables, template, add_generation_prompt)
        talk = _talk(messages, tools)
        check(library.cadenza_render_chat(self._session, talk, byref(options), byref(text), byref(size)))
        return _native.take_text(text, size.value)

    # Generating

    def generate(self, prompt: Prompt, **options: Unpack[Options]) -> Stream:
        """Continues a text, or token ids. Iterate over what this gives for pieces of text, or take its `result()`.
        The keywords are those of cadenza.Options; tokens are the most likely ones unless they say otherwise."""
        native = native_generate(options, defaults_of=None)
        if isinstance(prompt, str):
            text = prompt.encode()
            return Stream(self, functools.partial(self._call, library.cadenza_generate_text, text, len(text)), native)
        ids = _native.token_array(prompt)
        return Stream(self, functools.partial(self._call, library.cadenza_generate, ids, len(ids)), native)

    def chat(
        self,
        messages: Union[str, Sequence[Message]],
        *,
        tools: Optional[Sequence[Mapping[str, Any]]] = None,
        variables: Optional[Mapping[str, Any]] = None,
        template: Optional[str] = None,
        **options: Unpack[Options],
    ) -> Stream:
        """The answer to a talk: a question, or messages with "role" and "content". `variables`: what else the chat
        template sees, such as {"enable_thinking": False}; `template`: Jinja source in place of the plan's. The other
        keywords are those of `generate`, but with the model's own sampling, until the context is full, and keeping what
        the talk before has in common with this one."""
        native = native_generate(options, defaults_of=self._session)
        chat = native_chat(variables, template)
        call = functools.partial(self._call, library.cadenza_chat, _talk(messages, tools), byref(chat))
        return Stream(self, call, native)

    def _call(self, function: Any, *arguments: Any) -> int:
        return function(self._session, *arguments)  # type: ignore[no-any-return]

    def save(self, path: Union[str, "os.PathLike[str]"], note: Any = None) -> None:
        """Writes what the last generation left in the cache to a file, to go on with in another process. `note`: what
        `load` gives back, as JSON; the talk, say."""
        check(library.cadenza_save(self._session, os.fsencode(path), json.dumps(note).encode()))

    def load(self, path: Union[str, "os.PathLike[str]"]) -> Any:
        """Reads such a file: a generation with reuse="on" processes only what its prompt does not share with it."""
        note = c_void_p()
        check(library.cadenza_load(self._session, os.fsencode(path), byref(note)))
        return json.loads(_native.take_text(note))

    # Logits

    def logits(self, prompt: Prompt) -> Any:
        """Teacher-forced logits: row i is what follows prompt[: i + 1]. A NumPy array of float32
        [tokens, vocabulary]; without NumPy a memoryview of that shape."""
        ids = _native.token_array(self.tokenize(prompt) if isinstance(prompt, str) else prompt)
        vocabulary = self._vocabulary()
        values = (c_float * (len(ids) * vocabulary))()
        check(library.cadenza_logits(self._session, ids, len(ids), values, len(values)))
        return _floats(values, (len(ids), vocabulary))

    def step(self, tokens: Union[int, Iterable[int]]) -> Any:
        """Processes tokens behind those of the steps before. The logits of the token that follows, [vocabulary]."""
        ids = _native.token_array([tokens] if isinstance(tokens, int) else tokens)
        values, size = POINTER(c_float)(), c_size_t()
        check(library.cadenza_step(self._session, ids, len(ids), byref(values), byref(size)))
        copy = (c_float * size.value)()
        ctypes.memmove(copy, values, ctypes.sizeof(copy))
        return _floats(copy, (size.value,))

    def sample(self, **options: Unpack[SamplingOptions]) -> int:
        """Chooses the token that follows the last step, which is not processed: give it to `step`. The keywords are
        those of cadenza.SamplingOptions; a draw needs a seed."""
        token = c_int32()
        check(library.cadenza_sample(self._session, byref(native_sampling(options)), byref(token)))
        return token.value

    def reset(self) -> None:
        """Forgets the steps: the next one begins a new text."""
        check(library.cadenza_reset(self._session))

    def _vocabulary(self) -> int:
        decoder = self.info["decoder"]
        return decoder["vocabulary"] if decoder else 1  # of a graph the call says what is wrong

    # Graphs

    def run(self, inputs: Mapping[str, Any], entry: Optional[str] = None) -> Dict[str, Tensor]:
        """Runs a graph on tensors by name: NumPy arrays, what has __dlpack__ (in host memory), buffers, numbers.
        `entry`: which of `info["entries"]`; by default the one for the inputs' shapes."""
        pairs = [_tensor.native(name, _tensor.tensor_of(value)) for name, value in inputs.items()]
        tensors = (_native.Tensor * len(pairs))(*(tensor for tensor, _ in pairs))
        outputs = c_void_p()
        name = entry.encode() if entry else None
        check(library.cadenza_run_graph(self._session, name, tensors, len(pairs), byref(outputs)))
        return _tensor.taken(outputs)


def open(
    path: Union[str, "os.PathLike[str]"],
    *,
    device: str = "auto",
    schedule: str = "auto",
    division: str = "",
    context: int = 0,
    threads: int = 0,
    logits: bool = True,
    prefill: bool = True,
) -> Plan:
    """Opens a plan. `device`: "auto", "cpu", "cuda", "cuda:N". `context`: positions to allocate; 0: the model's
    maximum, at most 4096. `logits`: keep them, for Plan.logits, Plan.step and log-probabilities. Opening a plan is
    running its author's code: open those that you trust."""
    options = _native.filled(_native.OpenOptions, "cadenza_open_options_init")
    options.device, options.schedule, options.division = device.encode(), schedule.encode(), division.encode()
    options.context, options.threads = _native.whole(context, 64, "context"), _native.whole(threads, 32, "threads")
    options.logits, options.prefill = bool(logits), bool(prefill)
    return Plan(path, options)


def _talk(messages: Union[str, Sequence[Message]], tools: Optional[Sequence[Mapping[str, Any]]]) -> bytes:
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    talk = {"messages": list(messages), "tools": list(tools)} if tools else list(messages)
    return json.dumps(talk).encode()


def _floats(values: Any, shape: Tuple[int, ...]) -> Any:
    try:
        import numpy
    except ImportError:
        return memoryview(values).cast("B").cast("f", shape=shape)
    return numpy.frombuffer(values, numpy.float32).reshape(shape)
