"""Reads one entry point and makes records of what it defines and registers."""

from __future__ import annotations

import ast
import dataclasses
import enum
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiment_setup.code import syntax  # noqa: F401  (registers how each kind of node is read)
from experiment_setup.code.annotations import resolve_pending
from experiment_setup.code.defaults import default_of
from experiment_setup.code.evaluator import Evaluator
from experiment_setup.code.modules import Module
from experiment_setup.code.source import SourceFile
from experiment_setup.code.tree import last_name
from experiment_setup.code.values import ClassInfo, FieldSource, class_info, class_infos, field_source
from experiment_setup.schema import hydra
from experiment_setup.schema.main import MainFunction
from experiment_setup.schema.records import ConfigClass, Field, HydraMain, Registration, Schema
from experiment_setup.schema.search_path import added
from experiment_setup.schema.store import Stored

PLUGINS = "hydra_plugins"


class Reader:
    """Reads one entry point."""

    def __init__(self, entry: Path, root: Path) -> None:
        self._entry = entry
        self._root = root
        self._evaluator = Evaluator(entry, root)
        self._mains, self._store = hydra.offer(self._evaluator)
        self._config_classes: dict[type, ConfigClass] = {}

    def read(self, source: SourceFile) -> Schema:
        """Read the entry point."""
        module = Module("__main__", source, "", complete=True)
        self._evaluator.modules.known["__main__"] = module
        self._read_plugins()
        self._evaluator.run_module(module)
        resolve_pending(self._evaluator)
        called = [main for main in self._mains.all if main.called]
        own = [main for main in self._mains.all if main.location.path == self._entry]
        main = next(iter([*called, *own, *self._mains.all]), None)
        if main is not None:
            self._store.look_for_late_stores(main)
        schema = Schema(
            entry=self._entry,
            modules=tuple(self._evaluator.read_files),
            classes=self._classes(),
            main=_main_record(main) if main else None,
            mains=tuple(map(_main_record, own)),
            tree=source.tree,
            code=self._evaluator.modules,
        )
        for stored in self._store.stored:
            schema.add(self._registration(stored), stored.opaque, stored.structured)
        schema.search_path = tuple(self._search_path())
        self._report_opaque_fields()
        schema.problems = tuple(self._evaluator.problems)
        return schema

    def _read_plugins(self) -> None:
        """Read what Hydra imports by itself: the modules of a package hydra_plugins (hydra/core/plugins.py)."""
        modules = self._evaluator.modules
        bases = (self._entry.parent, self._root, self._root / "src")
        below = (path for base in bases for path in (base / PLUGINS).glob("*"))
        inside = sorted({path.stem for path in below if path.suffix == ".py" or path.is_dir()})
        found = next((one for name in inside if (one := modules.find(PLUGINS, [name])) is not None), None)
        waiting = [found] if found is not None else []
        while waiting:
            package = waiting.pop()
            if package.is_read and not package.evaluated:
                self._evaluator.run_module(package)
            names = {path.stem if path.suffix == ".py" else path.name for f in package.search for path in f.iterdir()}
            inner = (modules.submodule(package, name) for name in sorted(names) if name.isidentifier())
            waiting += [module for module in inner if module is not None]

    def _search_path(self) -> Iterator[str]:
        for location, path in added(self._evaluator.modules):
            package = path.removeprefix("pkg://").replace("/", ".") if path is not None else None
            if path is not None and (package == path or self._evaluator.modules.find(package or "") is not None):
                yield path
            else:
                message = "what is added to the search path here is not known without running the code"
                self._evaluator.problems.add("unread-registration", message, None, location)

    def _registration(self, stored: Stored) -> Registration:
        return Registration(
            group=stored.group,
            name=stored.name,
            package=stored.package,
            node=stored.node,
            config_class=self._config_class(_class_of(stored.node)),
            location=stored.location,
            in_main_guard=stored.in_main_guard,
        )

    def _classes(self) -> dict[str, ConfigClass]:
        reached: dict[type, None] = {}
        for stored in self._store.stored:
            self._reach(_class_of(stored.node), reached)
        for info in self._evaluator.classes:
            if info.module.name == "__main__" and (info.fields or info.unannotated or info.decorated):
                reached.setdefault(info.cls, None)
        found: dict[str, ConfigClass] = {}
        for cls in reached:
            record = self._config_class(cls)
            if record is not None:
                key = record.name
                if key in found:
                    key = f"{cls.__module__}.{cls.__qualname__}"
                found[key] = record
        return found

    @staticmethod
    def _reach(start: Any, reached: dict[type, None]) -> None:
        """Add a class, and those that its fields are made of."""
        waiting = [start]
        while waiting:
            cls = waiting.pop()
            arguments = getattr(cls, "__args__", ())  # of a type such as list[ExpConfig]
            waiting += arguments if isinstance(arguments, tuple) else ()
            if isinstance(cls, type) and class_info(cls) and cls not in reached:
                reached[cls] = None
                for field in reversed(dataclasses.fields(cls)) if dataclasses.is_dataclass(cls) else ():
                    waiting += [_class_of(default_of(field)[0]), field.type]

    def _config_class(self, cls: type) -> ConfigClass | None:
        info = class_info(cls)
        if info is None or isinstance(cls, enum.EnumMeta):
            return None
        if cls not in self._config_classes:
            self._config_classes[cls] = self._record(cls, info)
        return self._config_classes[cls]

    def _record(self, cls: type, info: ClassInfo) -> ConfigClass:
        fields: list[Field] = []
        if dataclasses.is_dataclass(cls):
            for real_field in dataclasses.fields(cls):
                source = field_source(cls, real_field.name)
                if source:
                    fields.append(_field(source, default_of(real_field)[1]))
        else:
            fields = [_field(source, None) for source in info.fields.values()]
        return ConfigClass(
            name=info.name,
            cls=cls,
            location=info.location,
            fields=tuple(fields),
            bases=info.bases,
            methods=tuple(info.methods),
            unannotated=tuple(_field(source, None) for source in info.unannotated.values()),
            decorated=info.decorated,
            has_post_init=any("__post_init__" in info.methods for info in class_infos(cls)),
        )

    def _report_opaque_fields(self) -> None:
        for stored in self._store.stored:
            reached: dict[type, None] = {}
            self._reach(_class_of(stored.node), reached)
            for cls in reached:
                record = self._config_class(cls)
                for field in record.fields if record else ():
                    if field.opaque is not None:
                        source = field_source(cls, field.name)
                        kind = "type" if source and source.type_reason else "default"
                        message = f"the {kind} of {field.name!r} is not known without running the code: {field.opaque}"
                        self._evaluator.problems.add(f"opaque-{kind}", message, None, field.location)


def _class_of(node: Any) -> type:
    return node if isinstance(node, type) else type(node)


def _field(source: FieldSource, reason: str | None) -> Field:
    value = source.value
    shown: ast.AST | None = value
    text = source.source.segment(value) if value is not None else None
    if isinstance(value, ast.Call) and last_name(value.func) == "field":
        keywords = {keyword.arg: keyword.value for keyword in value.keywords}
        factory, default = keywords.get("default_factory"), keywords.get("default")
        if isinstance(factory, ast.Lambda):
            shown = factory.body
            text = source.source.segment(factory.body)
        elif factory is not None:
            shown, text = factory, f"{source.source.segment(factory)}()"
        elif default is not None:
            shown, text = default, source.source.segment(default)
        else:
            shown, text = None, None
    return Field(
        name=source.name,
        annotation=source.source.segment(source.annotation) if source.annotation is not None else "",
        default=text,
        location=source.source.location(source.target),
        comment=source.source.comment(source.node),
        opaque=source.type_reason or source.default_reason or reason,
        value_location=source.source.location(shown) if shown is not None else None,
    )


def _main_record(main: MainFunction) -> HydraMain:
    given = main.config_path, main.config_name, main.version_base
    return HydraMain(main.name, *given, main.location, main.called, main.does_something)
