"""Has the real binary read from and send to real systems on loopback; ends with 1 when anything isn't as it should be."""

import http.server
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from stage import TICKLER, WORK, certificates, check, free_port, run, start, step

HERE = pathlib.Path(__file__).parent
PEERS = pathlib.Path(os.environ["PEERS"])
MORNING = "2026-11-24T14:00:00Z"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VISITS = 7


class Clinic:
    """A folder with one schedule, which the program works in."""

    number = 0

    def __init__(self, source, target='[target.webhook]\nurl = "http://127.0.0.1:9/"', settings=""):
        Clinic.number += 1
        self.folder = WORK / f"clinic-{Clinic.number}"
        (self.folder / "schedules").mkdir(parents=True)
        (self.folder / "tickler.toml").write_text(f'web.listen = "off"\n{settings}')
        (self.folder / "schedules/day.toml").write_text(
            f"""cron = "0 9 * * *"
timezone = "America/New_York"
{source}
[appointment]
id = "id"
phone = "phone"
starts_at = "starts_at"
[remind]
days_before = 1
{target}
[payload]
to = "{{{{ phone }}}}"
name = "{{{{ name }}}}"
when = "{{{{ starts_at }}}}"
"""
        )

    def run(self, *arguments, **variables):
        environment = {"PATH": os.environ["PATH"], "TICKLER_LEDGER": "tickler.db", "SIGNING_SECRET": SECRET}
        ended = subprocess.run(
            [TICKLER, *arguments], cwd=self.folder, env=environment | variables, capture_output=True, text=True, timeout=120
        )
        return ended.returncode, ended.stdout, ended.stderr.strip()

    def plan(self, **variables):
        exit_code, out, err = self.run("plan", "--format", "json", "--now", MORNING, **variables)
        return (json.loads(out)[0] if exit_code == 0 else None), err

    def trigger(self, **variables):
        exit_code, out, err = self.run("trigger", "day", "--format", "json", "--now", MORNING, **variables)
        return exit_code, (json.loads(out) if out else None), err


def api(url, more=""):
    return f'[source.http]\nurl = "{url}"\n{more}'


def expect_all(title, clinic, **variables):
    plan, err = clinic.plan(**variables)
    starts = [call["starts_at"] for call in plan["reminders"]] if plan else []
    check(len(starts) == VISITS, title, f"{len(starts)} of {VISITS} planned {err}")
    return plan


def expect_refusal(title, clinic, words, **variables):
    plan, err = clinic.plan(**variables)
    check(plan is None and words in err, title, err or f"planned {len(plan['reminders'])}")


def django_rest_framework(port):
    step("Django REST framework as a source")
    start("django", [sys.executable, HERE / "clinic_api.py", str(port), str(WORK / "django.db")], port)
    base = f"http://127.0.0.1:{port}/visits"
    rows = 'items = "/results"\n'
    plan = expect_all("a list without paging", Clinic(api(f"{base}/all")))
    check(
        plan["reminders"][0]["starts_at"] == "2026-11-25T10:00:00-05:00",
        "a time in UTC is the schedule's wall clock",
        plan["reminders"][0]["starts_at"],
    )
    next_link = rows + '[source.http.paging]\nnext = { at = "/next" }'
    expect_all("PageNumberPagination by its `next`", Clinic(api(f"{base}/page", next_link)))
    expect_all("LimitOffsetPagination by its `next`", Clinic(api(f"{base}/offset", next_link)))
    expect_all("CursorPagination by its `next`", Clinic(api(f"{base}/cursor", next_link)))
    numbered = rows + '[source.http.paging]\npage = { parameter = "page", start = 1, size = 3 }'
    expect_all("pages by number, which end with a 404", Clinic(api(f"{base}/page", numbered)))
    offset = rows + '[source.http.paging]\noffset = { parameter = "offset", size = 3 }'
    expect_all("pages by offset", Clinic(api(f"{base}/offset", offset)))
    plan, err = Clinic(api(f"{base}/page", rows)).plan()
    check(
        plan and len(plan["reminders"]) == 3 and "may be a part" in str(plan.get("notes")),
        "a first page without declared paging is noted",
        plan and plan.get("notes"),
    )
    wrong = rows + '[source.http.paging]\nnext = { at = "/links/next" }'
    expect_refusal("a pointer to nowhere fails", Clinic(api(f"{base}/page", wrong)), "`/next` is there")


def json_server(port):
    step("json-server as a source")
    visits = [
        {"id": n, "name": f"Visitor {n}", "phone": f"+120255501{n:02}", "starts_at": f"2026-11-25T1{n}:00:00-05:00"}
        for n in range(VISITS)
    ]
    (WORK / "visits.json").write_text(json.dumps({"visits": visits}))
    binary = PEERS / "node_modules/.bin/json-server"
    start("json-server", [binary, "--host", "127.0.0.1", "--port", str(port), WORK / "visits.json"], port)
    base = f"http://127.0.0.1:{port}/visits"
    expect_all("a whole list", Clinic(api(base)))
    link = "[source.http.paging]\nlink_header = true"
    expect_all("pages by `Link`", Clinic(api(f"{base}?_page=1&_limit=3", link)))
    numbered = '[source.http.paging]\npage = { parameter = "_page", start = 1, size = 3 }'
    expect_all("pages by number", Clinic(api(f"{base}?_limit=3", numbered)))
    expect_refusal("a page with a `Link` onward fails", Clinic(api(f"{base}?_page=1&_limit=3")), "link_header = true")
    plan, err = Clinic(api(f"{base}?_start=0&_end=3")).plan()
    check(
        plan and "x-total-count" in str(plan.get("notes")).lower(),
        "a slice below `X-Total-Count` is noted",
        (plan or {}).get("notes") or err,
    )


def datasette(port):
    step("Datasette as a source")
    path = WORK / "clinic.db"
    with sqlite3.connect(path) as database:
        database.execute("create table visits (id integer primary key, name text, phone text, starts_at text)")
        rows = [(n + 1, f"Visitor {n}", f"+120255501{n:02}", f"2026-11-25 1{n}:00") for n in range(VISITS)]
        database.executemany("insert into visits values (?, ?, ?, ?)", rows)
    command = [PEERS / "venv/bin/datasette", "serve", path, "--host", "127.0.0.1", "--port", str(port)]
    start("datasette", command, port)
    base = f"http://127.0.0.1:{port}/clinic/visits"
    expect_all("a whole table", Clinic(api(f"{base}.json?_shape=objects", 'items = "/rows"')))
    next_url = 'items = "/rows"\n[source.http.paging]\nnext = { at = "/next_url" }'
    expect_all("pages by `next_url`", Clinic(api(f"{base}.json?_shape=objects&_size=3", next_url)))
    link = "[source.http.paging]\nlink_header = true"
    expect_all("an array with `Link`", Clinic(api(f"{base}.json?_shape=array&_size=3", link)))
    expect_all("CSV", Clinic(api(f"{base}.csv?_stream=on", 'format = "csv"')))
    first_page = Clinic(api(f"{base}.json?_shape=objects&_size=3", 'items = "/rows"'))
    expect_refusal("a page with a `Link` onward fails", first_page, "link_header = true")
    expect_refusal("rows that are arrays", Clinic(api(f"{base}.json", 'items = "/rows"')), "arrays")


def nginx(plain, tls, ports):
    step("nginx in front of source and target")
    certificates()
    (WORK / "nginx.conf").write_text(
        f"""daemon off; pid {WORK}/nginx.pid; error_log {WORK}/nginx-error.log;
events {{}}
http {{
    access_log off; client_body_temp_path {WORK}/body; proxy_temp_path {WORK}/proxy;
    fastcgi_temp_path {WORK}/fastcgi; uwsgi_temp_path {WORK}/uwsgi; scgi_temp_path {WORK}/scgi;
    server {{ listen 127.0.0.1:{plain}; return 301 https://localhost:{tls}$request_uri; }}
    server {{
        listen 127.0.0.1:{tls} ssl; server_name localhost;
        ssl_certificate {WORK}/site.pem; ssl_certificate_key {WORK}/site.key;
        underscores_in_headers off;
        location /visits/ {{
            proxy_pass http://127.0.0.1:{ports['django']}; proxy_set_header Host $http_host;
        }}
        location /hook {{ proxy_pass http://127.0.0.1:{ports['node-red']}; }}
        location /down {{ proxy_pass http://127.0.0.1:9; }}
        location / {{ proxy_pass http://127.0.0.1:{ports['sandbox']}; }}
    }}
}}
"""
    )
    start("nginx", ["nginx", "-p", WORK, "-c", WORK / "nginx.conf"], tls)
    site = f"https://localhost:{tls}"
    trusted = f'[network]\nca_file = "{WORK}/ca.pem"\n'
    paged = 'items = "/results"\n[source.http.paging]\nnext = { at = "/next" }'
    expect_all("TLS by `[network] ca_file`", Clinic(api(f"{site}/visits/all"), settings=trusted))
    expect_all("TLS by SSL_CERT_FILE", Clinic(api(f"{site}/visits/all")), SSL_CERT_FILE=str(WORK / "ca.pem"))
    expect_all("`next` with http, behind TLS", Clinic(api(f"{site}/visits/page", paged), settings=trusted))
    expect_all("301 from http to https", Clinic(api(f"http://localhost:{plain}/visits/all"), settings=trusted))
    expect_refusal("an unknown authority is refused", Clinic(api(f"{site}/visits/all")), "certificate")
    return site, trusted


def dropped_header(site, trusted):
    step("nginx without `underscores_in_headers`")
    account = f'[accounts.thoughtly]\nbase_url = "{site}"\n'
    target = '[target.call]\nagent = "agent-1"'
    clinic = Clinic('[source.csv]\npath = "../a.csv"', target, account + trusted)
    (clinic.folder / "a.csv").write_text("id,name,phone,starts_at\n1,Ada,+12025550143,2026-11-25 10:30\n")
    _, out, err = clinic.run(
        "doctor", "--format", "json", THOUGHTLY_API_TOKEN="token", THOUGHTLY_TEAM_ID="team", TICKLER_SOCKET="none.sock"
    )
    findings = [f["detail"] for f in json.loads(out)["findings"] if f["subject"] == "reachability"]
    check(any("team_id" in text and "proxy" in text for text in findings), "doctor names the dropped header", findings or err)


def node_red(port):
    step("Node-RED as a target")
    folder = WORK / "node-red"
    folder.mkdir()
    flows = [
        {"id": "tab", "type": "tab", "label": "calls"},
        {"id": "in", "type": "http in", "z": "tab", "url": "/hook", "method": "post", "wires": [["keep", "out"]]},
        {"id": "keep", "type": "file", "z": "tab", "filename": str(WORK / "node-red.jsonl"), "filenameType": "str", "appendNewline": True, "overwriteFile": "false", "wires": [[]]},
        {"id": "out", "type": "http response", "z": "tab", "statusCode": "200", "wires": []},
    ]
    (folder / "flows.json").write_text(json.dumps(flows))
    start("node-red", [PEERS / "node_modules/.bin/node-red", "-u", folder, "-p", str(port), "flows.json"], port)
    for _ in range(300):
        try:
            urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/hook", b"{}", {"content-type": "application/json"}), timeout=5)
            break
        except OSError:
            time.sleep(0.2)


def sending(site, trusted, ports):
    step("from Django to Node-RED, through nginx both ways")
    target = f'[target.webhook]\nurl = "{site}/hook"'
    clinic = Clinic(api(f"{site}/visits/all"), target, trusted)
    exit_code, answer, err = clinic.trigger()
    counts = answer and answer["counts"]
    check(exit_code == 0 and counts["delivered"] == VISITS - counts["skipped"], "everybody is delivered", (exit_code, counts, err))
    _, story, _ = clinic.run("audit", "show", "1")
    story = " ".join(story.split())
    check("accepted by localhost" in story and "Thoughtly" not in story, "the story names the host", story[-60:])
    time.sleep(1)
    received = [json.loads(line) for line in (WORK / "node-red.jsonl").read_text().splitlines() if line.strip() not in ("", "{}")]
    check(len(received) == counts["delivered"] and received[0]["name"].startswith("Visitor"), "Node-RED has the payloads", received[:1])
    again = clinic.trigger()[1]["counts"]
    check(again["delivered"] == 0 and again["already_reminded"] == counts["delivered"], "nobody is called twice", again)
    down = Clinic(api(f"{site}/visits/all"), f'[target.webhook]\nurl = "{site}/down"', trusted)
    exit_code, answer, err = down.run("trigger", "day", "--format", "json", "--now", MORNING, "--wait", "0s")
    # nginx answers 502 where nobody listens behind it: the request may have gone further before, elsewhere
    _, log, _ = down.run("audit", "list", "--format", "json")
    ends = {(row["event"], row["http_status"]) for row in json.loads(log) if row["http_status"]}
    check(ends and all(status == 502 and "delivered" not in event for event, status in ends), "a 502 of the proxy is no delivery", ends)


def signatures():
    step("Standard Webhooks, verified by the reference library")
    seen = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append((dict(self.headers), self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    target = f'[target.webhook]\nurl = "http://127.0.0.1:{server.server_port}/in"\nsecret = {{ env = "SIGNING_SECRET" }}'
    clinic = Clinic('[source.csv]\npath = "../a.csv"', target)
    (clinic.folder / "a.csv").write_text("id,name,phone,starts_at\n1,Zoë Müßig,+12025550143,2026-11-25 10:30\n")
    exit_code, answer, err = clinic.trigger()
    check(exit_code == 0 and len(seen) == 1, "one request came", (exit_code, err))
    headers, body = seen[0]
    headers = {name.lower(): value for name, value in headers.items()}
    try:
        payload = Webhook(SECRET).verify(body, headers)
        check(payload["name"] == "Zoë Müßig", "the signature is good, by the real clock under --now too", headers["webhook-timestamp"])
    except WebhookVerificationError as error:
        check(False, "the signature is good", error)
    try:
        Webhook(SECRET).verify(body.replace(b"0143", b"0144"), headers)
        check(False, "another body is refused", "it was taken")
    except WebhookVerificationError as error:
        check(True, "another body is refused", error)


def main():
    names = ["django", "json-server", "datasette", "plain", "tls", "node-red", "sandbox"]
    ports = {name: free_port() for name in names}
    step("what is installed")
    version = subprocess.run([TICKLER, "--version"], capture_output=True, text=True).stdout.strip()
    print(f"   {version}; {subprocess.run(['nginx', '-v'], capture_output=True, text=True).stderr.strip()}")
    django_rest_framework(ports["django"])
    json_server(ports["json-server"])
    datasette(ports["datasette"])
    start("sandbox", [TICKLER, "sandbox", "--port", str(ports["sandbox"])], ports["sandbox"])
    node_red(ports["node-red"])
    site, trusted = nginx(ports["plain"], ports["tls"], ports)
    dropped_header(site, trusted)
    sending(site, trusted, ports)
    signatures()


run(main)
