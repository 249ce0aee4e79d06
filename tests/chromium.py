"""Chromium by the DevTools protocol, through a pair of pipes; conftest.py has the fixture."""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import time

BROWSER = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome", "chrome")
        if (found := shutil.which(name))
    ),
    None,
)
# Seconds for an answer of the browser; only a hang reaches it.
LIMIT = 120


def _pipe():
    """A pipe whose ends have numbers above 4, which the browser's own ends take."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high


class Browser:
    """Chromium that is driven through a pair of pipes, with messages that end in a zero byte."""

    def __init__(self, folder):
        to_browser, self._to = _pipe()
        self._from, from_browser = _pipe()
        # the browser reads from descriptor 3 and writes to 4
        script = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
        flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}"]
        flags += ["--disable-background-networking", "--disable-component-update"]
        flags += ["--disable-sync", "--no-first-run", "--remote-debugging-pipe"]
        flags += ["--disable-dev-shm-usage"]
        self._process = subprocess.Popen(
            ["bash", "-c", script, BROWSER, *flags, "about:blank"],
            pass_fds=(to_browser, from_browser),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._rest, self._count, self.events, self._session = b"", 0, [], None
        targets = self("Target.getTargets")["targetInfos"]
        target = next(each["targetId"] for each in targets if each["type"] == "page")
        attached = self("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self(f"{domain}.enable")

    def _message(self):
        while b"\0" not in self._rest:
            part = os.read(self._from, 2**16)
            if not part:
                raise EOFError("the browser has ended")
            self._rest += part
        line, self._rest = self._rest.split(b"\0", 1)
        return json.loads(line)

    def __call__(self, method, **parameters):
        """Send a command of the DevTools protocol and return its result."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def js(self, expression):
        """Return the value of an expression in the page."""
        found = self("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def open(self, url, width=1280, height=900, scheme="light"):
        """Open a page at a size of the window, and wait for the end of its script."""
        self.events.clear()
        self(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self("Emulation.setEmulatedMedia", features=features)
        self("Page.navigate", url=url)
        deadline = time.monotonic() + LIMIT
        while (
            self.js("document.readyState") != "complete"
            or self.js("location.href") == "about:blank"
        ):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def problems(self, own=("file:", "data:")):
        """Messages of the console, exceptions, and requests for what does not begin with `own`."""
        self.js("1")
        found = []
        for event in self.events:
            method, what = event["method"], event.get("params", {})
            if method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
                found.append(what)
            elif method == "Network.requestWillBeSent":
                url = what["request"]["url"]
                if not url.startswith(own):
                    found.append(url)
        return found

    def close(self):
        """End the browser."""
        with contextlib.suppress(OSError, EOFError, AssertionError):
            self._session = None
            self("Browser.close")
        try:
            self._process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
        os.close(self._to)
        os.close(self._from)
