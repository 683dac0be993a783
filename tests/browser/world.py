"""A clinic with everything that can happen in a day, and the service over it, on this machine alone."""

import http.server
import json
import os
import re
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path

BINARY = Path(os.environ.get("TICKLER", "target/debug/tickler")).resolve()

# What the invented target does with a call, by the last four digits of the number.
CUT = "0117"
REFUSED = "0151"

MARKUP = '<img src=x onerror="document.title=1">'

# What others' pages have let through; each would change the title, or ask another site for something.
CORPUS = (
    "<script>document.title=1</script>",
    "<svg onload=document.title=1>",
    '" onmouseover="document.title=1" autofocus onfocus="document.title=1',
    "</title></textarea><script>document.title=1</script>",
    '<iframe srcdoc="<script>parent.document.title=1</script>"></iframe>',
    "<a href='javascript:document.title=1'>x</a>",
    '<meta http-equiv="refresh" content="0;url=//evil.example/">',
    "<style>body{background:url(//evil.example/)}</style>",
)

APPOINTMENTS = """id,name,phone,starts_at,service,status
A-1,Ada Example,+12025550143,{day} 09:30,Check-up,confirmed
A-2,Ben Sample,+12025550164,{day} 10:00,Cleaning,confirmed
A-3,Cleo Testing,+12025550117,{day} 10:30,X-ray,confirmed
A-4,Dan Nobody,,{day} 11:00,Check-up,confirmed
A-5,Ivo Madeup,+12025550151,{day} 11:30,Cleaning,confirmed
A-6,Kim Cancelled,+12025550172,{day} 12:00,Cleaning,cancelled
A-7,"{markup}",+12025550185,{day} 12:30,"{markup}",confirmed
"{markup}",Eve Hostile,12,{day} 13:00,"{markup}",confirmed
A-9,Lou Late,+12025550198,{day} 14:00,Check-up,confirmed
"""

# Of the day after, so that there is something to look ahead to.
LATER = """B-1,Mia Invented,+12025550123,2026-11-26 09:00,Check-up,confirmed
B-2,Noa Fiction,+12025550131,2026-11-26 09:45,Cleaning,confirmed
B-3,Pat Blank,,2026-11-26 10:30,X-ray,confirmed
"""

SCHEDULE = """cron = "{cron}"
timezone = "America/New_York"

[source.csv]
path = "../{table}"

[appointment]
id = "id"
phone = "phone"
default_region = "US"
starts_at = "starts_at"
status = "status"
label = "{{{{ name }}}}"

[remind]
days_before = 1
statuses = ["confirmed"]

[target.automation]
url = {{ env = "THOUGHTLY_AUTOMATION_URL" }}

[payload]
contact_phone = "{{{{ phone }}}}"
contact_name = "{{{{ name }}}}"
appointment_time = "{{{{ starts_at }}}}"
service_name = "{{{{ service }}}}"
{more}"""

BROKEN = """cron = "0 9 * * *"
timezone = "America/New_Yorck"

[source.csv]
pth = "../appointments.csv"
"""


class Target(http.server.BaseHTTPRequestHandler):
    """Accepts, refuses, or closes the connection without an answer."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        phone = json.loads(body).get("contact_phone", "")
        if phone.endswith(CUT):
            self.close_connection = True
            self.connection.shutdown(2)
            return
        status = 400 if phone.endswith(REFUSED) else 200
        answer = b'{"error": null, "data": {}}' if status == 200 else b'{"error": {"message": "no"}}'
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


class World:
    """A folder, a target, and a service whose clock begins where one likes."""

    def __init__(self, folder, is_hostile=True):
        self.folder = Path(folder)
        self.is_hostile = is_hostile
        self.target = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Target)
        threading.Thread(target=self.target.serve_forever, daemon=True).start()
        self.service = None
        (self.folder / "schedules").mkdir()
        self.write("tickler.toml", '[web]\nlisten = "127.0.0.1:0"\n[accounts.thoughtly]\nrate = "95/min"\n')
        self.table("2026-11-25")
        self.write("salon.csv", APPOINTMENTS.format(day="2026-11-25", markup="x").replace("+1202", "+1312"))
        self.schedule("day-before", "0 9 * * *", "appointments.csv")
        self.schedule("salon", "0 9 * * *", "salon.csv", "[guard]\nmax_calls = 1\n")

    def write(self, name, text):
        (self.folder / name).write_text(text)

    @staticmethod
    def hostile(day):
        """A row for each text of the corpus, in every field that takes a text."""
        quoted = ['"' + text.replace('"', '""') + '"' for text in CORPUS]
        return "".join(
            f"{text},{text},+120255502{place:02},{day} 15:{place:02},{text},confirmed\n" for place, text in enumerate(quoted)
        )

    def table(self, day):
        rows = APPOINTMENTS.format(day=day, markup=MARKUP.replace('"', '""'))
        if self.is_hostile:
            rows += self.hostile(day)
        else:
            rows = "".join(row for row in rows.splitlines(keepends=True) if "onerror" not in row)
        self.write("appointments.csv", rows + LATER)

    def schedule(self, name, cron, table, more=""):
        self.write(f"schedules/{name}.toml", SCHEDULE.format(cron=cron, table=table, more=more))

    def command(self, *arguments):
        url = f"http://127.0.0.1:{self.target.server_port}/webhook/automation/a"
        return {
            "args": [str(BINARY), *arguments],
            "cwd": self.folder,
            "env": {"THOUGHTLY_AUTOMATION_URL": url, "TICKLER_LEDGER": "tickler.db", "HOME": str(self.folder)},
        }

    def run(self, *arguments):
        return subprocess.run(**self.command(*arguments), capture_output=True, text=True)

    def start(self, now):
        """Starts the service with that clock; answers the page's address."""
        self.log = open(self.folder / "run.log", "a+")
        begun = self.log.tell()
        self.service = subprocess.Popen(**self.command("run", "--now", now), stderr=self.log, stdout=self.log)
        for _ in range(600):
            text = (self.folder / "run.log").read_text()[begun:]
            found = re.search(r"the page is (http://[^/ ]+/)", text)
            if found and "the service is up" in text:
                return found.group(1)
            if self.service.poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit(f"the service did not start:\n{text}")

    def wait_for(self, event, count=1, **fields):
        """Waits until the log has so many rows of an event."""
        for _ in range(400):
            found = self.run("audit", "list", "--event", event, "--format", "json")
            rows = [row for row in json.loads(found.stdout or "[]") if all(row[k] == v for k, v in fields.items())]
            if len(rows) >= count:
                return rows
            time.sleep(0.1)
        raise SystemExit(f"the log has no {count} rows of {event}: {found.stdout}\n{found.stderr}")

    def stop(self):
        if self.service and self.service.poll() is None:
            self.service.terminate()
            self.service.wait(30)
        self.service = None

    def close(self):
        self.stop()
        self.target.shutdown()


@contextmanager
def morning(folder, is_hostile=True):
    """The clinic on a Tuesday at nine: one schedule is held, one call was refused, one is of unknown fate."""
    world = World(folder, is_hostile)
    try:
        # a first look, a long break, a day like any other
        world.start("2026-11-12T13:00:00Z")
        world.stop()
        world.table("2026-11-24")
        world.start("2026-11-23T13:59:58Z")
        world.wait_for("delivery.uncertain")
        world.wait_for("delivery.failed")
        world.wait_for("delivery.delivered", 3)
        # by the running service, at its own clock
        world.run("uncertain", "resolve", "--all-of", "day-before", "--drop", "--reason", "nobody asked")
        world.stop()
        world.table("2026-11-25")
        url = world.start("2026-11-24T13:59:57Z")
        world.wait_for("delivery.uncertain", 2)
        world.wait_for("delivery.failed", 2)
        world.wait_for("run.held")
        world.wait_for("delivery.delivered", 6)
        yield world, url
    finally:
        world.close()
