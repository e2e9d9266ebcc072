"""A folder with data, configuration and store, of which each kind of monitor has its own."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tocsin.config import Settings, load_settings
from tocsin.store import Store


@dataclass
class Folder:
    """What is the same for all: where things are, and everything that was said."""

    folder: Path
    compared: ClassVar = ("window", "status", "facts_digest", "n_flagged", "notes")
    """What `facts` says of a run."""

    @property
    def config(self) -> Path:
        return self.folder / "tocsin.toml"

    @property
    def settings(self) -> Settings:
        return load_settings(self.config)

    def store(self) -> Store:
        return Store.open(self.settings.store.url, base=self.folder)

    def alerts(self) -> list[dict[str, object]]:
        files = sorted((self.folder / "alerts").glob("*.json"))
        return [json.loads(file.read_text(encoding="utf-8")) for file in files]

    def facts(self) -> tuple[object, ...]:
        """Everything that the store says, without the times at which it was said."""
        with self.store() as store:
            runs = [tuple(getattr(run, name) for name in self.compared) for run in store.runs()]
            incidents = sorted((item.id, item.slice, item.state, item.headline) for item in store.incidents())
            return runs, incidents, store.anomalies()
