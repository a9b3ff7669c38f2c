"""Who is who, and who holds a lock: with real processes."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from trainer_core.process import (
    Identity,
    Lock,
    boot_id,
    identify,
    is_alive,
    is_locked,
    read_holders,
    signal_group,
    wait_and_end_group,
)

HOLD = (
    "import sys; from pathlib import Path; from trainer_core.process import Lock, identify; import os;"
    "lock = Lock.take(Path(sys.argv[1])); lock and lock.write({'worker': identify(os.getpid())});"
    "print('held' if lock else 'refused', flush=True); sys.stdin.read()"
)


def holder(path: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_a_process_is_itself_until_it_ends() -> None:
    me = identify(os.getpid())
    assert me is not None and is_alive(me) and me.boot == boot_id()
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    child = identify(process.pid)
    assert child is not None and is_alive(child) and child != me
    process.communicate(b"\n")
    assert not is_alive(child)


def test_a_zombie_is_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    os.kill(process.pid, 0)  # the pid is still taken
    assert identify(process.pid) is None
    process.wait()


def test_nobody_has_a_pid_that_is_free() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert identify(process.pid) is None


def test_another_process_with_the_same_pid_is_not_signalled(tmp_path: Path) -> None:
    process, _ = holder(tmp_path / "lock")
    now = identify(process.pid)
    assert now is not None
    earlier = Identity(now.boot, now.pid, "1")
    before_the_reboot = Identity("another boot", now.pid, now.start)
    assert not signal_group(earlier, signal.SIGKILL)
    assert not signal_group(before_the_reboot, signal.SIGKILL)
    assert process.poll() is None
    assert signal_group(now, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not signal_group(now, signal.SIGKILL)


def test_one_process_holds_a_lock_until_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    assert not is_locked(path) and read_holders(path) == {}
    first, said = holder(path)
    assert said == "held" and is_locked(path)
    assert Lock.take(path) is None
    second, said = holder(path)
    assert said == "refused"
    second.communicate("")
    assert is_locked(path), "asking for it took nothing from its holder"
    held_by = read_holders(path)["worker"]
    assert held_by == identify(first.pid)
    first.kill()
    first.wait()
    assert not is_locked(path)
    lock = Lock.take(path)
    assert lock is not None
    lock.release()


def test_looking_at_a_lock_of_this_process_takes_nothing_from_it(tmp_path: Path) -> None:
    path, me = tmp_path / "run.lock", identify(os.getpid())
    lock = Lock.take(path)
    assert lock is not None and me is not None
    lock.write({"worker": me})
    assert not is_locked(path), "another process does not hold it"
    assert read_holders(path) == {"worker": me}
    assert Lock.take(path) is None
    other, said = holder(path)
    assert said == "refused"
    other.communicate("")
    lock.release()
    other, said = holder(path)
    assert said == "held"
    other.communicate("")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"worker": 3}', '{"worker": {"pid": 1}}'])
def test_a_lock_that_does_not_say_who_holds_it(tmp_path: Path, content: str) -> None:
    path = tmp_path / "run.lock"
    path.write_text(content)
    assert read_holders(path) == {}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells of a parent's death")
def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    child = "from trainer_core.process import die_with_parent; die_with_parent(); print('up', flush=True); input()"
    parent = (
        "import subprocess, sys;"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE);"
        "child.stdout.readline(); print(child.pid, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    watched = identify(int(process.stdout.readline()))
    assert watched is not None
    ended = os.pidfd_open(watched.pid)
    process.kill()
    process.wait()
    assert select.select([ended], [], [], 30)[0], "it ended within 30 s"
    os.close(ended)


LEAVE_BEHIND = """
import os, subprocess, sys
loader = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
print(loader.pid, flush=True)
sys.stdin.readline()
{end}
"""


@pytest.mark.parametrize(("end", "status"), [("os._exit(3)", 3), ("os.kill(os.getpid(), 9)", -9)])
def test_nobody_of_a_group_outlives_its_leader(end: str, status: int) -> None:
    leader = subprocess.Popen(
        [sys.executable, "-c", LEAVE_BEHIND.format(end=end)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,
    )
    assert leader.stdin is not None and leader.stdout is not None
    left = identify(int(leader.stdout.readline()))
    assert left is not None and os.getpgid(left.pid) == leader.pid
    gone = os.pidfd_open(left.pid)
    leader.stdin.write(b"\n")
    leader.stdin.close()
    assert wait_and_end_group(leader) == status
    assert select.select([gone], [], [], 30)[0] and not is_alive(left)
    os.close(gone)
