"""Compiling by the tool cadenza-compile."""

from __future__ import annotations

import logging
import os
import pathlib
import shutil
import subprocess
import tempfile
from typing import Any, Optional, Sequence, Union

from ._errors import NoCompiler, error_of
from ._plan import Plan, open as open_plan


def _tool() -> str:
    """The one that came with the package, or the one on PATH."""
    packaged = pathlib.Path(__file__).parent / "bin" / "cadenza-compile"
    found = str(packaged) if packaged.exists() else shutil.which("cadenza-compile")
    if not found:
        raise NoCompiler("cadenza-compile is neither in the package nor on PATH")
    return found


def compile(
    model: Union[str, "os.PathLike[str]"],
    output: Union[str, "os.PathLike[str]", None] = None,
    *,
    target: Optional[str] = None,
    quantize: Optional[str] = None,
    arguments: Sequence[str] = (),
    **open_options: Any,
) -> Plan:
    """Compiles a model, a Hugging Face directory, a .gguf or an .onnx file, and opens the plan.

    `output`: where the plan goes, to open it again; without it its file is gone with the plan. `target`: "sm_90",
    "cpu", ...; without it this machine's GPU. `quantize`: "int8", "int4", "fp8", "mixed". `arguments`: other ones of
    cadenza-compile, as on a command line. `open_options`: those of cadenza.open.
    """
    with tempfile.TemporaryDirectory(prefix="cadenza-") as folder:
        plan = os.fspath(output) if output is not None else os.path.join(folder, "model.plan")
        command = [_tool(), "-q", "-o", plan]
        if target:
            command.append(f"--target={target}")
        if quantize:
            command.append(f"--quantize={quantize}")
        command += [*arguments, "--", os.fspath(model)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        message = done.stderr.decode(errors="replace").strip()
        if done.returncode:
            raise error_of(done.returncode, message or f"cadenza-compile ended with {done.returncode}")
        if message:  # notices, such as what was quantised how
            logging.getLogger("cadenza").info("%s", message)
        return open_plan(plan, **open_options)  # which maps the file: it may go
