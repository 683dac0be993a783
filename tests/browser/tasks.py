"""Five tasks of somebody who sees the page for the first time: found by what is written on it, from the overview on, each in few steps.

By hand: `TICKLER=target/debug/tickler target/browser/bin/python tests/browser/tasks.py FOLDER FOR SCREENSHOTS`.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from visit import Visit
from world import morning

# Steps (a link, a button, a field) that a person takes within a minute, reading included.
MOST_STEPS = 6


class Person:
    """Counts steps, and looks only at what is written on the page."""

    def __init__(self, browser, url, task, shots):
        self.visit = Visit(browser, url, viewport={"width": 1280, "height": 900})
        self.page, self.task, self.shots, self.steps = self.visit.page, task, shots, 0
        self.visit.go("/")

    def looks(self):
        self.visit.sound()
        if self.shots:
            self.page.screenshot(path=self.shots / f"{self.task}-{self.steps}.png", full_page=True)

    def takes(self, what):
        """Something that can be seen, and is unambiguous to whoever reads it."""
        expect(what).to_be_visible()
        what.click()
        self.steps += 1
        self.looks()

    def writes(self, field, text):
        field.fill(text)
        self.steps += 1

    def link(self, name, exact=False):
        return self.page.get_by_role("main").get_by_role("link", name=name, exact=exact).first

    def menu(self, name):
        return self.page.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True)

    def ends(self, *seen):
        for text in seen:
            expect(self.page.get_by_text(text).first).to_be_visible()
        assert self.steps <= MOST_STEPS, f"{self.task} took {self.steps} steps"
        print(f"{self.task}: {self.steps} steps")
        self.visit.close()


def who_was_not_called_yesterday_and_why(browser, url, shots):
    person = Person(browser, url, "not-called-yesterday", shots)
    person.takes(person.menu("Not called"))
    person.takes(person.link("Yesterday"))
    expect(person.page.get_by_role("heading", name="no phone")).to_be_visible()
    person.takes(person.link("A-4", exact=True))
    person.takes(person.page.get_by_text("Every rule in order"))
    person.ends("left it out: no phone", "blocks it")


def find_a_person_by_phone(browser, url, shots):
    person = Person(browser, url, "find-by-phone", shots)
    person.takes(person.menu("Calls"))
    person.writes(person.page.get_by_label("Find a person ("), "202-555-0164")
    person.takes(person.page.get_by_role("button", name="Find"))
    person.takes(person.link("A-2", exact=True))
    person.ends("Ben Sample", "accepted by")


def what_happens_tomorrow(browser, url, shots):
    person = Person(browser, url, "tomorrow", shots)
    person.takes(person.menu("Plan"))
    person.takes(person.page.get_by_role("link", name="Tomorrow", exact=True))
    person.ends("Mia Invented", "Noa Fiction", "Pat Blank")


def approve_a_held_run(browser, url, shots):
    person = Person(browser, url, "approve", shots)
    person.takes(person.link("a run is held"))
    person.takes(person.page.get_by_text("Approve: call these 6"))
    form = person.page.locator("form.act", has=person.page.get_by_role("button", name="Approve the run"))
    person.writes(form.get_by_label("Reason"), "the salon moved here")
    person.takes(form.get_by_role("button"))
    person.ends("No run is held.")


def settle_an_unknown_fate(browser, url, shots):
    person = Person(browser, url, "unknown-fate", shots)
    person.takes(person.link("of unknown fate"))
    person.takes(person.page.get_by_text("Settle it").first)
    person.takes(person.page.get_by_label("The phone rang").first)
    form = person.page.locator("form.act", has=person.page.get_by_role("button", name="Settle", exact=True)).first
    person.writes(form.get_by_label("Reason"), "she said so")
    person.takes(form.get_by_role("button"))
    person.ends("Every fate is known.")


def five_tasks(browser, url, shots=None):
    for task in (
        who_was_not_called_yesterday_and_why,
        find_a_person_by_phone,
        what_happens_tomorrow,
        settle_an_unknown_fate,
        # last: whom it calls may be of unknown fate, too
        approve_a_held_run,
    ):
        task(browser, url, shots)


if __name__ == "__main__":
    shots = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if shots:
        shots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, morning(folder, is_hostile=False) as (_, url), sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        five_tasks(browser, url, shots)
        browser.close()
