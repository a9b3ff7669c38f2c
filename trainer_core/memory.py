"""How much memory a worker took, and whether the system ended it for that. Standard library only."""

from __future__ import annotations

import resource
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

_MOUNT = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def peak_of_children() -> int:
    """The most memory that any one process held that this one has waited for, bytes."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def out_of_memory_kills(membership: Path = _MEMBERSHIP, mount: Path = _MOUNT) -> int | None:
    """How many processes of this one's cgroup the kernel has ended because memory ran out; None if nobody counts.

    Linux with cgroups of either version. The count belongs to the victim's cgroup, whoever had set the limit; a kernel
    older than 5.2 adds those of the groups below it.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            files = _in(mount, path, ("memory.events.local", "memory.events"))
        elif "memory" in controllers.split(","):
            files = _in(mount / "memory", path, ("memory.oom_control",))
        else:
            continue
        for file in files:
            if (count := _count(file)) is not None:
                return count
    return None


class KillWatch:
    """Whether the kernel has lately ended a process of this one's cgroup because memory ran out.

    The whole cgroup is counted, so a rise says something of one process only if it came shortly before that one's
    death. `renew` is called once in a while; what came before the last renewal but one is forgotten. The last one
    alone would not do: it may fall between the kernel's count and the death.
    """

    def __init__(self, count: Callable[[], int | None] = out_of_memory_kills) -> None:
        self._count = count
        self._counts = deque([count()], maxlen=2)

    def renew(self) -> None:
        self._counts.append(self._count())

    def has_risen(self) -> bool:
        before, now = self._counts[0], self._count()
        return before is not None and now is not None and now > before


def _in(mount: Path, path: str, names: tuple[str, ...]) -> list[Path]:
    """Where a cgroup's file may be: a container often mounts its own cgroup as if it were the root."""
    return [folder / name for folder in (mount / path.lstrip("/"), mount) for name in names]


def _count(file: Path) -> int | None:
    try:
        fields = dict(line.split() for line in file.read_text().splitlines())
        return int(fields["oom_kill"])
    except (OSError, ValueError, KeyError):
        return None
