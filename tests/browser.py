"""Pages in a headless Chromium, spoken to over pipes: what they ask for, say, and look like.

The commands are those of the Chrome DevTools Protocol, https://chromedevtools.github.io/.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import pytest

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome")
     if (found := shutil.which(name))), None,
)  # fmt: skip

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

_SECONDS = 60.0

# The browser reads commands from 3 and writes answers to 4, wherever the pipes are.
_LAUNCH = """
import os, sys
pipes = [os.dup(os.dup(os.dup(int(number)))) for number in sys.argv[1:3]]
for pipe, wanted in zip(pipes, (3, 4)):
    os.dup2(pipe, wanted)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Page:
    """One page, loaded and watched.

    Attributes
    ----------
    requests : list of str
        Addresses that it asked for, data inside of it apart.
    complaints : list of str
        What the browser or the page wrote on the console, and exceptions.
    """

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._number, self._buffer, self._session = 0, b"", ""
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for part in ("Page", "Network", "Runtime", "Log"):
            self._call(f"{part}.enable")

    def open(
        self, file: Path, width: int = 1280, *, scheme: Literal["light", "dark"] = "light"
    ) -> None:
        """Load a file at a width in pixels."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=900,
                   deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self._call("Emulation.setEmulatedMedia", features=[feature])
        self.requests.clear()
        self.complaints.clear()
        self._call("Page.navigate", url=file.absolute().as_uri())
        self._wait("Page.loadEventFired")

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """Press a key, such as ("Tab", 9)."""
        for kind in ("keyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code)

    def click(self, x: float, y: float) -> None:
        """Press and let go the mouse at a place of the window."""
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def screenshot(self) -> bytes:
        """Return the whole page as a PNG file."""
        answer = self._call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(answer["data"])

    def printed(self) -> bytes:
        """Return the page as a PDF file."""
        return base64.b64decode(self._call("Page.printToPDF", preferCSSPageSize=True)["data"])

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            self._note(answer)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def _wait(self, event: str) -> None:
        while (message := self._next()).get("method") != event:
            self._note(message)

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + _SECONDS
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], max(0, until - time.monotonic()))
            assert ready, "the browser does not answer"
            read = os.read(self._answers, 1 << 20)
            assert read, "the browser ended"
            self._buffer += read
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        told = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                if not told["request"]["url"].startswith("data:"):
                    self.requests.append(told["request"]["url"])
            case "Runtime.consoleAPICalled":
                self.complaints.append(str(told["args"]))
            case "Runtime.exceptionThrown":
                self.complaints.append(str(told["exceptionDetails"]))
            case "Log.entryAdded":
                self.complaints.append(told["entry"]["text"])


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """Start a browser whose profile lies in a folder, and end it."""
    assert CHROMIUM is not None
    commands_out, commands_in = os.pipe()
    answers_out, answers_in = os.pipe()

    options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
    quiet = ("--no-first-run", "--disable-background-networking", "--disable-component-update")
    options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
    quiet = ("--no-first-run", "--disable-background-networking", "--disable-component-update")
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            _LAUNCH,
            str(commands_out),
            str(answers_in),
            CHROMIUM,
            *options,
            *quiet,
            f"--user-data-dir={folder}",
            "--remote-debugging-pipe",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(commands_out, answers_in),
    )
    os.close(commands_out)
    os.close(answers_in)
    try:
        yield Page(commands_in, answers_out)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()
        os.close(commands_in)
        os.close(answers_out)
