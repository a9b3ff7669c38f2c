from __future__ import annotations

import errno
import os

import pytest

from trainer_core.files.disk import complaint, is_full, patiently, refusal, takes_nothing, unwrapped


def refused(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("number", "full", "nothing", "says"),
    [
        (errno.ENOSPC, True, True, "the disk is full"),
        (errno.EDQUOT, True, True, "the disk is full"),
        (errno.EROFS, False, True, "the disk is read-only"),
        (errno.EACCES, False, False, "the disk refuses it (Permission denied)"),
    ],
)
def test_what_a_disk_says(number: int, full: bool, nothing: bool, says: str) -> None:
    error = refused(number)
    assert (is_full(error), takes_nothing(error), complaint(error)) == (full, nothing, says)


def test_a_refusal_is_found_behind_the_error_that_was_made_of_it() -> None:
    full = refused(errno.ENOSPC)
    for raised_from in (True, False):
        with pytest.raises(RuntimeError) as caught:
            try:
                raise full
            except OSError as error:
                raise RuntimeError("pos 1 vs 2") from (error if raised_from else None)
        assert refusal(caught.value) is full
    told = refusal(RuntimeError("I/O error: No space left on device (os error 28)"))
    assert told is not None and told.errno == errno.ENOSPC
    assert refusal(ValueError("shapes")) is None


def test_what_a_library_makes_of_a_refusal_is_unmade_and_nothing_else() -> None:
    with pytest.raises(OSError, match="space") as caught, unwrapped():
        raise RuntimeError("I/O error: No space left on device (os error 28)")
    assert is_full(caught.value) and isinstance(caught.value.__cause__, RuntimeError)
    for other in (refused(errno.EIO), RuntimeError("shapes")):
        with pytest.raises(type(other)) as unchanged, unwrapped():
            raise other
        assert unchanged.value is other


def test_it_is_tried_again_until_it_works() -> None:
    answers = iter([refused(errno.ENOSPC), refused(errno.EIO), None])

    def write() -> str:
        if error := next(answers):
            raise error
        return "written"

    told: list[OSError] = []
    assert patiently(write, [0.0] * 5, told.append) == "written"
    assert list(answers) == []
    assert [error.errno for error in told] == [errno.ENOSPC], "the first refusal"


def test_patience_ends_with_the_last_refusal() -> None:
    errors = [refused(errno.ENOSPC) for _ in range(3)]
    left = iter(errors)

    def write() -> None:
        raise next(left)

    with pytest.raises(OSError, match="space") as caught:
        patiently(write, [0.0, 0.0])
    assert caught.value is errors[-1]
