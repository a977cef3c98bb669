"""A text that is being generated."""

from __future__ import annotations

import ctypes
import json
import queue
import threading
from ctypes import byref, c_size_t
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional

from . import _native
from ._errors import Error, check
from ._native import library

if TYPE_CHECKING:
    from ._plan import Plan


@dataclass(frozen=True)
class Generation:
    """What a generation made, also one that ended early."""

    text: str
    tokens: List[int]
    finish_reason: str  # length, stop_token, stop_text, context_full, cancelled, callback, complete
    seed: Optional[int]  # with which tokens were drawn; None: they were not
    logprobs: Optional[List[Dict[str, Any]]]  # of each token: token, logprob, top; natural logarithms
    figures: Dict[str, Any]  # prompt_tokens, kept_tokens, prompt_seconds, decode_tokens, decode_seconds, ...

    def __str__(self) -> str:
        return self.text


def _taken(handle: ctypes.c_void_p) -> Generation:
    try:
        size = c_size_t()
        text = ctypes.string_at(library.cadenza_generation_text(handle, byref(size)), size.value)
        tokens = library.cadenza_generation_tokens(handle, byref(size))
        figures = json.loads(library.cadenza_generation_json(handle))
        return Generation(
            text=text.decode(errors="replace"),
            tokens=tokens[: size.value],
            finish_reason=figures.pop("finish_reason"),
            seed=figures.pop("seed"),
            logprobs=figures.pop("logprobs", None),
            figures=figures,
        )
    finally:
        library.cadenza_generation_free(handle)


class Stream:
    """Iterate over it for pieces of text as they come, or call `result` for all of it; once.

    Iterating generates in a thread of its own, so that the text goes on while the loop's body works. Leaving the loop,
    or dropping the iterator, ends the generation; the plan is then free for the next call.
    """

    def __init__(self, plan: "Plan", call: Callable[..., int], options: _native.GenerateOptions) -> None:
        self._plan = plan
        self._call = call  # the C function with its arguments but for the last two
        self._options = options
        self._started = False
        self._generation: Optional[Generation] = None
        self._error: Optional[BaseException] = None

    @property
    def text(self) -> str:
        """All of the text."""
        return self.result().text

    def result(
        self,
        on_text: Optional[Callable[[str], object]] = None,
        on_token: Optional[Callable[[int], object]] = None,
        on_prompt: Optional[Callable[[int], object]] = None,
    ) -> Generation:
        """Generates in this thread; after that, or after iterating, gives what was made. The callbacks get pieces of
        text, tokens, and how many tokens of the prompt are done, as they come. What they raise ends the generation and
        is raised here."""
        if self._generation is None:
            self._start()
            self._generation = self._run(on_text, on_token, on_prompt)
        elif on_text or on_token or on_prompt:
            raise RuntimeError("the text is already there: callbacks come too late")
        return self._generation

    def __iter__(self) -> Iterator[str]:
        self._start()
        pieces: "queue.SimpleQueue[Optional[str]]" = queue.SimpleQueue()
        ended = threading.Event()

        def continue_() -> None:
            # At the end of the program Python waits for this thread before it drops the iterator.
            if ended.is_set() or not threading.main_thread().is_alive():
                raise _Ended

        def put(piece: str) -> None:
            continue_()
            pieces.put(piece)

        def work() -> None:
            try:
                self._generation = self._run(put, lambda token: continue_(), lambda done: continue_())
            except _Ended:
                pass
            except BaseException as error:  # raised where the text is used
                self._error = error
            finally:
                pieces.put(None)

        return self._pieces(pieces, ended, threading.Thread(target=work, name="cadenza"))

    def _pieces(
        self, pieces: "queue.SimpleQueue[Optional[str]]", ended: threading.Event, worker: threading.Thread
    ) -> Iterator[str]:
        worker.start()
        piece: Optional[str] = ""
        try:
            while (piece := pieces.get()) is not None:
                yield piece
        finally:
            ended.set()
            if piece is not None:  # the loop was left; otherwise the plan may be another thread's by now
                self._plan.cancel()
            worker.join()
        if self._error is not None:
            raise self._error

    def _start(self) -> None:
        if self._started:
            raise RuntimeError("a stream is used once: generate again")
        self._started = True

    def _run(
        self,
        on_text: Optional[Callable[[str], object]],
        on_token: Optional[Callable[[int], object]],
        on_prompt: Optional[Callable[[int], object]] = None,
    ) -> Generation:
        raised: List[BaseException] = []
        options, self._options = self._options, _native.GenerateOptions()  # callbacks refer to this stream: no cycles

        def guarded(work: Callable[[], object]) -> int:
            """Nothing may be raised into C: it is kept, and the generation ends."""
            try:
                if not raised:
                    work()
            except BaseException as error:  # KeyboardInterrupt, too
                raised.append(error)
            return 1 if raised else 0

        def prompt_progress(user: object, tokens: int) -> None:
            if guarded(lambda: on_prompt(tokens) if on_prompt else None):
                self._plan.cancel()

        if on_text is not None:
            options.on_text = _native.OnText(
                lambda user, text, size: guarded(lambda: on_text(ctypes.string_at(text, size).decode(errors="replace")))
            )
        # Also without a callback: Ctrl-C is noticed where Python code runs.
        options.on_token = _native.OnToken(lambda user, token: guarded(lambda: on_token(token) if on_token else None))
        options.on_prompt = _native.OnPrompt(prompt_progress)
        handle = _native.Generation()
        status = self._call(byref(options), byref(handle))
        if raised:
            library.cadenza_generation_free(handle)
            raise raised[0]
        check(status)
        return _taken(handle)


class _Ended(Error):
    """Nobody waits for the text any more."""
