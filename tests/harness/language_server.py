"""A session with the real yaml-language-server, as an editor has one: over its standard input and output."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class LanguageServer:
    """The server of a project. `settings` are what the user's editor has, such as .vscode/settings.json."""

    def __init__(self, program: Path, root: Path, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._process = subprocess.Popen(
            ["node", str(program), "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=root,
        )
        self._number = 0
        folder = {"uri": root.as_uri(), "name": root.name}
        capabilities = {
            "workspace": {"configuration": True, "workspaceFolders": True},
            "textDocument": {
                "hover": {"contentFormat": ["markdown"]},
                "completion": {"completionItem": {"snippetSupport": True, "documentationFormat": ["markdown"]}},
            },
        }
        self.ask(
            "initialize",
            {"processId": None, "rootUri": root.as_uri(), "workspaceFolders": [folder], "capabilities": capabilities},
        )
        self._send({"method": "initialized", "params": {}})
        self._send({"method": "workspace/didChangeConfiguration", "params": {"settings": self._nested()}})

    def __enter__(self) -> LanguageServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def problems(self, path: Path, text: str | None = None) -> list[dict[str, Any]]:
        """The squiggles in a file, or in another text of it."""
        text = path.read_text("utf-8") if text is None else text
        self._number += 1  # a version that the server has not seen: it keeps what it has parsed
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": self._number, "text": text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        return self._published(path)

    def hover(self, path: Path, line: int, column: int) -> str:
        """What is shown at a place, counted from 0, of a file that is open."""
        answer = self.ask("textDocument/hover", self._at(path, line, column))
        return str(answer["contents"]["value"]) if answer else ""

    def completions(self, path: Path, line: int, column: int) -> list[dict[str, Any]]:
        """What is offered at a place of a file that is open."""
        answer = self.ask("textDocument/completion", self._at(path, line, column))
        return list(answer["items"] if isinstance(answer, dict) else answer or [])

    def close(self, path: Path) -> None:
        """Close a file, whose squiggles the server then takes away."""
        self._send({"method": "textDocument/didClose", "params": {"textDocument": {"uri": path.as_uri()}}})
        self._published(path)

    def ask(self, method: str, params: Mapping[str, Any]) -> Any:
        """The answer to a request."""
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        while True:
            message = self._receive()
            if message.get("id") == self._number and "method" not in message:
                return message.get("result")

    def _published(self, path: Path) -> list[dict[str, Any]]:
        while True:
            message = self._receive()
            about = message.get("method") == "textDocument/publishDiagnostics"
            if about and message["params"]["uri"] == path.as_uri():
                return list(message["params"]["diagnostics"])

    def _at(self, path: Path, line: int, column: int) -> dict[str, Any]:
        return {"textDocument": {"uri": path.as_uri()}, "position": {"line": line, "character": column}}

    def _nested(self) -> dict[str, Any]:
        yaml = {key.removeprefix("yaml."): value for key, value in self._settings.items() if key.startswith("yaml.")}
        off = {"schemaStore": {"enable": False}, "validate": True, "hover": True, "completion": True}
        return {"yaml": {**off, **yaml}}

    def _send(self, message: Mapping[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        """The next message; what the server asks meanwhile is answered."""
        assert self._process.stdout
        length = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, "the language server has gone"
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        if "method" in message and "id" in message:
            result: Any = None
            if message["method"] == "workspace/configuration":
                result = [self._nested().get(item.get("section", "")) for item in message["params"]["items"]]
            self._send({"id": message["id"], "result": result})
        return message
