"""Modules from people's files, and what can go wrong in them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest
import torch

from trainer_core.approved import Approved
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home
from trainer_core.models.build import build, open_model
from trainer_core.models.data import Data, PictureData, TextData
from trainer_core.models.files import save_finished
from trainer_core.models.module import build_module
from trainer_core.models.places import Places
from trainer_core.models.specs import Argument, ModuleSpec
from trainer_core.wiring.wired import Wired

TEXT = TextData(vocabulary=11, context=6, end_of_text=0)
PICTURES = PictureData(("ant", "bee"), channels=3, side=8)

TINY = """
    from dataclasses import dataclass
    from torch import nn

    @dataclass
    class Config:
        vocab_size: int
        block_size: int = 1
        width: int = 4

    class Tiny(nn.Module):
        def __init__(self, config: Config) -> None:
            super().__init__()
            self.embed = nn.Embedding(config.vocab_size, config.width)
            self.place = nn.Embedding(config.block_size, config.width)
            self.head = nn.Linear(config.width, config.vocab_size)

        def forward(self, idx):
            return self.head(self.embed(idx) + self.place.weight[: idx.shape[1]])
"""
NET = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self{arguments}) -> None:
            super().__init__()
            self.embed = nn.Embedding(11, 11)
            {made}

        def forward(self, tokens):
            {run}
            return self.embed(tokens)
"""


def net(arguments: str = "", made: str = "pass", run: str = "pass") -> str:
    return NET.format(arguments=f", {arguments}" if arguments else "", made=made, run=run)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    run = Home(tmp_path / "home").run("calm-heron-7")
    run.path.mkdir(parents=True)
    (tmp_path / "nets").mkdir()
    return Places(run, Approved(modules=(tmp_path / "nets",)))


def put(places: Places, source: str) -> None:
    (places.approved.modules[0] / "net.py").write_text(dedent(source))


def made(
    places: Places,
    arguments: Mapping[str, Argument] | None = None,
    name: str | None = None,
    data: Data = TEXT,
    seconds: float = 30,
) -> Wired:
    return build_module(ModuleSpec(file="nets/net.py", name=name, arguments=arguments or {}), data, places, seconds)


def test_a_run_keeps_the_file_it_began_with(places: Places) -> None:
    put(places, TINY)
    model = made(places, {"width": 8})
    weights = {name: tuple(weight.shape) for name, weight in model.module.state_dict().items()}
    assert weights == {"embed.weight": (11, 8), "place.weight": (6, 8), "head.weight": (11, 8), "head.bias": (11,)}
    kept = places.run.module.read_bytes()
    put(places, "raise SystemExit")
    assert made(Places(places.run), {"width": 2}).module.state_dict()["embed.weight"].shape == (11, 2)
    assert places.run.module.read_bytes() == kept == dedent(TINY).encode()


def test_a_wiring_is_found_once(places: Places) -> None:
    """What is kept of it goes before what would be found."""
    put(places, net().replace("return self.embed(tokens)", "return self.embed(tokens), self.embed(tokens)"))
    first = build_module(ModuleSpec(file="nets/net.py", wiring={"return": 1}), TEXT, places)
    again = build_module(ModuleSpec(file="nets/net.py"), TEXT, places)
    assert again.wiring == first.wiring


def test_what_never_made_a_model_can_be_mended(places: Places) -> None:
    put(places, net(run="1 / 0"))
    with pytest.raises(SpotterError):
        made(places)
    assert not places.run.module.exists()
    put(places, net())
    assert made(places)(input_ids=torch.zeros(1, 6, dtype=torch.long)).shape == (1, 6, 11)


def test_the_same_seed_makes_the_same_weights(places: Places) -> None:
    put(places, TINY)
    spec = ModuleSpec(file="nets/net.py")
    first, again, other = (build(spec, TEXT, seed, places).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_a_finished_module_opens_again_beside_its_file(places: Places, tmp_path: Path) -> None:
    put(places, TINY)
    model = build(ModuleSpec(file="nets/net.py", arguments={"width": 8}), TEXT, 1, places).train(False)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    save_finished(model, elsewhere)
    (elsewhere / "module.py").write_bytes(places.run.module.read_bytes())
    files = sorted(elsewhere.iterdir())
    with pytest.raises(SpotterError, match="beside its weights, which is run only where") as refused:
        open_model(elsewhere)
    assert refused.value.code is Code.MODEL_INCOMPATIBLE and "Places" in refused.value.next_step
    opened = open_model(elsewhere, places)
    put(places, "raise SystemExit")
    places.run.module.unlink()
    opened = open_model(elsewhere, places)
    assert sorted(elsewhere.iterdir()) == files, "opening writes nothing"
    tokens = torch.arange(6)[None]
    assert torch.equal(opened(input_ids=tokens), model(input_ids=tokens))


def test_pictures_are_told_apart_by_a_function_that_makes_the_module(places: Places) -> None:
    source = """
        from torch import nn

        def classifier(num_classes, in_channels, img_size, **more):
            return nn.Sequential(nn.Flatten(), nn.Linear(in_channels * img_size**2, num_classes, **more))
    """
    put(places, source)
    model = made(places, {"bias": False}, "classifier", PICTURES)
    assert [tuple(weight.shape) for weight in model.parameters()] == [(2, 3 * 8 * 8)]
    assert model(pixel_values=torch.zeros(4, 3, 8, 8)).shape == (4, 2)


LOADING, FIRST = "while it is loaded", "while its forward runs for the first time"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def broken(:", f"raises SyntaxError (invalid syntax) {LOADING}, on line 1"),
        (
            "import nothing_like_it",
            f"raises ModuleNotFoundError (No module named 'nothing_like_it') {LOADING}, on line 1",
        ),
        ("open('/etc/absent/file')", f"raises FileNotFoundError {LOADING}, on line 1"),
        ("raise ValueError('see /home/kim')", f"raises ValueError {LOADING}, on line 1"),
        ("import sys\nsys.exit(3)", f"raises SystemExit (3) {LOADING}, on line 2"),
        ("raise KeyboardInterrupt", f"raises KeyboardInterrupt {LOADING}, on line 1"),
        ("raise GeneratorExit", f"raises GeneratorExit {LOADING}, on line 1"),
        (net(made="1 / 0"), f"raises ZeroDivisionError (division by zero) {LOADING}, on line 9"),
        (net(run="tokens.nonsense()"), f"object has no attribute 'nonsense') {FIRST}, on line 12"),
        (net(run="self.embed(tokens + 1)"), f"raises IndexError (index out of range in self) {FIRST}, on line 12"),
    ],
)
def test_a_file_that_raises_is_told_by_its_line(places: Places, source: str, words: str) -> None:
    put(places, source)
    with pytest.raises(SpotterError) as raised:
        made(places)
    assert (raised.value.code, raised.value.field) == (Code.MODEL_LOAD_FAILED, "model.file")
    assert words in raised.value.message
    assert raised.value.message.startswith("nets/net.py ")
    assert "/home" not in raised.value.message
    assert "/etc" not in raised.value.message


def test_a_wiring_that_forward_cannot_bear_is_named(places: Places) -> None:
    put(places, net(run="scale / 2").replace("forward(self, tokens)", "forward(self, tokens, scale=1.0)"))
    with pytest.raises(SpotterError, match="raises TypeError") as raised:
        build_module(ModuleSpec(file="nets/net.py", wiring={"scale": {"const": "x"}}), TEXT, places)
    assert (raised.value.code, raised.value.field) == (Code.MODEL_LOAD_FAILED, "model.wiring")
    assert "Correct model.wiring, or mend the file" in raised.value.next_step


def test_what_cannot_be_copied_can_be_learnt_with(places: Places) -> None:
    put(
        places,
        net(
            made="self.file, self.counts = open('/dev/null'), (n for n in range(9)); "
            "self.lock = __import__('threading').Lock(); self.seen = []",
            run="self.lock.acquire(); self.lock.release(); self.seen.append(1)",
        ),
    )
    model = made(places)
    assert model.module.seen == [], "a trial leaves what can be copied as it is"
    assert model(input_ids=torch.zeros(1, 6, dtype=torch.long)).shape == (1, 6, 11)


def test_what_a_file_sets_for_the_whole_process_is_set_back(places: Places) -> None:
    threads, folder = torch.get_num_threads(), Path.cwd()
    changes = """
    import os
    torch.set_num_threads(7)
    torch.set_default_dtype(torch.float64)
    torch.use_deterministic_algorithms(True)
    torch.set_grad_enabled(False)
    os.chdir("/")
    """
    put(places, dedent(net()).replace("from torch import nn", "from torch import nn" + dedent(changes)))
    assert next(made(places).parameters()).dtype == torch.float32
    assert (torch.get_num_threads(), torch.get_default_dtype(), Path.cwd()) == (threads, torch.float32, folder)
    assert torch.is_grad_enabled() and not torch.are_deterministic_algorithms_enabled()


def test_documents_are_kept_apart_in_the_first_trial_as_in_every_step(places: Places) -> None:
    asks = net().replace("forward(self, tokens)", "forward(self, tokens, attention_mask)")
    put(places, asks.replace("pass\n            return", "assert attention_mask.ndim == 2\n            return"))
    with pytest.raises(SpotterError, match=r"shape \(batch, 1, time, time\), which data.attend `document` brings"):
        made(places, data=replace(TEXT, apart=True))
    assert made(places)(input_ids=torch.zeros(1, 6, dtype=torch.long)).shape == (1, 6, 11)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import time\ntime.sleep(60)", f"takes longer than 0.5 s {LOADING}, on line 2"),
        (
            "while True:\n    try:\n        while True: pass\n    except Exception: pass",
            LOADING,
        ),
        (
            "import time\nfor _ in range(9):\n    try: time.sleep(60)\n    except BaseException: n = 0",
            LOADING,
        ),
        (net(run="import time; time.sleep(60)"), f"{FIRST}, on line 12"),
    ],
)
def test_a_file_that_hangs_is_given_up(places: Places, source: str, words: str) -> None:
    put(places, net())
    made(places)  # torch loads parts of itself at the first trial
    places.run.module.unlink()
    put(places, source)
    with pytest.raises(SpotterError) as raised:
        made(places, seconds=0.5)
    assert raised.value.code is Code.MODEL_LOAD_FAILED
    assert words in raised.value.message


@pytest.mark.parametrize(
    ("source", "name", "words", "field"),
    [
        (TINY + "\n    class Other(nn.Module): ...", None, "defines Tiny, Other; say which to train", "model.name"),
        (TINY, "Huge", "defines no torch.nn.Module called Huge; there is Tiny", "model.name"),
        (TINY, "Config", "defines no torch.nn.Module called Config; there is Tiny", "model.name"),
        ("from torch.nn import Linear", None, "defines no torch.nn.Module; if a function makes one, say", "model.name"),
        ("def make():\n    return 3", "make", "make returns int, and a torch.nn.Module was expected", "model.name"),
        (net(made="self.embed.requires_grad_(False)"), None, "no weights that can learn", "model.file"),
        (net(made="self.lazy = nn.LazyLinear(3)"), None, "lazy layers", "model.file"),
        ("#" * 2**20 + "#", None, "larger than 1 MiB", "model.file"),
    ],
)
def test_a_file_without_one_module_is_refused(
    places: Places, source: str, name: str | None, words: str, field: str
) -> None:
    put(places, source)
    with pytest.raises(SpotterError) as raised:
        made(places, name=name)
    assert words in raised.value.message
    assert (raised.value.code, raised.value.field) == (Code.MODEL_INCOMPATIBLE, field)


def test_a_file_that_is_not_there_is_not_found(places: Places) -> None:
    with pytest.raises(SpotterError) as raised:
        made(places)
    assert (raised.value.code, raised.value.field) == (Code.MODEL_NOT_FOUND, "model.file")


def test_arguments_that_nobody_gave_are_asked_for(places: Places) -> None:
    put(places, net("width: int, vocab_size: int, heads: int"))
    with pytest.raises(SpotterError, match="Net has to be made with width, heads, which nobody gave") as raised:
        made(places)
    assert (raised.value.code, raised.value.field) == (Code.CONFIG_INVALID, "model.arguments")
    assert "model.arguments.width=" in raised.value.next_step


@pytest.mark.parametrize(("name", "words"), [("widht", "did you mean width?"), ("zzz", "there are vocab_size, ")])
def test_arguments_that_nothing_asks_for_are_wrong(places: Places, name: str, words: str) -> None:
    put(places, TINY)
    with pytest.raises(SpotterError) as raised:
        made(places, {name: 3})
    assert words in raised.value.message
    assert raised.value.field == f"model.arguments.{name}"


def test_what_was_asked_for_comes_before_what_the_data_say(places: Places) -> None:
    put(places, net("vocab_size: int, wide: bool = False", made="self.seen = (vocab_size, wide)"))
    model = made(places, {"vocab_size": 40, "wide": True})
    assert model.module.seen == (40, True)


def test_the_copy_is_the_file_byte_for_byte(places: Places) -> None:
    file = places.approved.modules[0] / "net.py"
    file.write_bytes(b"\xef\xbb\xbf" + dedent(net()).replace("\n", "\r\n").encode())
    made(places)
    assert hashlib.sha256(places.run.module.read_bytes()).digest() == hashlib.sha256(file.read_bytes()).digest()
