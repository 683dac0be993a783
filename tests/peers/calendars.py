"""Compares the occurrences that tickler plans with those of recurring-ical-events.

Each calendar gets a schedule whose phone is fixed, and plans for every lead of two months from one month before the first
event on; the ids' marks are the original starts, so the starts themselves are compared."""

import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import icalendar
import recurring_ical_events

TICKLER = os.environ["TICKLER"]
CALENDARS = sorted(pathlib.Path(os.environ["PEERS"], "calendars").rglob("*.ics"))
UTC = datetime.timezone.utc
SCHEDULE = """cron = "0 0 * * *"
timezone = "UTC"
[source.ical]
path = "{path}"
[columns]
phone = "+12025550143"
[appointment]
id = "uid"
phone = "phone"
starts_at = "starts_at"
person = "uid"
[remind]
days_before = {leads}
calling_hours = "always"
min_notice = "0s"
max_per_person_per_day = 1000
max_lateness = "400d"
[guard]
max_calls = 100000
max_invalid = "100%"
[target.webhook]
url = "http://127.0.0.1:9/"
[payload]
"""

# Where the two differ, and why.
KNOWN = {
    "example.ics": "RFC 5545, 3.8.4.7: a UID names one event; of several without RECURRENCE-ID the last version counts",
    "invalid_duration.ics": "an event whose duration can't be read still has its start",
    "issue_1633_rdate_with_dates.ics": "RFC 5545, 3.8.5.2: a date among the RDATE of a timed series means that day at its time",
    "issue_1633_rdate_with_dates_and_tzid.ics": "as before",
    "issue_165_missing_event.ics": "RFC 5545, 3.3.10: blanks in BYDAY are passed over, the series isn't",
    "issue_526_calendar_with_different_events.ics": "RFC 5545, 3.2.19: a TZID that nobody explains is no time; tickler reports it",
    "issue_526_calendar_with_event_subset.ics": "as before",
    "issue_526_calendar_with_events.ics": "as before",
    "issue_526_calendar_with_shuffeled_events.ics": "as before",
    "issue_722_missing_VTIMEZONE_custom.ics": "as before",
    "end_before_start_event.ics": "RFC 5545, 3.8.2.4: DTSTART is the start, whatever DTEND says",
    "test12.ics": "as before",
    "issue_132_swapped_start_and_end.ics": "as before",
    "issue_86_x_wr_timezone_without_time_zone_in_dt.ics": "X-WR-TIMEZONE is in no RFC: floating times are the schedule's",
    "test3.ics": "as before",
}


def instants(calendar, begin, end):
    """The starts in the window that recurring-ical-events sees, whole days left out."""
    found = set()
    for event in recurring_ical_events.of(calendar, skip_bad_series=True).between(begin, end):
        start = event["DTSTART"].dt
        if not isinstance(start, datetime.datetime) or str(event.get("STATUS", "")).upper() == "CANCELLED":
            continue
        start = start if start.tzinfo else start.replace(tzinfo=UTC)
        if begin <= start < end:
            found.add(start.astimezone(UTC))
    return found


def planned(path, now, leads):
    with tempfile.TemporaryDirectory() as folder:
        schedules = pathlib.Path(folder, "schedules")
        schedules.mkdir()
        schedules.joinpath("c.toml").write_text(SCHEDULE.format(path=path, leads=leads))
        command = [TICKLER, "plan", "c", "--now", now.strftime("%Y-%m-%dT%H:%M:%SZ"), "--format", "json"]
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    plans = json.loads(ended.stdout) if ended.stdout.startswith("[") else []
    if not plans:
        return None, " ".join(ended.stderr.split())
    plan = plans[0]
    rows = plan["reminders"] + [row for row in plan["skipped"] if row["starts_at"]]
    cancelled = {row["starts_at"] for row in plan["skipped"] if row["reason"] == "cancelled"}
    starts = {row["starts_at"] for row in rows if row["starts_at"] not in cancelled}
    return {datetime.datetime.fromisoformat(start).astimezone(UTC) for start in starts}, ""


def compare(path, folder):
    text = path.read_bytes()
    # some of them are an event alone
    if text.lstrip().startswith(b"BEGIN:VEVENT"):
        text = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//a//EN\r\n" + text.strip() + b"\r\nEND:VCALENDAR\r\n"
        path = pathlib.Path(folder, path.name)
        path.write_bytes(text)
    try:
        calendar = icalendar.Calendar.from_ical(text)
        starts = [event["DTSTART"].dt for event in calendar.walk("VEVENT") if "DTSTART" in event]
    except Exception as error:  # what the reference can't read is nothing to compare with
        return f"not compared: {type(error).__name__}"
    starts = [start for start in starts if isinstance(start, datetime.datetime)]
    if not starts:
        return "not compared: no times"
    first = min(start.replace(tzinfo=UTC) for start in starts)
    begin = (first - datetime.timedelta(days=30)).replace(hour=0, minute=0, second=0, microsecond=0)
    end = begin + datetime.timedelta(days=61)
    try:
        wanted = instants(calendar, begin, end)
    except Exception as error:
        return f"not compared: {type(error).__name__}"
    found, refusal = planned(path, begin, list(range(0, 61)))
    if found is None:
        return f"refused: {refusal}"
    return "same" if found == wanted else f"DIFFERS: only here {sorted(found - wanted)[:3]}, only there {sorted(wanted - found)[:3]}"


def main():
    with tempfile.TemporaryDirectory() as folder:
        results = [(path, compare(path, folder)) for path in CALENDARS]
    for path, result in results:
        if result != "same":
            print(f"{path.name}: {result} {KNOWN.get(path.name, '') if result.startswith('DIFFERS') else ''}")
    differing = [path for path, result in results if result.startswith("DIFFERS") and path.name not in KNOWN]
    same = sum(result == "same" for _, result in results)
    print(f"{len(results)} calendars: {same} the same, {len(differing)} differ without a known reason")
    sys.exit(1 if differing else 0)


main()
