"""What stands beside the loss of a step."""

from __future__ import annotations

from collections.abc import Callable

from tests.trainer_core.conftest import small_spec
from trainer_core.events import MetricsProgress
from trainer_core.spec import RunSpec
from trainer_core.telemetry.telemetry import Telemetry
from trainer_core.training import Training

Make = Callable[[RunSpec], Training]


def test_a_step_is_told_with_what_it_took_of_the_machine(training: Make) -> None:
    making = training(small_spec())
    watching = Telemetry(making)
    making.forward_backward(0, making.batching.sequences)
    told = watching.measured(0.5)
    assert told["tokens_per_second"] == making.batching.tokens_per_step / 0.5
    assert told["memory"] is not None and told["memory"] > making.parameters * 4
    assert told["data_wait"] is not None and 0 < told["data_wait"] < 1
    assert told["busy"] is not None and told["busy"] > 0
    assert told["joules"] is not None and told["joules"] > 0
    assert told["peak_share"] is None  # not yet

    # The system is not asked again at once; the peak is measured when it is due.
    later = Telemetry(making, peak_after=0.0)
    first, second = later.measured(60.0), later.measured(120.0)
    assert {**first, "tokens_per_second": 0, "peak_share": 0} == {**second, "tokens_per_second": 0, "peak_share": 0}
    assert first["tokens_per_second"] > second["tokens_per_second"] > making.batching.tokens_per_step / 120
    assert first["peak_share"] is not None and second["peak_share"] is not None
    assert 0 < second["peak_share"] < first["peak_share"]
    assert Telemetry(making, peak_after=0.0).measured(1e-9)["peak_share"] is None  # nothing is quicker than the peak
    MetricsProgress(
        step=1,
        steps_total=2,
        fraction=0.5,
        tokens=1,
        loss=1.0,
        learning_rate=1e-3,
        gradient_norm=1.0,
        elapsed=1.0,
        remaining=1.0,
        **second,
    )
