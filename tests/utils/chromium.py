"""A headless Chromium, driven over its DevTools pipe: for tests of what web pages show."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# What the page's scripts below use: elements of a page and of the elements that hide their inside
# ("shadow roots"), and all text.
SCRIPT = """
const deep = (selector, root = document) => {
    const inside = [...root.querySelectorAll("*")].filter(e => e.shadowRoot);
    const found = inside.flatMap(e => deep(selector, e.shadowRoot));
    return [...root.querySelectorAll(selector), ...found];
};
const text = node => {
    if (node.nodeType === Node.TEXT_NODE) return node.textContent.trim();
    if (["STYLE", "SCRIPT", "TEMPLATE", "NOSCRIPT"].includes(node.nodeName)) return "";
    const parts = [...(node.shadowRoot ? node.shadowRoot.childNodes : []), ...node.childNodes];
    return parts.map(text).filter(Boolean).join("\\n");
};
"""


def find_chromium() -> str | None:
    """The path of the browser, or None where there is none."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


class Browser:
    """One page. Use it as a context manager."""

    def __init__(self, program: str, profile: Path) -> None:
        commands, self._commands = _pipe()
        self._answers, answers = _pipe()

        def give_pipes() -> None:
            os.dup2(commands, 3)
            os.dup2(answers, 4)

        options = ["--headless=new", "--remote-debugging-pipe", "--no-sandbox"]
        options += ["--disable-dev-shm-usage", "--window-size=1600,1400"]
        self._process = subprocess.Popen(
            [program, *options, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=give_pipes,
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._received = b""
        self._number = 0
        self._session: dict[str, str] = {}
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": session["sessionId"]}

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._commands)
        os.close(self._answers)

    def call(self, method: str, **parameters: Any) -> dict:
        """The result of a DevTools command."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters, **self._session}
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next_message()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def _next_message(self) -> dict:
        while b"\0" not in self._received:
            data = os.read(self._answers, 1 << 16)
            if not data:
                raise RuntimeError("the browser has ended")
            self._received += data
        message, _, self._received = self._received.partition(b"\0")
        return json.loads(message)

    def open(self, url: str) -> None:
        """Go to a page."""
        self.call("Page.navigate", url=url)

    def run(self, body: str) -> Any:
        """What the JavaScript ``body`` returns in the page; it may use ``deep`` and ``text``."""
        expression = f"(async () => {{ {SCRIPT} {body} }})()"
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def wait_for(self, body: str, seconds: float = 60) -> Any:
        """What ``body`` returns as soon as that is true; TimeoutError where it never is."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := self.run(body):
                return value
            time.sleep(0.1)
        raise TimeoutError(f"{body} is never true; the page shows\n{self.text()}")

    def text(self) -> str:
        """All text that the page has."""
        return self.run("return text(document.documentElement)")

    def point_at(self, x: float, y: float) -> None:
        """Move the mouse."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)


def _pipe() -> tuple[int, int]:
    """A pipe whose ends have numbers from 10 on, out of the way of those that Chromium wants."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return moved
