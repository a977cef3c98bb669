"""Cadenza: language models compiled ahead of time, one token after another (docs/library.md).

    import cadenza

    plan = cadenza.compile("Qwen3-0.6B/")                  # or cadenza.open("qwen.plan")
    for text in plan.generate("The capital of France is"):
        print(text, end="", flush=True)
    print(plan.chat("Why is the sky blue?").text)
    logits = plan.logits([1, 2, 3])                        # NumPy, [3, vocabulary]
"""

from ._compile import compile
from ._errors import (
    Busy,
    CacheFull,
    Cancelled,
    DeviceLost,
    Error,
    IncompatiblePlan,
    InputOutput,
    InvalidArgument,
    InvalidInput,
    InvalidPlan,
    NoCompiler,
    NoDevice,
    NumericMismatch,
    OutOfMemory,
    Unsupported,
)
from ._native import library as _library
from ._options import Options, SamplingOptions
from ._plan import Plan, open
from ._stream import Generation, Stream
from ._tensor import Tensor

#: Of the library, with its commit.
version: str = _library.cadenza_version().decode()
__version__: str = version.split()[0]

__all__ = [
    "Busy", "CacheFull", "Cancelled", "DeviceLost", "Error", "Generation", "IncompatiblePlan", "InputOutput",
    "InvalidArgument", "InvalidInput", "InvalidPlan", "NoCompiler", "NoDevice", "NumericMismatch", "Options",
    "OutOfMemory", "Plan", "SamplingOptions", "Stream", "Tensor", "Unsupported", "compile", "open", "version",
]  # fmt: skip
