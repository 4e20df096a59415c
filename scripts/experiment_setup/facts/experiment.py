"""An experiment with everything that rules ask about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, TypeVar

from experiment_setup.composing.compose import Composer
from experiment_setup.facts import guides
from experiment_setup.facts.code import Code
from experiment_setup.facts.compositions import Compositions, Memo
from experiment_setup.facts.launchers import commands_in
from experiment_setup.facts.options import Options
from experiment_setup.light import dataclass
from experiment_setup.project import Experiment, Project
from experiment_setup.reading import suppression
from experiment_setup.reading.suppression import Suppression
from experiment_setup.schema import Schema

T = TypeVar("T")


def once(compute: Callable[[ExperimentContext], T]) -> Callable[[ExperimentContext], T]:
    """Make a fact of a function: it is computed once for an experiment, and only if somebody asks."""

    @wraps(compute)
    def fact(context: ExperimentContext) -> T:
        if compute not in context.facts:
            context.facts[compute] = compute(context)
        known: T = context.facts[compute]
        return known

    return fact


@dataclass
class ExperimentContext:
    """An experiment with what rules ask about it, computed once and only if asked for.

    Three facts have most of it: which options there are, what is composed of them, and what the code does. Whatever
    else several rules ask is a function of the context that `once` remembers, in a module of this folder.
    """

    project: Project
    experiment: Experiment
    schema: Schema
    composer: Composer
    facts: dict[object, Any] = field(default_factory=dict)  # what `once` has computed
    memo: Memo = field(default_factory=Memo)  # what has been composed

    @cached_property
    def options(self) -> Options:
        """The config groups and what can be chosen from them."""
        return Options(self.project, self.experiment, self.schema, self.composer)

    @cached_property
    def compositions(self) -> Compositions:
        """What Hydra composes of them."""
        return Compositions(self.options, self.composer, self.memo, self.is_always_typed)

    @cached_property
    def code(self) -> Code:
        """The entry point and its modules."""
        return Code(self.options, self.composer)

    @cached_property
    def guides(self) -> list[str]:
        """The texts that tell people what to set and what to type."""
        return list(self.guide_texts.values())

    @cached_property
    def guide_texts(self) -> dict[Path, str]:
        """The same, by their files."""
        texts = guides.read(self.project, self.experiment.entry, with_dotenv="dotenv" in self.code.text)
        added = "\n".join(commands_in(text) for text in self.code.in_reach if "sys.argv" in text)
        return {**texts, self.experiment.config_file: added} if added else texts

    @cached_property
    def commands(self) -> list[str]:
        """What the guides tell to type behind the entry point, in each command that starts it."""
        return self._commands_for(self.experiment.entry) if self.experiment.entry is not None else []

    def _commands_for(self, entry: Path) -> list[str]:
        return guides.commands(self.guide_texts, entry, self.project.root)

    def always_replaced(self) -> Iterator[str]:
        """The groups whose option in the defaults list is none of theirs, and for which each command chooses one."""
        for placed in self.options.choices:
            is_open = placed.option is not None and placed.option not in self.options.by_group.get(placed.group, {})
            if is_open and self.is_always_typed(placed.key):
                yield placed.key

    def is_always_typed(self, group: str) -> bool:
        """Whether each command of the guides chooses from a group: those for the entry point, or, where they have none,
        for others that compose from its folder.
        """
        if self.experiment.entry is None:
            return False
        others = self.project.entries_of(self.experiment.config_dir)
        typed = self.commands or [command for entry in others for command in self._commands_for(entry)]
        return bool(typed) and all(guides.chooses(command, group) for command in typed)

    @cached_property
    def typed_choices(self) -> list[dict[str, str]]:
        """The options that each command of the guides for the entry point chooses from the groups of config.yaml."""
        keys = [placed.key for placed in self.options.choices]
        found = ({key: guides.chosen(command, key) for key in keys} for command in self.commands)
        return [{key: option for key, option in one.items() if option is not None} for one in found]

    @cached_property
    def is_never_run(self) -> bool:
        """Whether each command of the guides for the entry point names another primary config than this one."""
        named = [guides.names_a_config(command) or "" for command in self.commands]
        return bool(named) and all(name not in ("", self.experiment.config_name) for name in named)

    @cached_property
    def is_run_as_main_says(self) -> bool:
        """Whether a command of the guides for the entry point runs the config that main() names."""
        own = (None, self.experiment.config_name)
        return any(guides.names_a_config(one) in own and not guides.names_a_folder(one) for one in self.commands)

    @cached_property
    def files(self) -> list[Path]:
        """What this experiment is made of: its primary config, its options and the modules it is read from."""
        options = [option.path for options in self.options.by_group.values() for option in options.values()]
        options += [option.path for option in self.options.added]
        return [self.experiment.config_file, *options, *self.schema.modules]

    @cached_property
    def suppressions(self) -> dict[Path, list[Suppression]]:
        """The `# noqa` comments of `files`, with an entry for every file."""
        known = {
            option.path: option.document for options in self.options.by_group.values() for option in options.values()
        }
        texts = {path: known[path].text_or_empty if path in known else suppression.read(path) for path in self.files}
        return {path: list(suppression.parse(path, text)) for path, text in texts.items()}

    def relative(self, path: Path) -> str:
        """A path as messages show it."""
        return self.project.relative(path)
