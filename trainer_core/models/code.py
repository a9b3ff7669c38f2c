"""Code of other people: from a file to what it defines, without what goes wrong in it getting out of hand."""

from __future__ import annotations

import hashlib
import linecache
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, ModuleType

import torch

from trainer_core.errors import Code, SpotterError
from trainer_core.failures import is_out_of_memory
from trainer_core.wiring.written import described

_AGAIN = 1.0
"""Seconds after which code that has caught its end once more is ended anew."""
MEND = "Mend the file, then start the run again."
"""What to do next about a file that is wrong."""


Trace = Callable[[FrameType, str, object], "Trace"]


class _TimeIsUpError(BaseException):
    """Past `except Exception`, which people's code is full of."""


def execute(source: bytes, label: str) -> ModuleType:
    """The module that `source` makes; `label` is the file's name for people. Raises whatever the code raises."""
    name = f"{label.rpartition('/')[2].removesuffix('.py')}_{hashlib.sha256(source).hexdigest()[:12]}"
    module = ModuleType(name)
    module.__file__ = label
    # Dataclasses look their module up; tracebacks and torch.compile read lines.
    sys.modules[name] = module
    text = source.decode("utf-8-sig")
    linecache.cache[label] = (len(source), None, text.splitlines(keepends=True), label)
    exec(compile(text, label, "exec"), module.__dict__)  # noqa: S102  # from a folder that the owner approved for it
    return module


@contextmanager
def undisturbed() -> Iterator[None]:
    """What the block's code sets for the whole process is set back: torch's threads and choices, and the folder."""
    threads, dtype, gradients = torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()
    rigour = torch.get_deterministic_debug_mode()
    folder = Path.cwd()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(gradients)
        torch.set_deterministic_debug_mode(rigour)
        os.chdir(folder)


@contextmanager
def contained(label: str, doing: str, seconds: float, field: str = "model.file") -> Iterator[None]:
    """Whatever the block's code raises, or that it takes longer than `seconds`, becomes MODEL_LOAD_FAILED.

    `label` is the code's file, `doing` what is done meanwhile, like `its forward runs first`, and `field` what may be
    wrong of what was asked for. Only the main thread of a process can be interrupted; elsewhere the block takes as
    long as it takes.
    """
    with blamed(label, doing, Code.MODEL_LOAD_FAILED, field):
        try:
            with _time_limit(seconds, label):
                yield
        except _TimeIsUpError as error:
            says = f"{label} takes longer than {seconds:g} s while {doing}{_on_line(error, label)}"
            raise _failed(Code.MODEL_LOAD_FAILED, says, field) from error


@contextmanager
def blamed(label: str, doing: str, code: Code = Code.MODEL_INCOMPATIBLE, field: str = "model.file") -> Iterator[None]:
    """Whatever the block raises, but for want of memory, becomes `code` with the line of the file that led to it."""
    try:
        yield
    except SpotterError:
        raise
    except BaseException as error:  # who ends a process does so by a signal: what is raised here is the file's own
        if is_out_of_memory(error):
            raise
        raise _failed(
            code, f"{label} raises {described(error)} while {doing}{_on_line(error, label)}", field
        ) from error


def _failed(code: Code, says: str, field: str) -> SpotterError:
    next_step = MEND if field == "model.file" else f"Correct {field}, or mend the file; then start the run again."
    return SpotterError(code, says, field=field, next_step=next_step)


@contextmanager
def _time_limit(seconds: float, label: str) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        while frame is not None:
            if frame.f_code.co_filename == label:
                frame.f_trace = end_again
            frame = frame.f_back
        sys.settrace(end_again)
        raise _TimeIsUpError

    def end_again(frame: FrameType, event: str, _: object) -> Trace:
        """Where code has caught its end, the next line of what it does about that is its end."""
        if event == "line" and frame.f_code.co_filename == label:
            raise _TimeIsUpError
        return end_again

    traced, before = sys.gettrace(), signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if sys.gettrace() is not traced:
            sys.settrace(traced)


def _on_line(error: BaseException, label: str) -> str:
    """The innermost line of the file that led to `error`; empty if none did."""
    if isinstance(error, SyntaxError) and error.filename == label:
        return f", on line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == label]
    return f", on line {lines[-1]}" if lines else ""
