"""What an entry point really stores: runs it, and says what is in Hydra's ConfigStore when main() is called.

As a program: reads [{"entry": …, "env": {…}}] from stdin, runs each in a process of its own, prints a list of results.
Nothing of the package is imported here.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf._utils import type_str


def describe(node: Any) -> dict[str, list[str]]:
    """Every node of a config by its path: kind, types, flags and value; for comparing two configs."""
    found: dict[str, list[str]] = {}

    def walk(item: Any, path: str) -> None:
        meta = item._metadata
        shown = [type(item).__name__, type_str(meta.ref_type, True), str(meta.optional)]
        container = isinstance(item, (DictConfig, ListConfig))
        if container:
            object_type = meta.object_type
            shown += [object_type.__qualname__ if isinstance(object_type, type) else str(object_type)]
            shown += [
                type_str(meta.element_type, True),
                str(getattr(meta, "key_type", "")),
                str(item._get_flag("readonly")),
            ]
        if not container or item._is_none() or item._is_missing() or item._is_interpolation():
            value = item._value()
            shown += [
                type(value).__name__,
                repr(value) if not hasattr(value, "name") else f"{type(value)}.{value.name}",
            ]
        found[path] = shown
        if container and not (item._is_none() or item._is_missing() or item._is_interpolation()):
            keys = range(len(item)) if isinstance(item, ListConfig) else list(item.keys())
            for key in keys:
                walk(item._get_node(key), f"{path}.{key}")

    walk(node, "")
    return found


def stored() -> list[dict[str, Any]]:
    from hydra.core.config_store import ConfigNode, ConfigStore

    found: list[dict[str, Any]] = []

    def walk(level: dict[str, Any]) -> None:
        for value in level.values():
            if isinstance(value, ConfigNode):
                found.append(
                    {
                        "group": value.group or None,
                        "name": value.name.removesuffix(".yaml"),
                        "package": value.package,
                        "yaml": OmegaConf.to_yaml(value.node),
                        "nodes": describe(value.node),
                    }
                )
            else:
                walk(value)

    walk(ConfigStore.instance().repo)
    return sorted(found, key=lambda r: (r["group"] or "", r["name"]))


def _run(entry: str, env: dict[str, str]) -> dict[str, Any]:
    import runpy

    import hydra
    from hydra.core.config_store import ConfigStore

    ConfigStore.instance().repo = {}
    os.environ.update(env)
    folder = str(Path(entry).parent)
    os.chdir(folder)
    sys.path[0] = folder
    sys.argv = [entry]
    result: dict[str, Any] = {}

    def main(*arguments: Any, **named: Any) -> Any:
        given = dict(zip(("config_path", "config_name", "version_base"), arguments, strict=False)) | named

        def decorate(function: Any) -> Any:
            def called(*_: Any) -> None:
                result.setdefault("main", {"function": function.__name__, **given})
                result.setdefault("stored", stored())

            return called

        return decorate

    hydra.main = main
    try:
        runpy.run_path(entry, run_name="__main__")
    except SystemExit:
        pass
    except BaseException as error:
        result["error"] = [type(error).__name__, str(error)]
    result.setdefault("stored", stored())
    return result


def _in_a_process(entry: str, env: dict[str, str]) -> dict[str, Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        try:
            text = json.dumps(_run(entry, env), default=str)
        except BaseException as error:
            text = json.dumps({"oracle": repr(error)})
        with os.fdopen(writing, "w") as pipe:
            pipe.write(text)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    result: dict[str, Any] = json.loads(text)
    return result


if __name__ == "__main__":
    import hydra  # noqa: F401  (once, before the forks)

    warnings.simplefilter("ignore")
    print(json.dumps([_in_a_process(job["entry"], job.get("env", {})) for job in json.load(sys.stdin)]))
