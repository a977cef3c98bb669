"""The library's errors: a class for each code, all of them cadenza.Error."""

from __future__ import annotations

from ._native import library


class Error(Exception):
    """What went wrong; str() says where, and what to do. `code` is a cadenza_status, docs/exit-codes.md."""

    code = 1  # as it is: a bug in Cadenza


class InvalidArgument(Error, ValueError):
    """An argument of the call."""

    code = 2


class InvalidInput(Error, ValueError):
    """A malformed model, tokenizer, chat template, talk, or value of a tensor."""

    code = 3


class Unsupported(Error):
    """Well-formed, but not something that this version or this plan can do."""

    code = 4


class InvalidPlan(Error):
    """A malformed or corrupted plan."""

    code = 5


class IncompatiblePlan(Error):
    """A sound plan of another format version, or without code for this GPU."""

    code = 6


class NoDevice(Error):
    """No GPU, no driver, or a driver that is too old."""

    code = 7


class OutOfMemory(Error, MemoryError):
    """Host or device memory."""

    code = 8


class CacheFull(Error):
    """The context has no room."""

    code = 9


class DeviceLost(Error):
    """A GPU fault: every later call of the plan fails; open it again."""

    code = 10


class InputOutput(Error, OSError):
    """A file cannot be read or written."""

    code = 11


class NoCompiler(Error):
    """The CUDA compiler is missing or failed."""

    code = 12


class Cancelled(Error):
    """Plan.cancel ended the call."""

    code = 13


class NumericMismatch(Error):
    """A difference beyond tolerance; of the tools."""

    code = 14


class Busy(Error):
    """Another call is using the plan: of another thread, or the one whose callback this is."""

    code = 100


_CLASSES = {
    kind.code: kind
    for kind in (
        InvalidArgument,
        InvalidInput,
        Unsupported,
        InvalidPlan,
        IncompatiblePlan,
        NoDevice,
        OutOfMemory,
        CacheFull,
        DeviceLost,
        InputOutput,
        NoCompiler,
        Cancelled,
        NumericMismatch,
        Busy,
    )  # fmt: skip
}


def error_of(code: int, message: str) -> Error:
    return _CLASSES.get(code, Error)(message)


def check(status: int) -> None:
    """Raises the error of the call that returned `status`, if it is one."""
    if status:
        raise error_of(status, library.cadenza_last_error().decode(errors="replace"))
