"""Reads one entry point and makes records of what it defines and registers."""

from __future__ import annotations

import ast
import dataclasses
import enum
from pathlib import Path
from typing import Any

from experiment_setup.python.source import SourceFile
from experiment_setup.python.unknown import default_of
from experiment_setup.python.values import ClassInfo, FieldSource, Module, class_info, field_source
from experiment_setup.schema.hydra import HydraCalls, MainFunction, Stored, last_name
from experiment_setup.schema.records import ConfigClass, Field, HydraMain, Registration, Schema


class Reader(HydraCalls):
    """Reads one entry point."""

    def __init__(self, entry: Path, root: Path) -> None:
        super().__init__(entry, root)
        self._config_classes: dict[type, ConfigClass] = {}

    def read(self, source: SourceFile) -> Schema:
        """Read the entry point."""
        module = Module("__main__", source, "", complete=True)
        self.modules["__main__"] = module
        self.run_module(module)
        self.resolve_pending()
        called = [main for main in self.mains if main.called]
        own = [main for main in self.mains if main.location.path == self.entry]
        main = next(iter([*called, *own, *self.mains]), None)
        if main is not None:
            self.look_for_late_stores(main)
        schema = Schema(
            entry=self.entry,
            modules=tuple(self.read_files),
            classes=self._classes(),
            main=_main_record(main) if main else None,
            tree=source.tree,
        )
        for stored in self.stored:
            schema.add(self._registration(stored), stored.opaque, stored.structured)
        self._report_opaque_fields()
        schema.problems = tuple(self.problems.values())
        return schema

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
        for stored in self.stored:
            self._reach(_class_of(stored.node), reached)
        for info in self.infos:
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

    def _reach(self, cls: Any, reached: dict[type, None]) -> None:
        if isinstance(cls, type) and class_info(cls) and cls not in reached:
            reached[cls] = None
            for field in dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ():
                self._reach_type(field.type, reached)
                value, _ = default_of(field)
                self._reach(_class_of(value), reached)

    def _reach_type(self, hint: Any, reached: dict[type, None]) -> None:
        self._reach(hint, reached)
        for argument in getattr(hint, "__args__", ()):
            self._reach_type(argument, reached)

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
            has_post_init=any("__post_init__" in i.methods for i in map(class_info, cls.__mro__) if i),
        )

    def _report_opaque_fields(self) -> None:
        for stored in self.stored:
            reached: dict[type, None] = {}
            self._reach(_class_of(stored.node), reached)
            for cls in reached:
                record = self._config_class(cls)
                for field in record.fields if record else ():
                    if field.opaque is not None:
                        source = field_source(cls, field.name)
                        kind = "type" if source and source.type_reason else "default"
                        message = f"the {kind} of {field.name!r} is not known without running the code: {field.opaque}"
                        self.problem(f"opaque-{kind}", message, None, field.location, fatal=False)


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
    return HydraMain(main.name, main.config_path, main.config_name, main.version_base, main.location, main.called)
