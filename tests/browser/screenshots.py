"""Makes the screenshots of the README anew: `TICKLER=target/debug/tickler target/browser/bin/python tests/browser/screenshots.py`."""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from visit import Visit
from world import morning

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "page"
SCREENS = (
    ("overview", "/", "light"),
    ("appointment", "/appointment?schedule=day-before&id=A-3", "dark"),
    ("not-called", "/not-called?day=today", "light"),
)

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, morning(folder, is_hostile=False) as (_, url), sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, path, theme in SCREENS:
            visit = Visit(browser, url, color_scheme=theme, viewport={"width": 1100, "height": 700})
            visit.go(path)
            visit.page.screenshot(path=FOLDER / f"{name}.png", full_page=True)
            visit.close()
        browser.close()
