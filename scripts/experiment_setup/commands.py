"""The commands to type next, as they work in the user's shell and project."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiment_setup import command_line, files, naming, nodes, schema
from experiment_setup import launch as how_to_start
from experiment_setup.command_line import quoted
from experiment_setup.composing.compose import Composer
from experiment_setup.launch import Missing
from experiment_setup.light import dataclass
from experiment_setup.project import ENVIRONMENTS, SETS, Experiment, Project
from experiment_setup.schema import Schema


@dataclass(frozen=True)
class Next:
    """What to type next, from the project's root, and which packages the runs lack.

    `sweep` runs several parameter sets with the overrides `apart`, which keep their results apart. `elsewhere` are the
    runs that would stop here at their imports, for a machine that has what is missing.
    """

    commands: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    sweep: str | None = None
    apart: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        """Its part of a JSON object."""
        return {
            "next": [*self.commands, *filter(None, [self.sweep])],
            "run_elsewhere": list(self.elsewhere),
            "missing": [asdict(missing) for missing in self.missing],
        }

    def text(self, project: Project) -> Iterator[str]:
        """The commands, and where to type them."""
        if self.commands:
            here, root = Path.cwd().resolve(), project.root.resolve()
            where = root.relative_to(here).as_posix() if root.is_relative_to(here) else str(root)
            yield ""
            yield "next:" if here == root else f"next, in {where}:"
            yield from (f"  {command}" for command in self.commands)
            if not self.missing and any(" --with " in command for command in self.commands):
                yield "  # uv brings along all that the code imports"
        if self.sweep:
            folders = ", ".join(key for key in (word.partition("=")[0] for word in self.apart) if "hydra." not in key)
            yield f"all of them{f', each with {folders} of its own' if folders else ''}:"
            yield f"  {self.sweep}"
        if self.elsewhere:
            yield f"where {', '.join(missing.module for missing in self.missing)} can be imported:"
            yield from (f"  {command}" for command in self.elsewhere)

    def notes(self) -> Iterator[str]:
        """Why there is no command that runs it."""
        for missing in self.missing:
            yield f"missing here: {missing.module}, which the code imports; to run it on this machine: {missing.help}"


def next_commands(
    project: Project,
    experiment: Experiment,
    options: Sequence[str],
    environments: Sequence[str | None] = (None,),
    *,
    group: str = SETS,
    read: Schema | None = None,
    configs: Mapping[str, dict[str, Any]] | None = None,
) -> Next:
    """Look at the experiment's config, run it in each environment, and run all of several parameter sets.

    An environment None is the default; without `options` (parameter sets) it is the first that there is. Looking
    leaves nothing behind; a run that would stop at its imports is not among the commands. `group` is that of the
    parameter sets, with a `+` where the defaults list does not have it. `read` is what the entry point has, where that
    is not in its place yet, and `configs` what is known of the configs, by the words that choose them.
    """
    assert experiment.entry is not None
    read = read or schema.read(experiment.entry, project.root)
    launch = how_to_start.of(project.root, read.modules)
    chosen = list(options) or list(experiment.options(group.lstrip("+")))
    first = [naming.override(group, chosen[0])] if chosen else []
    choices = [first + ([naming.override(ENVIRONMENTS, name)] if name else []) for name in environments]
    name = project.address(experiment)
    entry = quoted(project.relative(experiment.entry))
    shown = tuple(_ours("show.py", project, name, *words) for words in choices)
    start = launch.start if launch.works else "python"
    runs = tuple(" ".join([start, entry, *map(quoted, words)]) for words in choices)
    apart: list[str] = []
    sweep = None
    if len(options) > 1:
        listed = ",".join(naming.override(group, option).partition("=")[2] for option in options)
        jobs = [" ".join([naming.override(group, option), *choices[0][1:]]) for option in options]
        apart = separating(project, experiment, read, [(configs or {}).get(job) for job in jobs])
        sweep = " ".join([start, entry, "-m", *map(quoted, [f"{group}={listed}", *choices[0][1:], *apart])])
    if launch.works:
        return Next((*shown, *runs), launch.missing, sweep, tuple(apart))
    return Next(shown, launch.missing, elsewhere=(*runs, *filter(None, [sweep])))


def separating(
    project: Project, experiment: Experiment, read: Schema, configs: Sequence[dict[str, Any] | None] = ()
) -> list[str]:
    """The overrides with which the jobs of a sweep write to a folder each; none where the code sees to that itself.

    A job's own folder is hydra.runtime.output_dir. Folders of results are told by the names of their fields; those
    that are another one in each of the `configs` are left as they are.
    """
    if any(word in files.read_bytes(path) for path in read.modules for word in (b"HydraConfig", b"hydra:")):
        return []
    config = Composer(experiment, read, project.root).compose().config
    keys = [key for key, node in nodes.leaves(config) if isinstance(nodes.value(node), str)]
    folders = [key for key in keys if naming.is_output_folder(key.rpartition(".")[2])]
    known = [None if one is None else OmegaConf.create(one) for one in configs]
    named = [key for key in folders if not _differ(known, key)]
    folder = "${hydra:runtime.output_dir}"
    words = [f"{key}={folder}{'/' + key.rpartition('.')[2] if number else ''}" for number, key in enumerate(named)]
    primary = files.read_bytes(experiment.config_file) if experiment.has_config else b""
    if words and re.search(rb"^ +(?:sweep|dir|subdir):", primary, re.MULTILINE):  # may refer to these very fields
        words.append(f"hydra.sweep.dir=multirun/{experiment.name}/${{now:%Y%m%d-%H%M%S}}")
        words.append("hydra.sweep.subdir=${hydra.job.num}")
    return words


def _differ(configs: Sequence[DictConfig | None], key: str) -> bool:
    """Whether each of the configs is known to have a value of its own there."""
    try:
        values = [None if config is None else OmegaConf.select(config, key) for config in configs]
    except OmegaConfBaseException:  # such as a resolver of the project's own
        return False
    return bool(values) and None not in values and len(set(map(str, values))) == len(values)


def _script(name: str) -> Path:
    return Path.cwd().joinpath(sys.argv[0]).with_name(name)


def _ours(name: str, project: Project, *words: str) -> str:
    """One of our commands, started as this one was."""
    script = Path(project.relative(_script(name)))
    return " ".join([command_line.start(script), *map(quoted, words)])
