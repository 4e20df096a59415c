"""The oracle: runs real entry points under the real Hydra, many in one process.

Reads lines of JSON {"entry": path, "cwd": path, "runs": [[override, …], …]} and answers each with a line
[{"yaml": what `--cfg job` prints} or {"error": …}, …]. The entry point is executed as a script for every run, with
Hydra's registrations set back before it, so that one run cannot see another's.
"""

import contextlib
import importlib
import io
import json
import os
import sys
import types
import warnings
from pathlib import Path

os.environ["HYDRA_FULL_ERROR"] = "1"  # exceptions come out as they are
warnings.simplefilter("ignore")

from hydra import compose, initialize_config_dir  # noqa: E402
from hydra.core.config_store import ConfigStore  # noqa: E402
from hydra.core.global_hydra import GlobalHydra  # noqa: E402
from hydra.core.hydra_config import HydraConfig  # noqa: E402
from hydra.core.plugins import Plugins  # noqa: E402
from omegaconf import OmegaConf  # noqa: E402
from omegaconf.basecontainer import BaseContainer  # noqa: E402

Plugins.instance()  # Hydra's own launcher and sweeper register when plugins are looked up
_CLEAN = ConfigStore.instance().repo
_RESOLVERS = dict(BaseContainer._resolvers)


def _is_of(project: Path, module: types.ModuleType) -> bool:
    try:
        places = [getattr(module, "__file__", None), *getattr(module, "__path__", [])]
    except KeyError:  # a part of a package whose own import failed
        return True
    return any(place and Path(place).is_relative_to(project) for place in places)


def _groups_copied(group: dict) -> dict:
    """A store of its own; what is stored is copied by Hydra when it is read."""
    return {name: _groups_copied(stored) if isinstance(stored, dict) else stored for name, stored in group.items()}


def run(entry: str, overrides: list[str]) -> dict[str, str]:
    """What `python ENTRY --cfg job OVERRIDES…` prints, or how it fails."""
    ConfigStore.instance().repo = _groups_copied(_CLEAN)
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None  # a run sets it, and while the next one composes it is not there yet
    BaseContainer._resolvers = dict(_RESOLVERS)
    folder = str(Path(entry).parent)
    project = Path(entry).parents[2]
    importlib.invalidate_caches()
    before = dict(sys.modules)
    main = types.ModuleType("__main__")
    main.__file__ = entry
    sys.modules["__main__"] = main
    sys.argv = [entry, "--cfg", "job", *overrides]
    path = list(sys.path)
    sys.path.insert(0, folder)
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            exec(compile(Path(entry).read_bytes(), entry, "exec"), main.__dict__)
    except SystemExit as error:
        if error.code:
            return {"error": f"exit {error.code}: {err.getvalue()[-2000:]}"}
    except BaseException as error:
        return {"error": f"{type(error).__name__}: {str(error)[:2000]}"}
    finally:
        sys.path[:] = path
        for name in [name for name in sys.modules if name not in before and _is_of(project, sys.modules[name])]:
            del sys.modules[name]
        sys.modules["__main__"] = before["__main__"]
    return {"yaml": out.getvalue()}


def run_each(entry: str, runs: list[list[str]]) -> list[dict[str, str]]:
    """The same for a `config.yaml` beside the entry point, which is executed once only: by `hydra.compose`.

    Raises AssertionError if that is not what the first run prints.
    """
    first = run(entry, runs[0])
    if len(runs) == 1 or "yaml" not in first:
        return [first, *(run(entry, overrides) for overrides in runs[1:])]
    answers = []
    with initialize_config_dir(str(Path(entry).parent), version_base=None):
        for overrides in runs:
            try:
                answers.append({"yaml": OmegaConf.to_yaml(compose("config", overrides))})
            except Exception as error:
                answers.append({"error": f"{type(error).__name__}: {str(error)[:2000]}"})
    assert answers[0] == first, (answers[0], first)
    return answers


def main() -> None:
    """Answer until the input ends.

    `once` as an argument: see `run_each`.
    """
    once = "once" in sys.argv
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in sys.stdin:
        request = json.loads(line)
        os.chdir(request["cwd"])
        entry, runs = request["entry"], request["runs"]
        results = run_each(entry, runs) if once and runs else [run(entry, overrides) for overrides in runs]
        print(json.dumps(results), file=answers, flush=True)


if __name__ == "__main__":
    main()
