"""Which process is which, who holds a lock, and what only Linux can do. Standard library only.

A pid alone names nobody: pids are used again. A process is (boot id, pid, start time), and a zombie that nobody
reaps is dead whatever `kill(pid, 0)` says.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

_LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG = 1
_LONGEST = 1 << 16
"""Bytes of a lock file's content that are read."""

_File = tuple[int, int]
"""Device and inode."""
_held: dict[_File, int] = {}
"""The locks of this process, and their descriptors."""
_opening = threading.Lock()
"""Held for as long as a lock's file is open without its lock being held, by whichever thread: never for long."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One process, and no other that ever had its pid."""

    boot: str
    pid: int
    start: str


@cache
def boot_id() -> str:
    """Differs after each start of the machine."""
    if _LINUX:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return _output("sysctl", "-n", "kern.bootsessionuuid") or _output("sysctl", "-n", "kern.boottime")


def identify(pid: int) -> Identity | None:
    """Who has `pid` now; None if nobody alive."""
    if _LINUX:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The second field is the command in parentheses and may itself hold any character.
        fields = stat[stat.rindex(")") + 2 :].split()
        state, start = fields[0], fields[19]
    else:
        line = _output("ps", "-o", "state=,lstart=", "-p", str(pid))
        if not line:
            return None
        state, start = line.split(maxsplit=1)
    return None if state.startswith(("Z", "X")) else Identity(boot_id(), pid, start)


def is_alive(identity: Identity) -> bool:
    return identify(identity.pid) == identity


def signal_group(leader: Identity, number: signal.Signals) -> bool:
    """Signal the process group that `leader` leads; False, and nothing is signalled, if it is gone."""
    if not is_alive(leader):
        return False
    try:
        os.killpg(leader.pid, number)
    except ProcessLookupError:
        return False
    return True


def signal_process(process: Identity, number: signal.Signals) -> bool:
    """Signal one process; False, and nothing is signalled, if it is gone."""
    if not is_alive(process):
        return False
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def wait_and_end_group(leader: subprocess.Popen[bytes]) -> int:
    """Wait until the child has ended, then end what is left of the group it leads.

    Returns its exit status, or the negative number of the signal that ended it.
    """
    if hasattr(os, "waitid"):  # macOS has none
        # Not reaped yet, it keeps its pid: nobody else can be signalled by mistake.
        os.waitid(os.P_PID, leader.pid, os.WEXITED | os.WNOWAIT)
    else:
        leader.wait()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader.pid, signal.SIGKILL)
    return leader.wait()


def die_with_parent(number: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process the signal when its parent ends (Linux; nothing elsewhere).

    The parent may be gone already: who calls this checks `os.getppid()` afterwards.
    """
    if _LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)


def detach() -> None:
    """Go on as a grandchild in a session of its own; the process that was started ends at once with status 0.

    Whoever waits for that process, or closes its transport, no longer has a hold on this one.
    """
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)


class Lock:
    """A file locked by this process until it ends; its content says who holds it.

    POSIX locks (`lockf`), because `flock` stays held by a forked grandchild. They drop when *any* descriptor of the
    file is closed in this process, so whoever has threads opens such a file through this module only.
    """

    def __init__(self, file: _File, descriptor: int) -> None:
        self._file = file
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path, *, shared: bool = False) -> Lock | None:
        """The lock on `path`, or None if somebody holds it, this process included. Raises OSError.

        Several processes may hold it at once if all of them take it `shared`.
        """
        with _opening:
            if _mine(path) is not None:
                return None
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.lockf(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
                status = os.fstat(descriptor)
            except OSError as error:
                os.close(descriptor)
                if isinstance(error, BlockingIOError):
                    return None
                raise
            lock = cls((status.st_dev, status.st_ino), descriptor)
            _held[lock._file] = descriptor
            return lock

    def write(self, holders: dict[str, Identity]) -> None:
        """Say in the file who holds it."""
        text = json.dumps({role: asdict(identity) for role, identity in holders.items()})
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text.encode(), 0)

    def release(self) -> None:
        with _opening:
            del _held[self._file]
            os.close(self._descriptor)


def is_locked(path: Path) -> bool:
    """Whether another process holds the lock on `path`. A lock this process holds does not count."""
    with _opening:
        if _mine(path) is not None:
            return False
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            os.lockf(descriptor, os.F_TEST, 0)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False


def read_holders(path: Path) -> dict[str, Identity]:
    """Who the lock file says holds it, by role; empty if it says nothing that can be read."""
    with _opening:
        descriptor = _mine(path)
        try:
            text = path.read_bytes() if descriptor is None else os.pread(descriptor, _LONGEST, 0)
        except FileNotFoundError:
            return {}
    try:
        return {role: Identity(**fields) for role, fields in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _mine(path: Path) -> int | None:
    """The descriptor by which this process holds the lock on `path`; None if it does not."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return _held.get((status.st_dev, status.st_ino))


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
