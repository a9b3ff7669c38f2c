"""Take the documents' pictures: `python docs/take_pictures.py` runs the real demo and photographs its chat page.

Needs Chromium on the path, and a font with colour emoji (Debian: chromium, fonts-noto-color-emoji).
"""

from __future__ import annotations

import ast
import asyncio
import json
import os
import pty
import re
import shutil
import signal
import sys
import sysconfig
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Page, async_playwright, expect

PICTURES = Path(__file__).parent / "images"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
BUDGET = "75s"
WITHIN = 180_000
"""Milliseconds that training and everything around it may take."""
FILLED = "▰" * 6
"""So much of the bar, and the curve has a shape."""

DROP = """([name, text]) => {
    const data = new DataTransfer();
    data.items.add(new File([text], name));
    document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
}"""
NOT_OURS = {"test", "tests", "site-packages", "dist-packages", "idlelib"}


async def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("There is no chromium on the path; install it (Debian: apt install chromium).")
    PICTURES.mkdir(exist_ok=True)
    async with demo() as address, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = await browser.new_page(viewport={"width": 1280, "height": 1000})
        await page.goto(address)
        log = page.get_by_role("log")
        card = log.get_by_role("listitem").filter(has_text=FILLED)
        await expect(card).to_be_visible(timeout=WITHIN)
        await card.evaluate("message => message.scrollIntoView()")
        await photograph(page, "chat.png")
        done = log.get_by_role("listitem").filter(has_text="has finished")
        await expect(done).to_be_visible(timeout=WITHIN)
        await done.evaluate("message => message.scrollIntoView()")
        await photograph(page, "finished.png")
        await page.evaluate(DROP, ["docstrings.jsonl", "".join(docstrings())])
        await page.get_by_role("button", name="Send").click()
        card = log.get_by_role("listitem").filter(has=page.get_by_role("button", name="Delete"))
        await expect(card).to_be_visible(timeout=WITHIN)
        # a card with all its parts is higher than the others
        await page.set_viewport_size({"width": 1280, "height": 1120})
        await page.get_by_role("status", name="Notifications").evaluate("toasts => toasts.replaceChildren()")
        await photograph(page, "dataset.png")
        await browser.close()


def docstrings() -> Iterator[str]:
    """A text that everybody has: what Python's standard library says of itself, a line of JSON for each docstring."""
    library = Path(sysconfig.get_path("stdlib"))
    for path in sorted(library.rglob("*.py")):
        if NOT_OURS.isdisjoint(path.relative_to(library).parts):
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and (docstring := ast.get_docstring(node)):
                    yield json.dumps({"name": node.name, "docstring": docstring}) + "\n"


async def photograph(page: Page, name: str) -> None:
    """The page as it is, once every picture in it has come."""
    await page.wait_for_function("[...document.images].every(image => image.complete && image.naturalWidth)")
    await page.screenshot(path=PICTURES / name, animations="disabled")
    print(PICTURES.name, name, f"{(PICTURES / name).stat().st_size / 1024:.0f} KiB", sep="  ")


@asynccontextmanager
async def demo() -> AsyncIterator[str]:
    """`spotter demo` on a terminal, where it stays up after training; yields the address of its chat page."""
    ours, theirs = pty.openpty()
    with tempfile.TemporaryDirectory() as home:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "demo", "--budget", BUDGET, "--port", "0"),
            env={**os.environ, "SPOTTER_HOME": home},
            stdin=theirs,
            stdout=theirs,
        )
        os.close(theirs)
        said = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(said), os.fdopen(ours, "rb", buffering=0)
        )
        try:
            address = ""
            while not address:
                match = re.search(rb"http://127\.0\.0\.1:\d+/", await said.readline())
                address = match[0].decode() if match else ""
            drain = asyncio.create_task(_forget(said))
            yield address
            drain.cancel()
        finally:
            process.send_signal(signal.SIGINT)
            await process.wait()
            transport.close()


async def _forget(stream: asyncio.StreamReader) -> None:
    """A terminal that nobody reads would stop the demo."""
    while await stream.read(1 << 16):
        pass


if __name__ == "__main__":
    asyncio.run(main())
