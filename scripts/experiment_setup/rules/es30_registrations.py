"""What the entry point stores in the ConfigStore, held against the defaults list."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiment_setup import nodes
from experiment_setup.code.tree import last_name
from experiment_setup.composing.refusals import NotFound, NotOverridable
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.findings import Finding, Severity
from experiment_setup.listing import few_of_many
from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.rules import phases
from experiment_setup.rules.base import rule
from experiment_setup.rules.phases import Phase
from experiment_setup.schema import ConfigClass, Field, Opaque, Registration, node_of_class
from experiment_setup.uses import shapes

_STORE_EXP = 'cs.store(group="exp", name="default", node=ExpConfig)\n'


_STORE_ENV = 'cs.store(group="env", name="default", node=EnvConfig)\n'


def root_class(context: ExperimentContext) -> ConfigClass | None:
    """The dataclass of the whole config: what the main function says it takes, if it has the groups as fields."""
    main, tree = context.schema.main, context.schema.tree
    if main is None or tree is None:
        return None
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == main.function and node.args.args:
            names = [last_name(name) for name in shapes.annotated_with(node.args.args[0])]
            found = next((known for name in names if (known := context.schema.class_named(name))), None)
            return found if found and any(found.field(group) for group in context.options.groups) else None
    return None


_UNKNOWN = ("opaque-registration", "unread-registration")  # problems of the schema


@rule(
    "ES301",
    "missing-registration",
    Severity.ERROR,
    "the defaults list names an option that no dataclass is registered for",
    phase=Phase.DEFAULTS,
    bad={"train.py": [(_STORE_EXP, "")]},
    good={},
    hydra="fails",
)
def missing_registration(context: ExperimentContext) -> Iterator[Finding]:
    """`- exp: default` and `default@_here_` mean the dataclass stored with group="exp" and name="default".

    It has to be stored before main() is called: inside main() Hydra has composed the config already. Where nothing
    lacks it, that is a warning: the types that were to be held against the files are not.
    """
    problems = context.schema.problems
    if context.schema.main is None or any(p.fatal or p.code in _UNKNOWN for p in problems):
        return
    late = [problem for problem in problems if problem.code == "registered-too-late"]
    runs = [{SETS: exp, ENVIRONMENTS: env} for exp, env in context.compositions.combinations] if late else []
    is_missed = any(context.compositions.of(chosen).failure for chosen in runs)
    for problem in late:
        yield missing_registration.finding(
            problem.location,
            problem.message,
            problem.help,
            severity=None if is_missed else Severity.WARNING,
            spoils=map(phases.group, context.options.groups),
        )
    for group in () if late else list(_without_default(context)):
        wanted, default = f'group="{group}", name="default"', [phases.group(group)]
        astray = _astray(context, group)
        named = [c for c in context.schema.classes.values() if c.name.lower().startswith(group.lower())]
        if astray:
            stored = f"group={astray.group!r}, name={astray.name!r}".replace("'", '"')
            yield missing_registration.finding(
                astray.location,
                f"nothing is stored as {group}/default; this one has {stored}",
                f"write {wanted}",
                rests_on=default,
                spoils=default,
            )
        elif named:
            yield missing_registration.finding(
                named[0].location,
                f"nothing is stored as {group}/default: {named[0].name} is not registered",
                f"add ConfigStore.instance().store({wanted}, node={named[0].name}) below the class",
                rests_on=default,
                spoils=default,
            )


def _without_default(context: ExperimentContext) -> Iterator[str]:
    """The groups for which Hydra looks for an option `default` that exists nowhere."""
    lacking: list[str] = []
    missing: set[str] = set()
    for group, option in context.options.groups.items():
        if context.schema.registration(group, "default") or "default" in context.options.by_group.get(group, {}):
            continue
        first = next(
            (o for o in context.options.by_group.get(group, {}).values() if "default" in o.document.parents), None
        )
        outcomes = [context.compositions.at()] if option == "default" else []
        if first and group in (SETS, ENVIRONMENTS):
            outcomes.append(context.compositions.of_option(first))
        if outcomes:
            lacking.append(group)
            refusals = [outcome.failure.refusal for outcome in outcomes if outcome.failure]
            missing |= {refusal.config for refusal in refusals if isinstance(refusal, NotFound)}
    # Hydra stops at the first one that it lacks.
    if any(f"{group}/default" in missing for group in lacking):
        yield from lacking


def _astray(context: ExperimentContext, group: str) -> Registration | None:
    """The registration that was meant to be the default of `group`."""
    for registration in context.schema.registrations:
        name = registration.config_class.name.lower() if registration.config_class else ""
        if registration.group == group or registration.name == f"{group}/default":
            return registration
        if name.startswith(group.lower()) and registration.group not in context.options.groups:
            return registration
    return None


@rule(
    "ES302",
    "swapped-registration",
    Severity.ERROR,
    "a dataclass is registered for another group than its own",
    phase=Phase.STORED,
    bad={"train.py": [(_STORE_EXP, _STORE_EXP.replace("Exp", "Env")), (_STORE_ENV, _STORE_ENV.replace("Env", "Exp"))]},
    good={},
    hydra="accepts",
    run="",
)
def swapped_registration(context: ExperimentContext) -> Iterator[Finding]:
    """ExpConfig stored with group="env" gives an experiment without its parameters, and Hydra does not mind.

    What belongs where is taken from the dataclass of the whole config (`exp: ExpConfig`), or from the names.
    """
    whole = root_class(context)
    for registration in _own(context):
        group, stored = registration.group, registration.config_class
        declared = whole.field(group) if whole and group else None
        if stored is None or group is None:
            continue
        if declared and declared.annotation in context.schema.classes:
            right = declared.annotation
            if right == stored.name or _derives(context, stored, right):
                continue
            reason = f"{whole.name if whole else ''} says {group}: {right}"
        else:
            others = [g for g in context.options.groups if g != group and stored.name.lower().startswith(g.lower())]
            if not others or any(stored.name.lower().startswith(step) for step in group.lower().split("/")):
                continue  # `client/cfg` is a group of the client's
            right = next((c for c in context.schema.classes if c.lower().startswith(group.lower())), "the other class")
            reason = f"its name says {others[0]}"
        home = next((g for g in context.options.groups if _belongs(context, whole, stored, g)), None)
        rival = any(
            r.config_class and r.config_class.name == right for r in context.schema.registrations if r.group == group
        )
        yield swapped_registration.finding(
            registration.location,
            f"{stored.name} is stored for group {group!r}, but {reason}",
            _mended(context, home, right) if home and rival else f"write node={right}",
            spoils=map(phases.group, filter(None, (group, home))),
        )


def _mended(context: ExperimentContext, home: str, right: str) -> str:
    """What to do about a dataclass that is stored for a group which has its own: it belongs to `home`."""
    known = context.options.registration(home)
    return f'write group="{home}"' if known is None else f"remove the line: {right} and {home} are stored already"


def _belongs(context: ExperimentContext, whole: ConfigClass | None, stored: ConfigClass, group: str) -> bool:
    declared = whole.field(group) if whole else None
    return declared.annotation == stored.name if declared else stored.name.lower().startswith(group.lower())


def _derives(context: ExperimentContext, config_class: ConfigClass, base: str) -> bool:
    known = context.schema.classes.get(base)
    return known is not None and issubclass(config_class.cls, known.cls)


def _own(context: ExperimentContext) -> Iterator[Registration]:
    """The registrations that the groups' defaults come from; of two under one name the last one counts."""
    for group, option in context.options.groups.items():
        names = {option, "default"}
        yield from (r for r in context.schema.registrations if r.group == group and r.name in names)


@rule(
    "ES303",
    "doubled-registration",
    Severity.ERROR,
    "two different configs are registered under one name",
    phase=Phase.DEFAULTS,
    bad={"train.py": [(_STORE_EXP, _STORE_EXP + 'cs.store(group="exp", name="default", node={"foo": 1})\n')]},
    good={"train.py": [(_STORE_EXP, _STORE_EXP + 'cs.store(group="exp", name="small", node=ExpConfig(epochs=1))\n')]},
    hydra="accepts",
    run="",
)
def doubled_registration(context: ExperimentContext) -> Iterator[Finding]:
    """Of two `store` calls with the same group and name the last one wins, without a word.

    A script that imports another one, and stores its own config under the name of that one's, means to replace it.
    """
    seen: dict[tuple[str | None, str], Registration] = {}
    for registration in context.schema.registrations:
        key = (registration.group or None, registration.name)
        first = seen.setdefault(key, registration)
        if first is registration or _container(context, first) == _container(context, registration):
            continue
        own = registration.location.path == context.experiment.entry
        if own and first.location.path in context.project.entries - {context.experiment.entry}:
            seen[key] = registration
            continue
        where = f"{context.relative(first.location.path)}:{first.location.line}"
        yield doubled_registration.finding(
            registration.location,
            f"{'/'.join(part for part in key if part)} is stored a second time; what {where} stores is lost",
            "remove one of the two, or give it another name",
            rests_on=[phases.group(registration.group or "")],
            spoils=[phases.group(registration.group or "")],
        )


def _container(context: ExperimentContext, registration: Registration) -> Any:
    if isinstance(registration.node, Opaque):
        return None
    found = registration.config_class
    types = [(field.name, field.annotation) for field in found.fields] if found else None  # alike in another module
    return types, OmegaConf.to_container(context.schema.structured(registration), resolve=False)


@rule(
    "ES304",
    "config-not-stored",
    Severity.ERROR,
    "the dataclass of the whole config has values that Hydra never sees",
    phase=Phase.VALUES,
    bad={
        "train.py": [
            ("class Config:\n", "class Config:\n    extra: int = 5\n"),
        ]
    },
    good={
        "train.py": [
            ("class Config:\n", "class Config:\n    extra: int = 5\n"),
            ("cs = ConfigStore.instance()\n", 'cs = ConfigStore.instance()\ncs.store(name="schema", node=Config)\n'),
        ],
        "config.yaml": [("  - _self_\n", "  - schema\n  - _self_\n")],
    },
    hydra="accepts",
)
def config_not_stored(context: ExperimentContext) -> Iterator[Finding]:
    """`def main(cfg: Config)` is a type hint. Without `cs.store(name="config_schema", node=Config)` its own fields are
    not in the config; and what it says of `exp` loses against the option `default` in any case.

    A field that is None there is for some runs (`tracking: Tracking | None = None`): what of it the code does not read,
    or only with another primary config than the first, as main() names none, is left alone.
    """
    whole = root_class(context)
    composed = context.compositions.at().config
    if whole is None or composed is None:
        return
    present = {*composed, *context.options.groups}  # `in composed` is False for what is still to be given
    unseen = [one for one in whole.fields if one.name not in present and not _is_for_other_runs(context, one)]
    if unseen:
        names = [known.name for known in unseen]
        are = "is" if len(names) == 1 else "are"
        yield config_not_stored.finding(
            unseen[0].location,
            f"{whole.name}.{few_of_many(names, 3)} {are} not in the config: Hydra never sees {whole.name}",
            f'add cs.store(name="config_schema", node={whole.name}) and, first in the defaults list of '
            f"{context.experiment.config_file.name}, - config_schema",
            rests_on=[*map(phases.group, names)],
        )
    declared = node_of_class(whole.cls)
    if declared is None:
        return
    for group, option in context.options.groups.items():
        known_field = whole.field(group)
        registration = context.schema.registration(group, option) if option else None
        if known_field is None or registration is None or registration.config_class is None:
            continue
        said, stored = nodes.child(declared, group), context.schema.structured(registration)
        own = {key for key, *_ in _differences(said, _plain(registration.config_class))}
        for key, here, there in _differences(said, stored):
            name = registration.config_class.name
            if key not in own:
                continue  # `exp: ExpConfig = field(default_factory=ExpConfig)` says nothing of its own
            source = registration.config_class.field(key)
            if source is None or source.opaque:
                continue
            yield config_not_stored.finding(
                known_field.value_location or known_field.location,
                f"{group}.{key} is {here!r} here, but {group}={option} sets it to {there!r}, which is what runs",
                f"change the default in {name}, or store this as its own option",
                rests_on=[phases.group(group)],
            )


def _is_for_other_runs(context: ExperimentContext, known: Field) -> bool:
    """Whether a field of the whole config has no value, and nothing shows that a run with this config needs one."""
    main = context.schema.main
    if known.default != "None":
        return False
    if main is not None and not isinstance(main.config_name, str):
        return True
    uses = (use for use in context.code.reading.uses if use.path[:1] == (known.name,))
    return all(use.guarded or use.assumed or use.kind == "default" for use in uses)


def _plain(config_class: ConfigClass) -> DictConfig | None:
    """The config of a class that is made without arguments, as a default_factory makes it: __post_init__ has run."""
    for make in (config_class.cls, lambda: config_class.cls):
        try:
            made = OmegaConf.structured(make())
        except Exception:  # a required field without a default, or what is reported where it is stored
            continue
        if isinstance(made, DictConfig):
            return made
    return None


def _differences(left: Any, right: Any) -> Iterator[tuple[str, Any, Any]]:
    if not (nodes.is_mapping(left) and isinstance(right, DictConfig)):
        return
    a, b = (OmegaConf.to_container(node, resolve=False) for node in (left, right))
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        yield from ((str(key), a[key], b[key]) for key in a if a[key] != b[key])


@rule(
    "ES305",
    "untyped-registration",
    Severity.WARNING,
    "a dict is registered instead of a dataclass",
    phase=Phase.CLASSES,
    bad={"train.py": [("node=ExpConfig", 'node={"name": "default", "learning_rate": 0.1}')]},
    good={},
    hydra="accepts",
)
def untyped_registration(context: ExperimentContext) -> Iterator[Finding]:
    """A dict has no types and no fixed set of keys: Hydra accepts every typo and every value in exp/*.yaml."""
    for registration in _own(context):
        if isinstance(registration.node, (dict, DictConfig)):
            yield untyped_registration.finding(
                registration.location,
                f"{registration.group}/{registration.name} is a dict: neither keys nor types are checked",
                "store a dataclass",
                rests_on=[phases.group(registration.group or "")],
            )


@rule(
    "ES306",
    "package-of-registration",
    Severity.ERROR,
    "a dataclass is stored with a package that is not its group",
    phase=Phase.STORED,
    bad={
        "train.py": [
            (
                'group="exp", name="default", node=ExpConfig',
                'group="exp", name="default", node=ExpConfig, package="_global_"',
            )
        ]
    },
    good={
        "train.py": [
            (
                'group="exp", name="default", node=ExpConfig',
                'group="exp", name="default", node=ExpConfig, package="exp"',
            )
        ]
    },
    hydra="accepts",
)
def package_of_registration(context: ExperimentContext) -> Iterator[Finding]:
    """`store(…, package="_global_")` puts the fields at the root of the config, or wherever the package says: `cfg.exp`
    has what the parameter set writes, untyped, and nothing else.

    A group without a file holds schemas (`schema/model`), and the package says which part of the config each is for.
    """
    for registration in _own(context):
        package, group = registration.package, registration.group or ""
        if not context.experiment.options(group):
            continue
        own = group.replace("/", ".")
        if package is None or package in ("_group_", own) or ("/" in group and package.startswith(f"{own}.")):
            continue
        yield package_of_registration.finding(
            registration.location,
            f"{group}/{registration.name} is stored with package={package!r}: its fields are not in cfg.{group}",
            "leave out package=",
            spoils=map(phases.group, context.options.groups),  # the fields lie among those of the others now
        )


@rule(
    "ES307",
    "unread-registration",
    Severity.WARNING,
    "only running the code tells what it stores in the ConfigStore",
    phase=Phase.STORED,
    habit=True,
    bad={"train.py": [(_STORE_EXP, f'import socket\nif socket.gethostname() != "none":\n    {_STORE_EXP}')]},
    good={},
    hydra="accepts",
)
def unread_registration(context: ExperimentContext) -> Iterator[Finding]:
    """The code is read and not run, so what is stored behind a condition on the machine or in a `match` is unknown. So
    is what lies in a package of `hydra.searchpath` that is not installed, or in a folder or submodule that has not been
    fetched. Where it is known that something is stored, but not what, its keys are missing in all that is composed.

    What is not found in such an experiment may be stored there, and is not reported. (An info where all is found.)
    """
    problems = context.code.unread_registrations
    outcomes = (
        [context.compositions.at(), *map(context.compositions.of_option, context.options.all())] if problems else []
    )
    refusals = [outcome.failure.refusal for outcome in outcomes if outcome.failure]
    found = not any(isinstance(refusal, (NotFound, NotOverridable)) for refusal in refusals)
    opaque = context.code.opaque_registrations
    for problem in [*problems[:1], *opaque]:
        yield unread_registration.finding(
            problem.location,
            problem.message,
            problem.help or "let your interpreter run the code: validate.py --python .venv/bin/python",
            severity=Severity.INFO if found or problem in opaque else None,
            rests_on=[phases.code()] if problem in opaque else [],
        )
