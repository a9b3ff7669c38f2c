from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from trainer_core.compute.device import choose, cpu_precisions, cuda_precisions, pick, prepare
from trainer_core.errors import Code, SpotterError
from trainer_core.spec import DeviceChoice


def test_the_cpu_is_always_there() -> None:
    device = choose("cpu")
    prepare(device)
    assert device.kind == "cpu"
    assert str(device.threads) in device.name
    assert torch.get_num_threads() == device.threads
    assert device.reason


@pytest.mark.parametrize(
    ("wanted", "cuda", "mps", "kind"),
    [
        ("auto", True, True, "cuda"),
        ("auto", False, True, "mps"),
        ("auto", False, False, "cpu"),
        ("cpu", True, True, "cpu"),
        ("cuda", True, False, "cuda"),
        ("mps", True, True, "mps"),
    ],
)
def test_what_is_wanted_is_taken_else_the_quickest(wanted: DeviceChoice, cuda: bool, mps: bool, kind: str) -> None:
    assert pick(wanted, cuda=cuda, mps=mps) == kind


@pytest.mark.parametrize(("wanted", "code"), [("cuda", Code.CUDA_NOT_AVAILABLE), ("mps", Code.CONFIG_INVALID)])
def test_what_is_not_there_is_refused(wanted: DeviceChoice, code: Code) -> None:
    with pytest.raises(SpotterError) as caught:
        pick(wanted, cuda=False, mps=False)
    assert (caught.value.code, caught.value.field) == (code, "device")


def test_the_precision_follows_what_the_hardware_multiplies_in() -> None:
    gpus = [cuda_precisions(*capability)[0][0] for capability in ((6, 1), (7, 5), (8, 0), (9, 0))]
    assert gpus == ["fp32", "fp16", "bf16-autocast", "bf16-autocast"]
    assert cpu_precisions({"amx_bf16": True})[0][0] == "bf16-autocast"
    assert cpu_precisions({"amx_bf16": False})[0] == cpu_precisions({})[0] == ("fp32",)
    assert set(cpu_precisions({"avx512_bf16": True})[0]) == {"fp32", "bf16-autocast", "bf16"}


def test_the_doctor_can_ask_for_the_device_as_json() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "trainer_core.compute.device"], capture_output=True, check=True, text=True
    )
    told = json.loads(done.stdout)
    assert told["torch"] == torch.__version__
    assert told["kind"] == choose("auto").kind
