"""What the command line costs to start, says of itself, and is documented as."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import tocsin
from tocsin.cli import app

HEAVY = ("numpy", "pandas", "numba", "sqlalchemy", "ibis", "sklearn", "scipy", "pyarrow", "duckdb", "jinja2", "apprise")
GROUP = typer.main.get_command(app)
COMMANDS = {
    **{(name,): command for name, command in GROUP.commands.items() if not hasattr(command, "commands")},
    **{
        (group, name): command
        for group in ("simulate", "evaluate")
        for name, command in GROUP.commands[group].commands.items()
    },
}
PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")


def loaded_by(*lines: str) -> list[str]:
    """Which heavy libraries a fresh interpreter has loaded after some lines."""
    code = [*lines, "import sys", f"print(*[name for name in {HEAVY!r} if name in sys.modules])"]
    done = subprocess.run([sys.executable, "-c", "\n".join(code)], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("module", ["tocsin", "tocsin.cli", "tocsin.errors"])
def test_importing_is_light(module: str) -> None:
    assert loaded_by(f"import {module}") == []


def test_what_is_used_is_what_is_loaded() -> None:
    """The measure itself works: a public name loads its libraries when it is first used."""
    loaded = loaded_by("import tocsin", "tocsin.SliceDetector")
    assert "numpy" in loaded
    assert "ibis" not in loaded


def test_help_is_light_in_a_process_of_its_own() -> None:
    lines = ["import sys", "sys.argv = ['tocsin', '--help']", "import tocsin.cli"]
    assert "backfill" in loaded_by(*lines, "try: tocsin.cli.main()", "except SystemExit: pass")
    silent = [*lines, "import contextlib, io", "with contextlib.redirect_stdout(io.StringIO()):"]
    assert loaded_by(*silent, "    try: tocsin.cli.main()", "    except SystemExit: pass") == []


def test_the_public_names_are_these() -> None:
    assert tocsin.__all__ == [
        "IID", "CollectionDetector", "ConOut", "DeepAR", "HoltWinters", "IsolationForest",
        "RandomCutForest", "Relevancy", "Rocod", "SliceDetector", "run",
    ]  # fmt: skip
    for name in tocsin.__all__:
        assert callable(getattr(tocsin, name))
        assert name in dir(tocsin)
    with pytest.raises(AttributeError, match="no attribute 'Detector'"):
        _ = tocsin.Detector


def test_every_command_is_here() -> None:
    names = {" ".join(path) for path in COMMANDS}
    assert names == {
        "demo", "init", "check", "run", "backfill", "watch", "why", "report", "feedback", "types", "serve", "deliver",
        "export", "score", "simulate funnel", "simulate publishers", "simulate sellers", "simulate farm",
        "simulate spikes", "evaluate roi", "evaluate contextual", "evaluate collections", "evaluate power",
        "evaluate series", "evaluate relevancy",
    }  # fmt: skip


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_shows_an_example_of_the_command(path, call) -> None:
    answer = call(*path, "--help")
    assert answer.status == 0
    assert answer.err == ""
    assert f"Example: tocsin {' '.join(path)}" in re.sub(r"[\s│]+", " ", answer.out)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_page_names_every_command_argument_and_option(path) -> None:
    (row,) = [line for line in PAGE.splitlines() if re.match(rf"\| `tocsin {' '.join(path)}\b", line)]
    for parameter in COMMANDS[path].params:
        if parameter.param_type_name == "option":
            names = {*parameter.opts, *parameter.secondary_opts} - {"--help"}
            if "--config" in names:  # said once, below the table
                assert path[0] not in ("demo", "score", "simulate", "evaluate")
            elif names:
                assert any(re.search(rf"{re.escape(name)}\b", row) for name in names), names
        else:
            words = {"identity": "ID", "what": "FOLDER", "verdict": "not-relevant"}
            assert words.get(parameter.name, parameter.name.upper()) in row
    assert "All but `demo`, `score`, `simulate` and `evaluate` take `--config FILE`" in PAGE


def test_without_words_the_commands_are_listed(call) -> None:
    answer = call()
    assert "backfill" in answer.out + answer.err
    assert "Traceback" not in answer.err
