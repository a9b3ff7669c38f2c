"""Rate limits as pure windows."""

from hypothesis import given
from hypothesis import strategies as st

from playground.ratelimit import Limit, RateLimitedError, RateLimits

LIMIT = Limit("x", 5, 5.0)
# seconds that add up without rounding
QUARTERS = st.integers(0, 12).map(lambda quarters: quarters / 4)


@given(st.lists(QUARTERS, max_size=60))
def test_no_window_lets_more_through_than_its_limit(gaps: list[float]) -> None:
    limits, now = RateLimits(), 0.0
    windows: dict[float, int] = {}
    for gap in gaps:
        now += gap
        standing = limits.take(LIMIT, "channel", now)
        assert 0 <= standing.remaining < LIMIT.requests
        assert 0 <= standing.reset_after <= LIMIT.seconds
        windows[standing.reset] = windows.get(standing.reset, 0) + standing.allowed
        assert standing.allowed or standing.remaining == 0
        if not standing.allowed:
            assert limits.take(LIMIT, "another", now).limit is LIMIT
    assert all(allowed <= LIMIT.requests for allowed in windows.values())


def test_waiting_as_told_is_enough() -> None:
    limits = RateLimits()
    for _ in range(5):
        assert limits.take(LIMIT, "", 10.0).allowed
    refused = limits.take(LIMIT, "", 12.0)
    limited = RateLimitedError(refused)
    assert limited.body()["retry_after"] == 3.0
    assert limits.take(LIMIT, "", 12.0 + limited.retry_after).allowed
    assert limits.take(LIMIT, "elsewhere", 12.0).allowed


def test_windows_that_have_ended_are_forgotten() -> None:
    limits = RateLimits()
    for number in range(100):
        limits.take(LIMIT, f"interaction {number}", now=float(number))
    assert len(limits) == LIMIT.seconds


def test_buckets_differ_by_name_and_salt() -> None:
    standing = RateLimits().take(LIMIT, "", 0.0)
    other = RateLimits().take(Limit("y", 5, 5.0), "", 0.0)
    hashes = {one.headers(salt)["X-RateLimit-Bucket"] for one in (standing, other) for salt in ("", "salt")}
    assert len(hashes) == 4
