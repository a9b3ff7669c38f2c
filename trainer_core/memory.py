"""How much memory a worker took, and whether the system ended it for that. Standard library only."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_MOUNT = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def peak_of_children() -> int:
    """The most memory that any one process held that this one has waited for, bytes."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def out_of_memory_kills(membership: Path = _MEMBERSHIP, mount: Path = _MOUNT) -> int | None:
    """How many processes of this one's cgroup the kernel has ended because memory ran out; None if nobody counts.

    Linux with cgroups of either version. The count belongs to the victim's cgroup, whoever had set the limit.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            files = _in(mount, path, "memory.events")
        elif "memory" in controllers.split(","):
            files = _in(mount / "memory", path, "memory.oom_control")
        else:
            continue
        for file in files:
            if (count := _count(file)) is not None:
                return count
    return None


def _in(mount: Path, path: str, name: str) -> tuple[Path, Path]:
    """Where a cgroup's file may be: a container often mounts its own cgroup as if it were the root."""
    return mount / path.lstrip("/") / name, mount / name


def _count(file: Path) -> int | None:
    try:
        fields = dict(line.split() for line in file.read_text().splitlines())
        return int(fields["oom_kill"])
    except (OSError, ValueError, KeyError):
        return None
