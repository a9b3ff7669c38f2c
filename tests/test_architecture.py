"""The walls between the rooms, as the imports tell them."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
READING = {"datasets", "pyarrow", "rensa", "ijson", "py3langid", "detect_secrets"}
"""What only taking in data needs."""
HEAVY = {"torch", "transformers", "tokenizers", "numpy", "matplotlib", "safetensors"} | READING
TORCHLESS = """
    spec events errors state schedule guard shim control process faults memory evals.classes
    files.atomic files.disk files.layout files.sums export.model_folder
    data.card data.formats data.headings data.sources.local data.catalog data.advice tasks.orders
    tokenizers.card tokenizers.families tokenizers.located tokenizers.shelf tokenizers.strategy
    approved budget steering models.specs models.sizes models.picture_sizes models.families models.data models.listed
    distributed.sharing distributed.words distributed.ranks
""".split()


def modules(package: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path: Path) -> set[str]:
    """Every module named in an import statement of the file, at whatever depth."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("trainer_core", {"bot", "playground", "discord", "aiohttp"}),
        ("playground", {"bot", "trainer_core", "discord"}),
        ("bot", HEAVY - {"matplotlib"}),
    ],
)
def test_a_room_does_not_import_what_it_must_not(package: str, forbidden: set[str]) -> None:
    for name, path in modules(package):
        assert not roots(path) & forbidden, name


def test_only_the_chat_imports_discord() -> None:
    for name, path in modules("bot"):
        if not name.startswith("bot.chat") and name != "bot.app":
            assert "discord" not in roots(path), name


def test_only_the_plotting_process_draws() -> None:
    drawing = {name for name, path in modules("bot") if "matplotlib" in roots(path)}
    assert drawing == {"bot.chat.picture", "bot.chat.heatmap"}


def test_only_the_demo_knows_the_playground() -> None:
    using = {name for name, path in modules("bot") if "playground" in roots(path)}
    assert using == {"bot.demo"}


def test_nothing_under_runs_but_the_pool_knows_where_workers_are() -> None:
    for name, path in modules("bot.runs".replace(".", "/")):
        if name not in ("bot.runs.local", "bot.runs.endings", "bot.runs.standby"):
            assert not imports(path) & {"trainer_core.process", "trainer_core.shim", "subprocess", "os"}, name


def test_the_catalog_knows_nothing_of_runs() -> None:
    for name, path in modules("bot.catalog".replace(".", "/")):
        assert not any(other.startswith("bot.runs") for other in imports(path)), name


def test_there_are_no_import_cycles() -> None:
    known = dict(pair for package in ("bot", "trainer_core", "playground") for pair in modules(package))
    edges = {name: {other for other in top_level_imports(path) if other in known} for name, path in known.items()}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path, name))
        if name not in done:
            for other in sorted(edges[name] - {name}):
                visit(other, (*path, name))
            done.add(name)

    for name in sorted(edges):
        visit(name, ())


def test_a_worker_loads_nothing_that_only_taking_in_data_needs() -> None:
    known = dict(pair for pair in modules("trainer_core"))
    reached, ahead = set[str](), ["trainer_core.worker", "trainer_core.run"]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            named = top_level_imports(known[name])
            assert not {other.split(".")[0] for other in named} & READING, name
            ahead += [other for other in named if other in known]
    assert "trainer_core.loop" in reached


def top_level_imports(path: Path) -> set[str]:
    """What is imported as soon as the module is: not inside functions, not for type checkers only."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


@pytest.mark.parametrize(
    ("entries", "forbidden"),
    [
        (["bot.cli", "bot.catalog.catalog", "bot.train"], HEAVY | {"discord"}),
        (["bot.app"], HEAVY),
        ([f"trainer_core.{name}" for name in TORCHLESS], HEAVY),
        (["trainer_core.tasks.__main__"], HEAVY),
        (["trainer_core.data.intake.ingest"], {"torch", "transformers", "datasets", "pyarrow", "matplotlib"}),
    ],
)
def test_what_is_loaded_stays_light(entries: list[str], forbidden: set[str]) -> None:
    """Importing them, one after the other, loads none of these, not even through somebody else."""
    script = f"""
import importlib, sys
for entry in {entries!r}:
    importlib.import_module(entry)
    if found := {{name.split('.')[0] for name in sys.modules}} & {forbidden!r}:
        sys.exit(f"{{entry}} loads {{', '.join(sorted(found))}}")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_shim_needs_the_standard_library_only() -> None:
    script = (
        "import sys; before = set(sys.modules); import trainer_core.shim;"
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == ["trainer_core"]
