"""Packages that `hydra.searchpath` names, found without importing them.

Hydra imports what `pkg://NAME` and `structured://NAME` name, to look for configs in it. Here a package is the folder
that the import would find: of the project, or installed. What a module registers when it is imported is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra._internal.core_plugins.importlib_resources_config_source import ImportlibResourcesConfigSource
from hydra._internal.core_plugins.structured_config_source import StructuredConfigSource
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource

from experiment_setup import files
from experiment_setup.composing.search_path import folders_of
from experiment_setup.project import Experiment


@contextmanager
def looked_up(experiment: Experiment, root: Path) -> Iterator[None]:
    """Let Hydra find packages this way, as they are for an experiment of the project at `root`."""

    def package(provider: str, path: str) -> ConfigSource:
        name = path.removeprefix("pkg://").replace("/", ".").rstrip(".")
        if name.partition(".")[0] == "hydra":
            return ImportlibResourcesConfigSource(provider, path)
        return _Package(provider, name, next(folders_of(name, experiment, root), None))

    def stored(provider: str, path: str) -> ConfigSource:
        known = path == "structured://"
        return StructuredConfigSource(provider, path) if known else _Package(provider, path, None)

    makers: dict[str, Callable[[str, str], ConfigSource]] = {"pkg": package, "structured": stored, "file": _Files}
    Plugins.instance()  # stores Hydra's own ways, and refuses to after these
    registry = SourcesRegistry.instance()
    before = dict(registry.types)
    registry.types.update(makers)  # type: ignore[arg-type]  # Hydra calls them with the same two arguments
    try:
        yield
    finally:
        registry.types = before


class _Files(FileConfigSource):
    """Files as Hydra reads them, if they are not too large to be read at all."""

    def load_config(self, config_path: str) -> ConfigResult:
        file = Path(self.path, self._normalize_file_name(config_path))
        if file.is_file() and file.stat().st_size > files.LARGEST:
            raise ConfigLoadError(f"{file} is larger than the {files.LARGEST >> 20} MiB that are read of a file")
        return super().load_config(config_path)


class _Package(_Files):
    """The files of a package; without a folder, there are none."""

    def __init__(self, provider: str, name: str, folder: Path | None) -> None:
        super().__init__(provider, str(folder or "/dev/null/no package"))
        self._name = name
        self._folder = folder

    def available(self) -> bool:
        return self._folder is not None and files.is_file(self._folder / "__init__.py")
