from __future__ import annotations

from io import StringIO

from trainer_core.errors import Code
from trainer_core.tasks.orders import SAID, Progress, Refused
from trainer_core.tasks.telling import INTERVAL, Teller


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_progress_is_told_seldom_phases_and_results_always() -> None:
    stream, clock = StringIO(), Clock()
    teller = Teller(stream, clock)
    for step in range(100):
        teller.progress(Progress(phase="reading", fraction=step / 100))
        clock.now += INTERVAL / 10
    teller.progress(Progress(phase="describing"))
    refused = Refused(code=Code.CORPUS_EMPTY, message="is empty", field="file", next_step="Give more.")
    teller.result(refused)
    said = [SAID.validate_json(line) for line in stream.getvalue().splitlines()]
    told = [word.fraction for word in said if isinstance(word, Progress) and word.phase == "reading"]
    assert told[0] == 0
    assert 9 <= len(told) <= 11
    assert said[-2:] == [Progress(phase="describing"), refused]
