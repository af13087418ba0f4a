"""Look at the HTML report as people will see it: pictures of real reports in Chromium, to be looked at.

    python -m bench.pages [FOLDER]     # by default build/pages
    python -m bench.pages --docs       # writes docs/report.en.png and docs/report.zh.png anew, and nothing else

Two calls are held through the program itself with the offline engine, one in Chinese and one in English; a third and
fourth are those of the tests that have one of everything, a fifth and sixth the recorded ones (`bench.replay`). Each
report is shown on a desktop, in the dark, on a phone and on paper. It fails where a page asks for anything but itself,
or is wider than the screen. The pictures in `docs` are the beginnings of the last two on a desktop.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from bench.replay import Recorded, Replies, held, recorded, settings
from simulator.debrief import web
from tests.screens import ROOT, clean, piped
from tests.test_report import mixed
from tests.wire import Wire

CALLS = {
    "en": (
        "truck-loan-extra",
        [
            "Morning, Mr. Sizemore. I'll just tell you, right here on the phone. No mail.",
            "",
            "I understand how you feel, sir. The letter we sent explains the charge on page two.",
            "Who usually reads the letters with you? I can go through them by phone, every month, so you need nobody.",
            "I've taken the insurance off, and the eighty-eight dollars is back on Friday.",
            "/end",
            "/guess He cannot read the letters.",
            "/guess no mail, the red stripe",
        ],
    ),
    "zh": (
        "app-not-responding",
        [
            "阿姨您好，字儿小看不清，这不怪您，是我们改了版。",
            "",
            "理解您的心情，您点右上角就可以了。",
            "您是想自己学会，不想老麻烦孩子，对吗？咱们一步一步来，您拿笔记着。",
            "大字版已经给您打开了，下个月您自己就能查，有事打这个直线找我。",
            "/结束",
            "/guess 她想自己学会，不想老麻烦孩子",
            "/guess 孩子不在家，说了两回；找笔",
        ],
    ),
}
LOOKS = {
    "desktop": {"width": 1280, "height": 900, "mobile": False, "scheme": "light"},
    "dark": {"width": 1280, "height": 900, "mobile": False, "scheme": "dark"},
    "phone": {"width": 375, "height": 812, "mobile": True, "scheme": "light"},
}
IN_DOCS_PX = 1500
MISSING = "{what} not found; on Debian and Ubuntu: apt-get install chromium fonts-noto-cjk poppler-utils"


def main() -> int:
    """Make the reports and their pictures; the exit code says whether a page failed."""
    if missing := lacking():
        print(MISSING.format(what=missing), file=sys.stderr)
        return 1
    if sys.argv[1:] == ["--docs"]:
        return pictures_for_docs()
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "pages").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    faults = []
    with chromium() as browser:
        for name, html in reports():
            file = folder / f"{name}.html"
            file.write_text(html, encoding="utf-8")
            faults += [f"{file.name}: {fault}" for fault in browser.look(file)]
            pdf = file.with_suffix(".pdf")
            subprocess.run(["pdftoppm", "-r", "70", "-png", str(pdf), str(file.with_name(f"{name}-print"))], check=True)
            print(f"{name}: {len(html.encode()) / 1024:.0f} kB, pictures in {folder}", flush=True)
    for fault in faults:
        print(fault, file=sys.stderr)
    return bool(faults)


def pictures_for_docs() -> int:
    """The beginning of the report of each recorded call, as it stands in `docs/screens*.md`."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        for language in CALLS:
            file = Path(folder) / f"{language}.html"
            file.write_text(of_recorded(recorded(language)), encoding="utf-8")
            picture = browser.picture(file, "desktop", height=IN_DOCS_PX)
            (ROOT / "docs" / f"report.{language}.png").write_bytes(picture)
            print(f"report.{language}.png: {len(picture) / 1024:.0f} kB")
    return 0


def lacking() -> str:
    """What is not installed; an empty text if everything is."""
    if not _chromium():
        return "Chromium"
    if not shutil.which("pdftoppm"):
        return "pdftoppm"
    if not shutil.which("fc-list"):
        return ""  # no fontconfig, so no Debian: the pictures will show it
    fonts = subprocess.run(["fc-list", ":lang=zh-cn"], capture_output=True, text=True, check=False).stdout
    return "" if fonts.strip() else "A Chinese font"


def _chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


def reports() -> Iterator[tuple[str, str]]:
    """Every report by name."""
    for language, (persona, lines) in CALLS.items():
        with tempfile.TemporaryDirectory() as folder:
            environment = clean(Path(folder))
            held = piped("chat", persona, "--offline", "--lang", language, env=environment, typed="\n".join(lines))
            made = piped("report", "1", "-o", "-", "--lang", language, env=environment)
            if held.returncode or made.returncode:
                raise SystemExit(held.stderr + made.stderr)
            yield f"call-{language}", made.stdout
    for language in CALLS:
        yield f"recorded-{language}", of_recorded(recorded(language))
        call = mixed(language)
        yield f"everything-{language}", web.page(call.persona, call.events, call.texts, 12)


def of_recorded(call: Recorded) -> str:
    """The report of a recorded call that was held again."""
    with tempfile.TemporaryDirectory() as folder, Wire(Replies(call)) as wire:
        env = settings(Path(folder), call, wire)
        held(call, env)
        made = piped("report", "1", "-o", "-", "--lang", call.language, env=env)
        if made.returncode:
            raise SystemExit(made.stderr)
        return made.stdout


# --- the browser -----------------------------------------------------------------------------------------


class Browser:
    """Chromium, spoken to over its DevTools protocol: one JSON message, then a zero byte."""

    def __init__(self, out: BinaryIO, back: BinaryIO) -> None:
        self._out, self._back, self._id = out, back, 0
        self.asked_for: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = ""
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network"):
            self._call(f"{domain}.enable")

    def look(self, file: Path) -> list[str]:
        """Pictures of a page beside its file, and a PDF; what is wrong with it."""
        faults = []
        for look, how in LOOKS.items():
            file.with_name(f"{file.stem}-{look}.png").write_bytes(self.picture(file, look))
            size = self._call("Page.getLayoutMetrics")["cssContentSize"]
            if size["width"] > how["width"]:
                faults.append(f"{look}: {size['width']} px wide on a screen of {how['width']}")
            faults += [f"{look}: asks for {url}" for url in self.asked_for if url != file.as_uri()]
        self._call("Emulation.setEmulatedMedia", features=[])
        pdf = self._call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"]
        file.with_suffix(".pdf").write_bytes(base64.b64decode(pdf))
        return faults

    def picture(self, file: Path, look: str, height: int | None = None) -> bytes:
        """The page as a PNG; `height` cuts it, in pixels."""
        how = LOOKS[look]
        self.asked_for = []
        screen = {name: how[name] for name in ("width", "height", "mobile")}
        self._call("Emulation.setDeviceMetricsOverride", deviceScaleFactor=1, **screen)
        scheme = {"name": "prefers-color-scheme", "value": how["scheme"]}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self._call("Page.navigate", url=file.as_uri())
        self._until("Page.loadEventFired")
        size = self._call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": how["width"], "height": height or size["height"], "scale": 1}
        data = self._call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"]
        return base64.b64decode(data)

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._id += 1
        message = {"id": self._id, "method": method, "params": params}
        if getattr(self, "_session", ""):
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        self._out.flush()
        while (answer := self._read()).get("id") != self._id:
            pass
        if "error" in answer:
            raise SystemExit(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _until(self, event: str) -> None:
        while self._read().get("method") != event:
            pass

    def _read(self) -> dict[str, Any]:
        raw = bytearray()
        while (byte := self._back.read(1)) != b"\0":
            if not byte:
                raise SystemExit("Chromium has ended")
            raw += byte
        message: dict[str, Any] = json.loads(raw)
        if message.get("method") == "Network.requestWillBeSent":
            self.asked_for.append(message["params"]["request"]["url"])
        return message


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of its own, with an empty profile."""
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    options = ["--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]
    if os.name == "posix" and os.getuid() == 0:
        options.append("--no-sandbox")  # as root there is none
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # The protocol wants the descriptors 3 and 4.
        line = f'exec "$0" "$@" 3<&{to_read} 4>&{from_write}'
        command = ["sh", "-c", line, str(_chromium()), *options, f"--user-data-dir={profile}"]
        fds = (to_read, from_write)
        with subprocess.Popen(command, pass_fds=fds, stderr=subprocess.DEVNULL) as process:
            os.close(to_read)
            os.close(from_write)
            with os.fdopen(to_write, "wb") as out, os.fdopen(from_read, "rb") as back:
                try:
                    yield Browser(out, back)
                finally:
                    process.terminate()


if __name__ == "__main__":
    raise SystemExit(main())
