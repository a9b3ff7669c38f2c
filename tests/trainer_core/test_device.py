from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from trainer_core.device import choose, prepare
from trainer_core.errors import Code, SpotterError


def test_the_cpu_is_always_there() -> None:
    device = choose("cpu")
    prepare(device)
    assert device.kind == "cpu"
    assert str(device.threads) in device.name
    assert torch.get_num_threads() == device.threads
    assert device.reason


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens where there is no GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(SpotterError) as caught:
        choose("cuda")
    assert (caught.value.code, caught.value.field) == (Code.CUDA_NOT_AVAILABLE, "device")


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="says what happens off Apple's hardware")
def test_an_apple_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(SpotterError, match="auto") as caught:
        choose("mps")
    assert caught.value.field == "device"


def test_the_doctor_can_ask_for_the_device_as_json() -> None:
    done = subprocess.run([sys.executable, "-m", "trainer_core.device"], capture_output=True, check=True, text=True)
    told = json.loads(done.stdout)
    assert told["torch"] == torch.__version__
    assert told["kind"] == choose("auto").kind
