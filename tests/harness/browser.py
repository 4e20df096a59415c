"""A real Chromium without a window, driven by its own chromedriver (W3C WebDriver): what a reader of a page has."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

_FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --force-device-scale-factor=1""".split()
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"ArrowDown": "\ue015", "ArrowUp": "\ue013", "Shift": "\ue008", "Escape": "\ue00c", "Tab": "\ue004"}


def programs() -> tuple[str, str] | None:
    """Chromium and its driver; None where one is not installed."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None), shutil.which("chromedriver")
    return (str(found[0]), str(found[1])) if all(found) else None


class Browser:
    """One window. `profile` is a new folder for it."""

    def __init__(self, profile: Path, width: int = 1280, height: int = 800) -> None:
        chromium, driver = programs() or ("", "")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._driver = subprocess.Popen(
            [driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._base = f"http://127.0.0.1:{port}"
        flags = [*_FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"]
        options = {"binary": chromium, "args": flags}
        wanted = {
            "capabilities": {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}
        }
        for _ in range(100):
            try:
                self._ask("GET", "/status")
                break
            except OSError:
                time.sleep(0.1)
        self._base += f"/session/{self._ask('POST', '/session', wanted)['sessionId']}"

    def close(self) -> None:
        """End the browser and its driver."""
        try:
            self._ask("DELETE", "")
        finally:
            self._driver.terminate()
            self._driver.wait()

    def open(self, page: Path) -> None:
        """Go to a page that is a file."""
        self._ask("POST", "/url", {"url": page.as_uri()})

    def js(self, code: str, *arguments: Any) -> Any:
        """What JavaScript returns in the page."""
        return self._ask("POST", "/execute/sync", {"script": code, "args": list(arguments)})

    def click(self, css: str) -> None:
        """Click on an element."""
        self._ask("POST", f"/element/{self._find(css)}/click", {})

    def type(self, css: str, text: str) -> None:
        """Put a text into a field, in place of the one that is there."""
        found = self._find(css)
        self.js(f"document.querySelector({json.dumps(css)}).select()")
        self._ask("POST", f"/element/{found}/value", {"text": text})

    def press(self, *keys: str) -> None:
        """Press keys together where the focus is."""
        codes = [KEYS.get(key, key) for key in keys]
        actions = [{"type": "keyDown", "value": code} for code in codes]
        actions += [{"type": "keyUp", "value": code} for code in reversed(codes)]
        self._act({"type": "key", "id": "keyboard", "actions": actions})

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag the mouse between two points of the window."""

        def move(point: tuple[float, float], duration: int = 0) -> dict[str, Any]:
            return {"type": "pointerMove", "duration": duration, "x": round(point[0]), "y": round(point[1])}

        actions = [move(start), {"type": "pointerDown", "button": 0}, move(end, 60), {"type": "pointerUp", "button": 0}]
        self._act({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions})

    def prefers(self, scheme: str) -> None:
        """Have the system prefer `light` or `dark`."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.devtools("Emulation.setEmulatedMedia", {"features": features})

    def devtools(self, command: str, parameters: dict[str, Any]) -> Any:
        """A command of Chromium's developer tools."""
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def errors(self) -> list[str]:
        """What the browser has complained of."""
        return [entry["message"] for entry in self._ask("POST", "/se/log", {"type": "browser"})]

    def screenshot(self, file: Path) -> None:
        """Save what is seen as PNG."""
        file.write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))

    def _act(self, actions: dict[str, Any]) -> None:
        self._ask("POST", "/actions", {"actions": [actions]})

    def _find(self, css: str) -> str:
        return str(self._ask("POST", "/element", {"using": "css selector", "value": css})[_ELEMENT])

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()[:500]) from None
