"""Reads calendars over CalDAV from real servers: Radicale and Xandikos, started here on loopback.

Each gets the same events; the plan of the recipe in examples/booking/caldav.toml must have those of the next day, a moved
instance of a series at its new time, and none that is cancelled."""

import base64
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

TICKLER = os.environ["TICKLER"]
BIN = pathlib.Path(os.environ["PEERS"], "venv", "bin")
RECIPE = pathlib.Path(__file__).parents[2] / "examples" / "booking" / "caldav.toml"
NOW = "2026-11-24T14:00:00Z"
DESCRIPTION = "DESCRIPTION:Call +1 202-555-01{:02}"

# Each event's name with its lines; those of the plan say when they are called.
EVENTS = {
    "plain": ["DTSTART:20261125T150000Z", "DTEND:20261125T153000Z"],
    "in-a-zone": ["DTSTART;TZID=Europe/Berlin:20261125T180000", "DURATION:PT30M"],
    "weekly": ["DTSTART;TZID=America/New_York:20261104T090000", "RRULE:FREQ=WEEKLY;COUNT=10"],
    "ended": ["DTSTART:20261104T160000Z", "RRULE:FREQ=WEEKLY;UNTIL=20261111T160000Z"],
    "left-out": ["DTSTART:20261104T170000Z", "RRULE:FREQ=WEEKLY", "EXDATE:20261125T170000Z"],
    "cancelled": ["DTSTART:20261125T190000Z", "STATUS:CANCELLED"],
    "another-day": ["DTSTART:20261202T150000Z"],
}
MOVED = ["DTSTART:20261104T200000Z", "RRULE:FREQ=WEEKLY"], ["RECURRENCE-ID:20261125T200000Z", "DTSTART:20261125T213000Z"]
WANTED = {"2026-11-25T10:00:00-05:00", "2026-11-25T12:00:00-05:00", "2026-11-25T09:00:00-05:00", "2026-11-25T16:30:00-05:00"}

MAKE_CALENDAR = b"""<?xml version="1.0" encoding="utf-8"?>
<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>
<D:displayname>bookings</D:displayname></D:prop></D:set></C:mkcalendar>"""


def calendar(name, *events, number):
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//a desk//EN"]
    for event in events:
        lines += ["BEGIN:VEVENT", f"UID:{name}@desk.example", "DTSTAMP:20261101T000000Z", "SUMMARY:Check-up"]
        lines += [DESCRIPTION.format(number), *event, "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def send(method, url, body=b"", kind="text/calendar"):
    headers = {"Content-Type": kind, "Authorization": "Basic " + base64.b64encode(b"desk:secret").decode()}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method), timeout=20) as answer:
        return answer.status


def wait_for(port):
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the server did not start")


def fill(folder_url):
    for number, (name, event) in enumerate(EVENTS.items()):
        send("PUT", f"{folder_url}{name}.ics", calendar(name, event, number=number))
    send("PUT", f"{folder_url}moved.ics", calendar("moved", *MOVED, number=42))


def planned(folder_url):
    recipe = RECIPE.read_text()
    recipe = re.sub(r'url    = "[^"]*"', f'url    = "{folder_url}"', recipe)
    with tempfile.TemporaryDirectory() as folder:
        schedules = pathlib.Path(folder, "schedules")
        schedules.mkdir()
        schedules.joinpath("desk.toml").write_text(recipe)
        variables = {"CALDAV_PASSWORD": "secret", "THOUGHTLY_AUTOMATION_URL": "http://127.0.0.1:9/"}
        command = [TICKLER, "plan", "desk", "--now", NOW, "--format", "json"]
        ended = subprocess.run(command, cwd=folder, env=os.environ | variables, capture_output=True, text=True)
    if ended.returncode != 0:
        raise SystemExit(ended.stderr)
    plan = json.loads(ended.stdout)[0]
    return {call["starts_at"] for call in plan["reminders"]}, {skip["reason"] for skip in plan["skipped"]}


def radicale(folder, port):
    users = pathlib.Path(folder, "users")
    users.write_text("desk:secret\n")
    options = [f"--server-hosts=127.0.0.1:{port}", "--auth-type=htpasswd", f"--auth-htpasswd-filename={users}"]
    options += ["--auth-htpasswd-encryption=plain", f"--storage-filesystem-folder={folder}/collections"]
    return [BIN / "python", "-m", "radicale", *options], f"http://127.0.0.1:{port}/desk/bookings/"


def xandikos(folder, port):
    options = ["serve", "--listen-address=127.0.0.1", f"--port={port}", f"--directory={folder}/dav"]
    options += ["--current-user-principal=/desk/", "--autocreate", "--defaults"]
    return [BIN / "xandikos", *options], f"http://127.0.0.1:{port}/desk/calendars/bookings/"


def read_from(server):
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        command, url = server(folder, port)
        log = open(pathlib.Path(folder, "log"), "wb")
        started = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for(port)
            send("MKCALENDAR", url, MAKE_CALENDAR, kind="application/xml")
            fill(url)
            return planned(url)
        finally:
            started.terminate()
            started.wait()


def main():
    failed = False
    for server in (radicale, xandikos):
        called, skipped = read_from(server)
        right = called == WANTED and skipped <= {"cancelled"}
        failed |= not right
        print(f"{server.__name__}: " + ("as it should be" if right else f"DIFFERS: {sorted(called)}, skipped {sorted(skipped)}"))
    sys.exit(1 if failed else 0)


main()
