"""Tensors that graphs take and give."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Dict, Optional, Sequence, Tuple

from . import _dlpack, _native
from ._native import library

if TYPE_CHECKING:
    from numpy import ndarray

# cadenza_type by name: its number, its kind for DLPack, its bits.
TYPES = {
    "f32": (1, "f", 32),
    "u8": (2, "u", 8),
    "i8": (3, "i", 8),
    "u16": (4, "u", 16),
    "i16": (5, "i", 16),
    "i32": (6, "i", 32),
    "i64": (7, "i", 64),
    "bool": (9, "?", 8),
    "f16": (10, "f", 16),
    "f64": (11, "f", 64),
    "u32": (12, "u", 32),
    "u64": (13, "u", 64),
    "bf16": (16, "b", 16),
}
_NAMES = {number: name for name, (number, _, _) in TYPES.items()}
_OF_KIND = {(kind, bits): name for name, (_, kind, bits) in TYPES.items()}
_LETTERS = tuple("efd?bBhHiIlLqQ")  # of the struct module


class Tensor:
    """A row-major tensor in host memory: `type` ("f32", "bf16", ...), `shape`. numpy.asarray, torch.from_dlpack and
    their like take it without a copy, memoryview takes its `data`."""

    def __init__(self, type: str, shape: Sequence[int], data: Any) -> None:
        if type not in TYPES:
            raise ValueError(f"type {type!r}; there are: {', '.join(TYPES)}")
        self.type = type
        self.shape = tuple(shape)
        self.data = memoryview(data).cast("B")  # the bytes, row-major, little-endian

    def __repr__(self) -> str:
        return f"cadenza.Tensor({self.type} {list(self.shape)})"

    def numpy(self) -> "ndarray[Any, Any]":
        """As an array that shares the memory. NumPy has no bf16: a copy in float32, which holds it exactly."""
        import numpy

        if self.type == "bf16":
            wide = numpy.frombuffer(self.data, "<u2").astype("<u4") << 16
            return wide.view("<f4").reshape(self.shape)
        kind, bits = TYPES[self.type][1:]
        return numpy.frombuffer(self.data, f"{kind}{bits // 8}" if kind != "?" else "?").reshape(self.shape)

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> "ndarray[Any, Any]":
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __dlpack_device__(self) -> Tuple[int, int]:
        return _dlpack.CPU, 0

    def __dlpack__(self, *, stream: Any = None, **_: Any) -> object:
        kind, bits = TYPES[self.type][1:]
        memory = _memory(self.data)
        return _dlpack.export(memory, ctypes.addressof(memory), kind, bits, self.shape)


def _memory(data: memoryview) -> Any:
    """The bytes as an array of C, which shares the memory if it may be written to."""
    kind = ctypes.c_char * len(data)
    return kind.from_buffer_copy(data) if data.readonly or not data else kind.from_buffer(data)


def tensor_of(value: Any) -> Tensor:
    """A Tensor of an array, a tensor of another package, a number or a list of numbers."""
    if isinstance(value, Tensor):
        return value
    if getattr(getattr(value, "dtype", None), "name", "") == "bfloat16" and hasattr(value, "tobytes"):
        return Tensor("bf16", value.shape, value.tobytes())  # of ml_dtypes, whose arrays are no buffers
    try:
        view = memoryview(value)
    except (TypeError, ValueError, BufferError):
        return _of_another(value)
    letter, bits = view.format.lstrip("@=<"), view.itemsize * 8
    kind = {"e": "f", "f": "f", "d": "f", "?": "?"}.get(letter, "i" if letter.islower() else "u")
    if letter not in _LETTERS or (kind, bits) not in _OF_KIND:
        raise TypeError(f"elements of format {view.format!r} are none that a graph takes")
    shares = view.c_contiguous and view.nbytes > 0
    return Tensor(_OF_KIND[kind, bits], view.shape or (), view if shares else view.tobytes())


def _of_another(value: Any) -> Tensor:
    """Of what is no buffer."""
    if hasattr(value, "__dlpack__"):
        kind, bits, shape, data = _dlpack.import_(value)
        if (kind, bits) not in _OF_KIND:
            raise TypeError(f"elements of {bits} bits of kind {kind} are none that a graph takes")
        return Tensor(_OF_KIND[kind, bits], shape, data)
    import numpy

    array = numpy.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{type(value).__name__} is no tensor: give an array, a tensor or numbers")
    return tensor_of(array)


def native(name: str, tensor: Tensor) -> Tuple[_native.Tensor, object]:
    """As C has it, and what must live as long."""
    memory = _memory(tensor.data)
    result = _native.Tensor(
        name=name.encode(),
        type=TYPES[tensor.type][0],
        shape=(ctypes.c_int64 * len(tensor.shape))(*tensor.shape),
        rank=len(tensor.shape),
        data=ctypes.addressof(memory),
        bytes=len(tensor.data),
    )
    return result, memory


class _Outputs:
    """What a run gave; freed with the last tensor, or view of one, that uses it."""

    def __init__(self, handle: ctypes.c_void_p) -> None:
        self._handle = handle

    def __del__(self) -> None:
        library.cadenza_tensors_free(self._handle)


def taken(handle: ctypes.c_void_p) -> Dict[str, Tensor]:
    """The tensors of a run by name, in the library's memory."""
    owner = _Outputs(handle)
    result = {}
    for index in range(library.cadenza_tensors_count(handle)):
        given = library.cadenza_tensors_at(handle, index).contents
        kind: Any = ctypes.c_char * given.bytes
        memory = kind.from_address(given.data) if given.bytes else kind()
        memory.owner = owner  # every view of the memory holds it, and so what it is a part of
        result[given.name.decode()] = Tensor(_NAMES[given.type], tuple(given.shape[: given.rank]), memory)
    return result
