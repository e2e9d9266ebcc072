"""Migrations: up, equal to the tables in code, down; opened twice at once; newer stores; URLs and what they may say."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from pydantic import SecretStr

from tocsin.errors import StoreError
from tocsin.store import Store, schema
from tocsin.store.engine import create_engine, reading, writing
from tocsin.store.migrate import alembic_config, current_revision, migrate


def test_migrated_schema_equals_the_tables_in_code(store: Store) -> None:
    with reading(store._engine) as connection:
        options = {"version_table": schema.VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), schema.metadata)
        assert differences == []
        assert current_revision(connection) == schema.REVISIONS[-1]


def test_primary_keys_and_unique_constraints_equal_the_tables_in_code(store: Store) -> None:
    inspector = sa.inspect(store._engine)
    for table in schema.metadata.tables.values():
        assert inspector.get_pk_constraint(table.name)["constrained_columns"] == [c.name for c in table.primary_key]
        found = {tuple(unique["column_names"]) for unique in inspector.get_unique_constraints(table.name)}
        wanted = {
            tuple(c.name for c in constraint.columns)
            for constraint in table.constraints
            if isinstance(constraint, sa.UniqueConstraint)
        }
        assert found == wanted


def test_revisions_are_those_of_the_scripts(store: Store) -> None:
    with reading(store._engine) as connection:
        scripts = ScriptDirectory.from_config(alembic_config(connection))
    assert tuple(reversed([script.revision for script in scripts.walk_revisions()])) == schema.REVISIONS


def test_down_removes_every_table_and_up_brings_them_back(fresh_url: str) -> None:
    store = Store.open(fresh_url)
    with writing(store._engine) as connection:
        command.downgrade(alembic_config(connection), "base")
    assert sa.inspect(store._engine).get_table_names() == [schema.VERSION_TABLE]
    migrate(store._engine)
    assert set(sa.inspect(store._engine).get_table_names()) == {schema.VERSION_TABLE, *schema.metadata.tables}
    assert store.runs() == []
    store.close()


def test_a_store_of_a_newer_schema_is_refused(fresh_url: str) -> None:
    with Store.open(fresh_url) as store, writing(store._engine) as connection:
        connection.execute(sa.text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"newer tocsin.*Got '9999'.*update tocsin"):
        Store.open(fresh_url)


def test_opening_a_current_store_does_not_load_alembic(url: str) -> None:
    Store.open(url).close()
    script = (
        "import sys; from tocsin.store import Store; Store.open(sys.argv[1]).close(); print('alembic' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", script, url], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_importing_the_package_loads_no_database_library() -> None:
    script = "import sys, tocsin.store; print('sqlalchemy' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_four_processes_create_one_store_at_once(fresh_url: str) -> None:
    script = (
        "import sys; from tocsin.store import Store; import alembic.command; print('ready', flush=True);"
        "sys.stdin.readline(); Store.open(sys.argv[1]).close()"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, fresh_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    results = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0], results
    with Store.open(fresh_url) as store:
        assert store.runs() == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://user:hunter2@host/db", "not supported"),
        ("sqlite://", "is a file"),
        ("sqlite:///:memory:", "is a file"),
        ("sqlite:///missing/folder/store.db", "does not exist"),
        ("hunter2 is no URL", "cannot be read"),
        ("postgresql://user:hunter2@127.0.0.1:1/db", "cannot be reached"),
        ("postgresql://user:hunter2@127.0.0.1:port/db", "cannot be read"),
    ],
)
def test_a_wrong_url_is_an_error_that_does_not_quote_it(url: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=words) as caught:
        Store.open(SecretStr(url), base=tmp_path)
    chain, error = "", caught.value
    while error is not None:
        chain += f"{error!r}{error}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert "hunter2" not in chain


def test_a_file_that_is_no_database_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("something else entirely " * 100)
    with pytest.raises(StoreError, match=r"not an SQLite database.*Hint"):
        Store.open("sqlite:///store.db", base=tmp_path)


def test_sqlite_is_durable_checked_and_readable_beside_a_writer(tmp_path: Path) -> None:
    engine = create_engine("sqlite:///store.db", base=tmp_path, patience_seconds=1)
    migrate(engine)
    with reading(engine) as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    engine.dispose()


def test_a_relative_file_starts_at_the_base(tmp_path: Path) -> None:
    Store.open("sqlite:///here.db", base=tmp_path).close()
    with sqlite3.connect(tmp_path / "here.db") as connection:
        assert connection.execute(f"SELECT version_num FROM {schema.VERSION_TABLE}").fetchone() == (
            schema.REVISIONS[-1],
        )
