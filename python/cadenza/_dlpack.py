"""DLPack: tensors in host memory from and for other packages (dmlc.github.io/dlpack)."""

from __future__ import annotations

import ctypes
import math
from ctypes import POINTER, c_char_p, c_int32, c_int64, c_uint8, c_uint16, c_uint64, c_void_p, py_object, pythonapi
from typing import Any, Dict, List, Tuple

CPU = 1
_CPU_LIKE = (1, 3, 11, 13)  # kDLCPU, and host memory that a device may read, too


class _Device(ctypes.Structure):
    _fields_ = [("type", c_int32), ("id", c_int32)]


class _DataType(ctypes.Structure):
    _fields_ = [("code", c_uint8), ("bits", c_uint8), ("lanes", c_uint16)]


class _DLTensor(ctypes.Structure):
    _fields_ = [
        ("data", c_void_p),
        ("device", _Device),
        ("ndim", c_int32),
        ("dtype", _DataType),
        ("shape", POINTER(c_int64)),
        ("strides", POINTER(c_int64)),
        ("byte_offset", c_uint64),
    ]


class _Managed(ctypes.Structure):
    pass


_Deleter = ctypes.CFUNCTYPE(None, POINTER(_Managed))
_Managed._fields_ = [("tensor", _DLTensor), ("context", c_void_p), ("deleter", _Deleter)]
_Destructor = ctypes.CFUNCTYPE(None, c_void_p)

# The capsule's destructor gets a bare pointer: it runs while the object dies, and must not hold it.
_new = pythonapi.PyCapsule_New
_new.restype, _new.argtypes = py_object, [c_void_p, c_char_p, _Destructor]
_pointer = ctypes.PYFUNCTYPE(c_void_p, py_object, c_char_p)(("PyCapsule_GetPointer", pythonapi))
_dying_pointer = ctypes.PYFUNCTYPE(c_void_p, c_void_p, c_char_p)(("PyCapsule_GetPointer", pythonapi))
_dying_is_valid = ctypes.PYFUNCTYPE(ctypes.c_int, c_void_p, c_char_p)(("PyCapsule_IsValid", pythonapi))
_rename = ctypes.PYFUNCTYPE(ctypes.c_int, py_object, c_char_p)(("PyCapsule_SetName", pythonapi))
_FRESH, _USED = b"dltensor", b"used_dltensor"  # kept: a capsule refers to its name

_CODES = {"i": 0, "u": 1, "f": 2, "b": 4, "?": 6}  # of the kinds below
_exported: Dict[int, Tuple[Any, ...]] = {}  # what a consumer still uses, by address


def _delete(managed: Any) -> None:
    _exported.pop(ctypes.addressof(managed.contents), None)


def _unused(capsule: int) -> None:
    if _dying_is_valid(capsule, _FRESH):
        _exported.pop(_dying_pointer(capsule, _FRESH), None)


_DELETE, _UNUSED = _Deleter(_delete), _Destructor(_unused)  # kept: C calls them


def export(owner: object, address: int, kind: str, bits: int, shape: Tuple[int, ...]) -> object:
    """A capsule of row-major memory, which lives as long as `owner`. `kind`: i, u, f, b (bfloat) or ? (bool)."""
    sizes = (c_int64 * len(shape))(*shape)
    steps = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    strides = (c_int64 * len(shape))(*steps)
    tensor = _DLTensor(address, _Device(CPU, 0), len(shape), _DataType(_CODES[kind], bits, 1), sizes, strides, 0)
    managed = _Managed(tensor, None, _DELETE)
    _exported[ctypes.addressof(managed)] = (managed, owner, sizes, strides)
    return _new(ctypes.addressof(managed), _FRESH, _UNUSED)


def import_(tensor: Any) -> Tuple[str, int, Tuple[int, ...], bytes]:
    """Kind, bits, shape and row-major bytes of an object with __dlpack__."""
    device, _ = tensor.__dlpack_device__()
    if int(device) not in _CPU_LIKE:
        raise TypeError("a tensor on a device: move it to the CPU first (tensor.cpu())")
    capsule = tensor.__dlpack__()
    managed = ctypes.cast(_pointer(capsule, _FRESH), POINTER(_Managed)).contents
    try:
        given = managed.tensor
        kinds = {code: kind for kind, code in _CODES.items()}
        if given.dtype.lanes != 1 or given.dtype.code not in kinds or given.dtype.bits % 8:
            raise TypeError(f"elements of DLPack type {given.dtype.code}, {given.dtype.bits} bits")
        shape = tuple(given.shape[i] for i in range(given.ndim))
        size = given.dtype.bits // 8
        strides = [given.strides[i] for i in range(given.ndim)] if given.strides else None
        return kinds[given.dtype.code], given.dtype.bits, shape, _packed(given, shape, strides, size)
    finally:
        _rename(capsule, _USED)
        if managed.deleter:
            managed.deleter(ctypes.pointer(managed))


def _packed(given: _DLTensor, shape: Tuple[int, ...], strides: "List[int] | None", size: int) -> bytes:
    count = math.prod(shape)
    if count == 0:
        return b""
    address = given.data + given.byte_offset
    dense, is_dense = 1, True
    for length, stride in zip(reversed(shape), reversed(strides or [])):
        is_dense &= length == 1 or stride == dense
        dense *= length
    if is_dense:
        return ctypes.string_at(address, count * size)
    # Rows of a tensor with gaps or a transposed one, element by element.
    assert strides is not None
    offsets = [0]
    for length, stride in zip(shape, strides):
        offsets = [offset + i * stride for offset in offsets for i in range(length)]
    return b"".join(ctypes.string_at(address + offset * size, size) for offset in offsets)
