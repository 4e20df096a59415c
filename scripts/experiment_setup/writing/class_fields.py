"""Fields and defaults of the dataclasses of a new experiment, written into its own code in the style of that code."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from experiment_setup import command_line, files, nodes, schema
from experiment_setup.composing.compose import Composer
from experiment_setup.errors import CommandError
from experiment_setup.light import compiled, dataclass
from experiment_setup.project import ENVIRONMENTS, SETS, Experiment
from experiment_setup.reading import overrides
from experiment_setup.reading.overrides import Assignment
from experiment_setup.schema import ConfigClass, Field, Schema
from experiment_setup.writing import node_values
from experiment_setup.writing.keys import Keys

_FIELD = compiled(r"(?P<key>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?::(?P<type>[^=]+))?=(?P<value>.*)", re.DOTALL)
# Where the names come from that a type may need; the rest must be in the file.
_HOMES = {
    "typing": "Any Dict List Literal Optional Tuple Union".split(),
    "pathlib": ["Path"],
    "enum": ["Enum"],
}


@dataclass(frozen=True)
class NewField:
    """`NAME[:TYPE]=VALUE`: the dotted key from the root (`exp.lr`), the type if one was given, and the value."""

    key: str
    annotation: str | None
    assignment: Assignment


@dataclass(frozen=True)
class Written:
    """What was written: the key, how the line reads now, and where."""

    key: str
    line: str
    path: Path
    number: int


def parse_fields(words: Sequence[str]) -> list[NewField]:
    """Read `--field` words. Raises CommandError for what is not NAME[:TYPE]=VALUE with one value."""
    result = []
    for word in words:
        match = _FIELD.fullmatch(word)
        if match is None:
            raise CommandError(f"--field {word!r} is not NAME[:TYPE]=VALUE", "for example: --field lr:float=1e-3")
        annotation = match["type"].strip() if match["type"] else None
        if annotation is not None:
            try:
                annotation = ast.unparse(ast.parse(annotation, mode="eval"))
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                raise CommandError(f"--field {word!r}: {annotation!r} is no type", "for example: list[int]") from None
        key = match["key"] if "." in match["key"] else f"{SETS}.{match['key']}"
        (assignment,) = parse_one("--field", f"{match['key']}={match['value']}", word)
        result.append(NewField(key, annotation, assignment))
    twice = [field.key for field in result if [other.key for other in result].count(field.key) > 1]
    if twice:
        raise CommandError(f"--field {twice[0]} is given twice", "give it once")
    return result


def parse_one(option: str, text: str, word: str) -> list[Assignment]:
    """The one assignment of `text`, which is a part of `word`. Raises CommandError for several values."""
    ((*values,),) = overrides.parse([text])
    if len(values) > 1:
        start, _, several = word.partition("=")
        raise CommandError(
            f"{option} {word!r} has several values, but a default is one",
            f"a list is written {start}=[{several}]",
            command_line.corrected({word: [f"{start}=[{several}]"]}),
        )
    return [Assignment(value.key, value.value, value.written, word) for value in values]


class Classes:
    """The dataclasses of an experiment whose files are ours to change: those of a copy that is not in its place yet."""

    def __init__(self, experiment: Experiment, root: Path) -> None:
        self._experiment = experiment
        self._root = root

    def add(self, field: NewField) -> Written:
        """Write a field; where there is one of the name, it gets the default (and the type, if one is given).

        Raises CommandError where no dataclass of the experiment has the place, and where what is written would not
        compose to the value.
        """
        *parents, name = field.key.split(".")
        found = self._class_at(parents)
        if found.field(name) is not None and field.annotation is None:
            return self.set_default(field.assignment, field.key)
        source = self._source(found)
        existing = source.statement(name)
        annotation = field.annotation or _type_of(field.assignment.value, source)
        held = _typed(field.assignment.value, field.assignment.written, annotation)
        value = source.literal(held, field.assignment, annotation)
        line = f"{name}: {annotation} = {value}"
        if existing is not None:
            source.replace(existing, line)
        else:
            source.append(line)
        source.import_names(annotation, value)
        written = self._write(source, name, field.key)
        self._verify(field.key, None if field.annotation else held, field.assignment)
        return written

    def set_default(self, assignment: Assignment, key: str | None = None) -> Written:
        """Change a default. Raises WrongKeys and CommandError for what is no key, or no value for it."""
        composer = self._composer()
        composed = composer.compose()
        if composed.config is None or composed.failure:
            reason = composed.failure.refusal.words if composed.failure else ""
            raise CommandError(f"the experiment does not compose: {reason}", "mend that first; validate.py says where")
        key = key or self._full_key(assignment, composed.config)
        group, _, inner = key.partition(".")
        others = {str(other): node for other, node in nodes.children(composed.config) if other != group}
        below = nodes.child(composed.config, group)
        if not inner or not nodes.is_mapping(below):
            Keys(composed.config, "", "the config", {}, None).check([assignment])
            raise CommandError(f"{assignment.key} is no value but a part of the config", "set its keys one by one")
        keys = Keys(below, group, group, others if group == SETS else {}, None)
        moved = Assignment(inner, assignment.value, assignment.written, assignment.word)
        settings, the_same = keys.settings([moved])
        *parents, name = key.split(".")
        found = self._class_at(parents)
        declared = found.field(name)
        source = self._source(found, declared)
        statement = source.statement(name)
        if declared is None or statement is None:
            raise CommandError(f"{key} has no default in {found.name}", f"give {found.name} the field in its file")
        if inner in the_same:
            return Written(key, source.line(statement), source.path, statement.lineno)
        value = settings[inner].value
        annotation = declared.annotation
        source.replace_value(statement, source.literal(value, assignment, annotation))
        source.import_names("", source.line(source.statement(name) or statement))  # which is longer, or shorter, now
        written = self._write(source, name, key)
        self._verify(key, value, assignment)
        return written

    def _full_key(self, assignment: Assignment, config: DictConfig) -> str:
        """The key from the root: one without a group is one of the parameter sets', or else of the environment's."""
        first = nodes.top(assignment.key)
        if first in (SETS, ENVIRONMENTS) and nodes.is_mapping(nodes.child(config, first)) and "." in assignment.key:
            return assignment.key
        here, there = nodes.child(config, SETS), nodes.child(config, ENVIRONMENTS)
        if nodes.child(here, first) is None and nodes.child(there, first) is not None:
            return f"{ENVIRONMENTS}.{assignment.key}"
        return f"{SETS}.{assignment.key}"

    def _composer(self) -> Composer:
        return Composer(self._experiment, self._schema(), self._root)

    def _schema(self) -> Schema:
        assert self._experiment.entry is not None
        return schema.read(self._experiment.entry, self._root)

    def _class_at(self, keys: Sequence[str]) -> ConfigClass:
        """The dataclass of the node at these keys from the root."""
        read = self._schema()
        group, *inner = keys
        stored = [r for r in read.registrations if r.group == group and r.config_class is not None]
        stored.sort(key=lambda registration: registration.name != "default")
        found = stored[0].config_class if stored else None
        if found is None:
            roots = [r.config_class for r in read.registrations if not r.group and r.config_class is not None]
            named = next((field for root in roots for field in root.fields if field.name == group), None)
            found = self._named(read, named)
        for step in inner:
            found = self._named(read, found.field(step) if found else None)
        if found is None:
            raise CommandError(
                f"no dataclass of the experiment has the values of {'.'.join(keys)!r}",
                "--field and --default change dataclasses; where values lie in YAML files, change those by hand",
            )
        if not found.decorated:
            raise CommandError(f"{found.name} is no dataclass ({found.location.path.name})", "add @dataclass above it")
        return found

    @staticmethod
    def _named(read: Schema, field: Field | None) -> ConfigClass | None:
        words = re.findall(r"\w+", field.annotation) if field else []
        return next((read.classes[word] for word in words if word in read.classes), None)

    def _source(self, found: ConfigClass, declared: Field | None = None) -> _Source:
        """The text of the file with the class, or with the base that declares a field."""
        path = declared.location.path if declared else found.location.path
        if not path.is_relative_to(self._experiment.folder):
            raise CommandError(
                f"{found.name} lies in {path.name}, which others share: a change there would change them all",
                "give the experiment a dataclass of its own, or change that file by hand",
            )
        return _Source(path, declared.location.line if declared else found.location.line)

    def _write(self, source: _Source, name: str, key: str) -> Written:
        try:
            ast.parse(source.text)
        except SyntaxError as error:
            reason = f"{key} could not be written into {source.path.name}: {error.msg}"
            raise CommandError(reason, "write it by hand") from None
        source.save()
        statement = _Source(source.path, source.line_of_class).statement(name)
        assert statement is not None
        return Written(key, source.line(statement), source.path, statement.lineno)

    def _verify(self, key: str, value: Any, assignment: Assignment) -> None:
        """What is composed now must be what was asked for (None: only that it composes)."""
        composed = self._composer().compose()
        if composed.failure or composed.config is None:
            reason = composed.failure.refusal.words if composed.failure else ""
            raise CommandError(f"{assignment.word}: {reason}", "give a type that OmegaConf has, and a value of it")
        group = key.partition(".")[0]
        if nodes.child(composed.config, group) is None:
            return
        node = nodes.at(composed.config, nodes.split(key))
        if node is None or (value is not None and not node_values.has_value(composed.config, key, value)):
            found = "nothing" if node is None else repr(node_values.plain(node))
            raise CommandError(
                f"{key} would stay {found}: something else sets it after its dataclass; nothing was written",
                "look for it in config.yaml and in what the defaults list names",
            )


class _Source:
    """The text of a Python file with a dataclass, while it is changed."""

    def __init__(self, path: Path, line_of_class: int) -> None:
        self.path = path
        text = files.read_text(path)
        self.text = text.removeprefix("\ufeff")
        self._mark = text[: len(text) - len(self.text)]
        self.line_of_class = line_of_class
        self._end = "\r\n" if "\r\n" in self.text else "\n"

    def save(self) -> None:
        """Write the text as it is now."""
        files.put(self.path, self._mark + self.text)

    @property
    def _tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def _class(self) -> ast.ClassDef:
        """The class that begins at, or has its field at, the line; it stays there, since imports are changed last."""
        found = [node for node in ast.walk(self._tree) if isinstance(node, ast.ClassDef)]
        inside = [c for c in found if _first_line(c) <= self.line_of_class <= (c.end_lineno or 0)]
        return max(inside, key=_first_line)

    def statement(self, name: str) -> ast.AnnAssign | None:
        """The field of that name in the class."""
        for node in self._class.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
                return node
        return None

    def line(self, node: ast.stmt) -> str:
        """A statement as it reads, on one line."""
        return " ".join((ast.get_source_segment(self.text, node) or "").split())

    def replace(self, node: ast.stmt | ast.expr, new: str) -> None:
        """Put `new` in the place of a node."""
        start, end = (
            self._offset(node.lineno, node.col_offset),
            self._offset(node.end_lineno or 0, node.end_col_offset or 0),
        )
        self.text = self.text[:start] + new + self.text[end:]

    def replace_value(self, statement: ast.AnnAssign, new: str) -> None:
        """Give a field another default; metadata and other arguments of `field(…)` stay."""
        value = statement.value
        if value is None:
            end = self._offset(statement.end_lineno or 0, statement.end_col_offset or 0)
            self.text = f"{self.text[:end]} = {new}{self.text[end:]}"
            return
        given = {keyword.arg: keyword for keyword in value.keywords} if isinstance(value, ast.Call) else {}
        old = given.get("default") or given.get("default_factory")
        if old is None or not isinstance(value, ast.Call) or not _is_field(value):
            self.replace(value, new)
            return
        factory = re.fullmatch(r"(?:\w+\.)?field\(default_factory=(.*)\)", new, re.DOTALL)
        keyword = f"default_factory={factory[1]}" if factory else f"default={new}"
        start = self._offset(old.lineno, old.col_offset)
        end = self._offset(old.value.end_lineno or 0, old.value.end_col_offset or 0)
        self.text = self.text[:start] + keyword + self.text[end:]

    def append(self, line: str) -> None:
        """Put a field behind the last one of the class."""
        body = self._class.body
        fields = [node for node in body if isinstance(node, ast.AnnAssign)]
        after = fields[-1] if fields else body[0]
        indent = " " * body[0].col_offset
        lines = files.lines_of(self.text)
        if not fields and isinstance(after, ast.Pass):
            self.replace(after, line)
            return
        end = after.end_lineno or after.lineno
        if not lines[end - 1].endswith(("\n", "\r")):
            lines[end - 1] += self._end
        is_docstring = not fields and isinstance(after, ast.Expr)
        if not fields and not is_docstring:  # methods only
            lines.insert(
                after.lineno - 1 - len(getattr(after, "decorator_list", ())), f"{indent}{line}{self._end}{self._end}"
            )
        else:
            blank = self._end if is_docstring else ""
            lines.insert(end, f"{blank}{indent}{line}{self._end}")
        self.text = "".join(lines)

    def literal(self, value: Any, assignment: Assignment, annotation: str) -> str:
        """A value as Python has it, in the habits of the file; mutable ones as a field with a factory."""
        if isinstance(value, (list, dict)):
            return f"{self._field_name}(default_factory=lambda: {self._plain(value)})"
        if isinstance(value, str):
            enum = self._enum(annotation, value)
            if enum is not None:
                return enum
            if re.search(r"\bPath\b", annotation) and "${" not in value:
                return f"Path({self._plain(value)})"
        written = assignment.written.strip()
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            try:
                if type(ast.literal_eval(written)) is type(value) and ast.literal_eval(written) == value:
                    return written  # 1e-3 stays 1e-3
            except (ValueError, SyntaxError):
                pass
        return self._plain(value)

    def _plain(self, value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{self._plain(key)}: {self._plain(item)}" for key, item in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(self._plain, value)) + "]"
        if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
            return f"float({self._plain(str(value))})"
        if not isinstance(value, str):
            return repr(value)
        single = self.text.count("'") > self.text.count('"')
        text = repr(value)
        if not single and text.startswith("'") and '"' not in value:
            text = '"' + text[1:-1].replace("\\'", "'") + '"'
        return text

    def _enum(self, annotation: str, value: str) -> str | None:
        classes = {node.name: node for node in ast.walk(self._tree) if isinstance(node, ast.ClassDef)}
        for word in re.findall(r"\w+", annotation):
            members = classes[word].body if word in classes else []
            for member in members:
                if isinstance(member, ast.Assign) and any(getattr(t, "id", None) == value for t in member.targets):
                    return f"{word}.{value}"
        return None

    # -- imports -------------------------------------------------------------------------------------------------

    @property
    def _field_name(self) -> str:
        """What `dataclasses.field` is called here."""
        for node in self._tree.body:
            for alias in node.names if isinstance(node, (ast.Import, ast.ImportFrom)) else ():
                if isinstance(node, ast.Import) and alias.name == "dataclasses":
                    return f"{alias.asname or alias.name}.field"
                if isinstance(node, ast.ImportFrom) and node.module == "dataclasses" and alias.name == "field":
                    return alias.asname or "field"
        return "field"

    def import_names(self, annotation: str, value: str) -> None:
        """Import what a new line needs and the file does not have."""
        words = set(re.findall(r"(?<![\w.\"'])[A-Za-z_]\w*", annotation)) | (
            {"Path"} if value.startswith("Path(") else set()
        )
        if re.search(r"(?<![\w.])field\(", value) and self._field_name == "field":
            self._import("dataclasses", "field")
        for module, names in _HOMES.items():
            for name in names:
                if name in words:
                    self._import(module, name)

    def _import(self, module: str, name: str) -> None:
        tree = self._tree
        for node in tree.body:
            names = node.names if isinstance(node, (ast.Import, ast.ImportFrom)) else []
            if any((alias.asname or alias.name) == name for alias in names):
                return
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and node.module == module and node.names[0].name != "*":
                after = max(
                    (a for a in node.names if a.name.lower() < name.lower()), key=lambda a: a.name.lower(), default=None
                )
                place = after or node.names[0]
                if after is not None:
                    end = self._offset(place.end_lineno or 0, place.end_col_offset or 0)
                    self.text = f"{self.text[:end]}, {name}{self.text[end:]}"
                else:
                    start = self._offset(place.lineno, place.col_offset)
                    self.text = f"{self.text[:start]}{name}, {self.text[start:]}"
                return
        lines = files.lines_of(self.text)
        lines.insert(self._line_for(module), f"from {module} import {name}{self._end}")
        self.line_of_class += 1
        self.text = "".join(lines)

    def _line_for(self, module: str) -> int:
        """Behind which line an import goes: the last of the first block that comes before it in the alphabet."""
        imports = [n for n in self._tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
        plain = [n for n in imports if not (isinstance(n, ast.ImportFrom) and n.module == "__future__")]
        block: list[ast.Import | ast.ImportFrom] = []
        for node in plain:
            if block and node.lineno > (block[-1].end_lineno or 0) + 1:
                break
            block.append(node)
        before = [n for n in block if isinstance(n, ast.Import) or (n.module or "") < module]
        if before:
            return before[-1].end_lineno or 0
        if block:
            return block[0].lineno - 1
        return (imports[-1].end_lineno or 0) if imports else self._after_docstring()

    def _after_docstring(self) -> int:
        body = self._tree.body
        return (body[0].end_lineno or 0) if body and ast.get_docstring(self._tree) is not None else 0

    def _offset(self, line: int, column: int) -> int:
        """The character at a line and a column, which ast counts in bytes."""
        lines = files.lines_of(self.text)
        return sum(map(len, lines[: line - 1])) + len(lines[line - 1].encode()[:column].decode())


def _first_line(node: ast.ClassDef) -> int:
    return min(node.lineno, *(decorator.lineno for decorator in node.decorator_list), node.lineno)


def _is_field(call: ast.Call) -> bool:
    return (call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")) == "field"


def _typed(value: Any, written: str, annotation: str) -> Any:
    """The value of a field of a type: `1` is 1.0 for a float, also in a list, and stays as typed for a text."""
    base = re.sub(r"\s|\|None|None\||Optional\[", "", annotation).rstrip("]")
    if isinstance(value, list):
        inner = base.partition("[")[2]
        return [_typed(item, repr(item), inner) for item in value]
    if isinstance(value, dict):
        inner = base.partition(",")[2]
        return {key: _typed(item, repr(item), inner) for key, item in value.items()}
    if base == "float" and type(value) is int:
        return float(value)
    if base == "str" and value is not None and not isinstance(value, str):
        return written
    return value


def _type_of(value: Any, source: _Source) -> str:
    """The type that OmegaConf would hold the value as, spelled as the file spells types."""
    old = re.search(r"\b(?:List|Dict)\[", source.text) is not None
    if isinstance(value, list):
        return f"{'List' if old else 'list'}[{_common(value, source)}]"
    if isinstance(value, dict):
        keys = _common(list(value), source)
        keys = keys if keys in ("str", "int", "float", "bool") else "Any"
        return f"{'Dict' if old else 'dict'}[{keys}, {_common(list(value.values()), source)}]"
    if isinstance(value, str) and re.fullmatch(r"\$\{.*\}", value, re.DOTALL):
        return "Any"
    return "Any" if value is None else type(value).__name__


def _common(values: Sequence[Any], source: _Source) -> str:
    kinds = dict.fromkeys(_type_of(value, source) for value in values)
    if set(kinds) == {"int", "float"}:
        return "float"
    return next(iter(kinds)) if len(kinds) == 1 else "Any"
