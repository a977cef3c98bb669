"""The declarations of python/cadenza/_native.py are those of the header: functions, fields of structs, their order."""

import ctypes
import pathlib
import re
import unittest

from cadenza import _errors, _native, _tensor

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADER = re.sub(r"/\*.*?\*/", "", (ROOT / "runtime/library/cadenza/cadenza.h").read_text(), flags=re.DOTALL)

STRUCTS = {
    "cadenza_open_options": _native.OpenOptions,
    "cadenza_chat_options": _native.ChatOptions,
    "cadenza_logit_bias": _native.LogitBias,
    "cadenza_sampling": _native.Sampling,
    "cadenza_generate_options": _native.GenerateOptions,
    "cadenza_tensor": _native.Tensor,
}
TYPES = {
    "size_t": ctypes.c_size_t,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint64_t": ctypes.c_uint64,
    "double": ctypes.c_double,
    "cadenza_type": ctypes.c_int,
    "void *": ctypes.c_void_p,
    "const char *": ctypes.c_char_p,
    "const char *const *": ctypes.POINTER(ctypes.c_char_p),
    "const int32_t *": ctypes.POINTER(ctypes.c_int32),
    "const int64_t *": ctypes.POINTER(ctypes.c_int64),
    "const cadenza_logit_bias *": ctypes.POINTER(_native.LogitBias),
    "const cadenza_sampling *": ctypes.POINTER(_native.Sampling),
}
CALLBACKS = {"on_text": _native.OnText, "on_token": _native.OnToken, "on_prompt": _native.OnPrompt}


class HeaderTest(unittest.TestCase):
    def test_structs(self) -> None:
        found = re.findall(r"typedef struct (cadenza_\w+) \{(.*?)\}", HEADER, flags=re.DOTALL)
        self.assertEqual([name for name, _ in found], list(STRUCTS))
        for name, body in found:
            fields = []
            for line in filter(None, (line.strip() for line in body.split(";"))):
                if callback := re.match(r"\w+ \(\*(\w+)\)", line):
                    fields.append((callback[1], CALLBACKS[callback[1]]))
                else:
                    kind, field = re.fullmatch(r"(.*?)(\w+)", line, flags=re.DOTALL).groups()
                    fields.append((field, TYPES[kind.strip()]))
            self.assertEqual(fields, STRUCTS[name]._fields_, name)

    def test_functions(self) -> None:
        found = re.findall(r"^(?!typedef)([a-z]\w*(?: \w+)* \*?)(cadenza_\w+)\((.*?)\);", HEADER, flags=re.M | re.S)
        self.assertEqual([name for _, name, _ in found], list(_native._ARGUMENTS))
        for result, name, arguments in found:
            count = 0 if arguments == "void" else arguments.count(",") + 1
            self.assertEqual(count, len(_native._ARGUMENTS[name]), name)
            is_number = result.strip() in ("cadenza_status", "cadenza_finish_reason")
            self.assertEqual(is_number, name not in _native._RESULTS, name)
        page = (ROOT / "docs/library.md").read_text()
        self.assertEqual([name for _, name, _ in found if f"`{name}`" not in page], [])

    def test_numbers(self) -> None:
        codes = {int(code) for code in re.findall(r"CADENZA_\w+ = (\d+)", HEADER.split("cadenza_status;")[0])}
        self.assertEqual(codes, set(_errors._CLASSES) | {0, _errors.Error.code})
        types = re.search(r"typedef enum cadenza_type \{(.*?)\}", HEADER, flags=re.DOTALL)[1]
        named = {name.lower(): int(number) for name, number in re.findall(r"CADENZA_(\w+) = (\d+)", types)}
        self.assertEqual(named, {name: number for name, (number, _, _) in _tensor.TYPES.items()})


if __name__ == "__main__":
    unittest.main()
