"""A whole day at the page in a real browser: everything that is shown, and everything that a person can decide.

Called by `tests/browser.rs`; by hand: `TICKLER=target/debug/tickler target/browser/bin/python tests/browser/day.py [FOLDER FOR
SCREENSHOTS]`.
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from tasks import five_tasks
from visit import Visit
from world import BROKEN, morning

WIDTHS = (360, 768, 1440)
THEMES = ("light", "dark")
PAGES = {
    "overview": "/",
    "calls": "/calls",
    "one-event": "/calls?event=delivery&since=today",
    "appointment": "/appointment?schedule=day-before&id=A-3",
    "not-called": "/not-called?day=today",
    "outcomes": "/outcomes",
    "plan": "/plan",
    "tomorrow": "/plan?when=tomorrow",
    "week": "/plan?when=week",
    "schedules": "/schedules",
    "schedule": "/schedules/day-before",
    "broken": "/schedules/broken",
    "held": "/held",
    "opt-outs": "/opt-outs",
    "sign-in": "/sign-in",
    "no-such-page": "/no-such-page",
}


def look_at_everything(browser, url, shots):
    """Every page in both themes at every width: no violation, nothing cut off, nothing foreign."""
    wrong = []
    for theme in THEMES:
        for width in WIDTHS:
            visit = Visit(browser, url, color_scheme=theme, viewport={"width": width, "height": 900})
            for name, path in PAGES.items():
                visit.go(path)
                found = Axe().run(visit.page)
                if found.violations_count:
                    wrong.append(f"{name}, {theme}, {width}: {found.generate_report()}")
                overflow = visit.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
                if overflow > 0:
                    wrong.append(f"{name} is {overflow} px too wide at {width}")
                if shots:
                    visit.page.screenshot(path=shots / f"{name}-{theme}-{width}.png", full_page=True)
            visit.close()
    assert not wrong, "\n".join(wrong)


def without_script(browser, url):
    """Everything is there without JavaScript."""
    visit = Visit(browser, url, java_script_enabled=False)
    visit.go("/calls")
    visit.page.get_by_label("What happened").select_option("reminder.skipped")
    visit.page.get_by_role("button", name="Filter").click()
    assert "event=reminder.skipped" in visit.page.url
    expect(visit.page.locator(".mark", has_text="not called").first).to_be_visible()
    visit.close()


def by_keyboard(browser, url):
    """The first stop skips the menu, and every stop is seen."""
    visit = Visit(browser, url)
    visit.go("/")
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.className") == "skip"
    visit.page.keyboard.press("Enter")
    for _ in range(30):
        visit.page.keyboard.press("Tab")
        if visit.page.evaluate("document.activeElement === document.body"):
            break  # after the last stop
        seen = visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert seen != "none", visit.page.evaluate("document.activeElement.outerHTML")
    visit.close()


def decide(browser, url, world):
    """What a person decides is done and recorded under the person's name."""
    visit = Visit(browser, url)
    page = visit.page

    def act(summary, button, reason):
        if summary:
            page.get_by_text(summary).first.click()
        form = page.locator("form.act", has=page.get_by_role("button", name=button)).first
        form.get_by_label("Reason").fill(reason)
        form.get_by_role("button", name=button).click()
        expect(page.get_by_role("status")).to_be_visible()
        visit.sound()

    # what the five tasks decided: a held run and an unknown fate
    approved = world.wait_for("operator.approved")[0]
    assert "the salon moved here" in approved["detail"], approved
    resolved = world.wait_for("operator.resolved", 2)[-1]
    assert resolved["detail"] == "she said so", resolved
    assert resolved["actor"] == approved["actor"] and resolved["actor"] not in ("service", None), resolved
    # the kill switch
    visit.go("/")
    act(None, "Pause everything", "the lines are down")
    expect(page.get_by_text("Paused: nobody is called.")).to_be_visible()
    act(None, "Resume everything", "the lines are back")
    assert world.wait_for("operator.resumed")[-1]["detail"] == "the lines are back"
    # one schedule
    visit.go("/schedules/day-before")
    act(None, "Pause this schedule", "holidays")
    act(None, "Resume this schedule", "back")
    # a person who is never to be called again, found without showing the number
    visit.go("/appointment?schedule=day-before&id=A-1")
    assert "+12025550143" not in page.content()
    act("Never call this number again", "Put it on the opt-out list", "asked for it")
    visit.go("/opt-outs")
    expect(page.get_by_role("cell", name="***0143")).to_be_visible()
    form = page.locator("form.act", has=page.get_by_role("button", name="Take it off the list"))
    form.get_by_label("Phone").fill("202-555-0143")
    form.get_by_label("Reason").fill("a mistake")
    form.get_by_role("button", name="Take it off the list").click()
    expect(page.get_by_text("The list is empty.")).to_be_visible()
    # a whole number is shown to whoever asks by name, and the log has it
    visit.go("/appointment?schedule=day-before&id=A-1")
    page.get_by_role("button", name="Show whole numbers").click()
    expect(page.get_by_text("+12025550143").first).to_be_visible()
    world.wait_for("operator.revealed")
    # a person is found by phone, and no address has the number
    visit.go("/calls")
    page.get_by_label("Find a person (").fill("+1 202-555-0164")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("link", name="A-2").first).to_be_visible()
    assert "5550164" not in page.url and page.get_by_role("link", name="A-1").count() == 0, page.url
    # what is filtered is exported, and the log has it
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV for a spreadsheet").click()
    rows = Path(download.value.path()).read_text().splitlines()
    assert rows[0].startswith("seq,at,event") and len(rows) > 2 and "5550164" not in "".join(rows), rows[:3]
    world.wait_for("operator.exported")
    visit.close()


def print_tomorrow(browser, url, folder):
    """Tomorrow's list and one story go to paper without menus and forms."""
    visit = Visit(browser, url)
    for name, path in (("tomorrow", "/plan?when=tomorrow"), ("story", "/appointment?schedule=day-before&id=A-2")):
        visit.go(path)
        visit.page.emulate_media(media="print")
        assert not visit.page.get_by_role("navigation").first.is_visible()
        assert visit.page.locator("button:visible").count() == 0
        printed = folder / f"{name}.pdf"
        visit.page.pdf(path=printed, format="A4")
        assert printed.read_bytes().startswith(b"%PDF"), name
        visit.page.emulate_media(media="screen")
    visit.close()


def sign_in(browser, url, world):
    """Somebody who may only look signs in, can't decide, and is signed out when the token is removed."""
    token = world.run("page", "token", "add", "tom", "--may", "read").stdout.strip()
    visit = Visit(browser, url)
    visit.go("/sign-in")
    visit.page.get_by_label("Your token").fill(token)
    visit.page.get_by_role("button", name="Sign in").click()
    expect(visit.page.get_by_text("Signed in as tom (may read only)")).to_be_visible()
    assert visit.page.get_by_role("button", name="Pause everything").count() == 0
    cookie = visit.context.cookies()[0]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict", cookie
    world.run("page", "token", "remove", "tom")
    visit.go("/")
    expect(visit.page.get_by_text("On this machine nobody needs to sign in.")).to_be_visible()
    visit.close()


def code_frames(browser, url):
    """A schedule file with mistakes is shown with each of them in its place."""
    visit = Visit(browser, url)
    visit.go("/")
    visit.page.get_by_role("main").get_by_role("link", name="broken: ").first.click()
    frames = visit.page.locator("pre.frame")
    assert frames.count() >= 2
    for text in ("--> schedules/broken.toml:2:12", "did you mean `America/New_York`?", "did you mean `path`?"):
        expect(frames.filter(has_text=text).first).to_be_visible()
    visit.close()


def day(folder, shots):
    with morning(folder) as (world, url), sync_playwright() as playwright:
        world.write("schedules/broken.toml", BROKEN)
        world.wait_for("config.rejected")
        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        begun = time.monotonic()
        for step in (
            lambda: look_at_everything(browser, url, shots),
            lambda: without_script(browser, url),
            lambda: by_keyboard(browser, url),
            lambda: code_frames(browser, url),
            lambda: print_tomorrow(browser, url, world.folder),
            lambda: five_tasks(browser, url, shots),
            lambda: decide(browser, url, world),
            lambda: sign_in(browser, url, world),
        ):
            step()
        print(f"the page was looked at for {time.monotonic() - begun:.0f} s")
        browser.close()
        verified = world.run("audit", "verify")
        assert verified.returncode == 0, verified.stdout


if __name__ == "__main__":
    shots = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if shots:
        shots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        day(folder, shots)
