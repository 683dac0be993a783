"""Requests for calls and records of calls through real proxies, from a form, from curl and from a CRM, to the real binary."""

import html
import json
import os
import pathlib
import re
import subprocess
import time

from stage import TICKLER, WORK, certificates, check, free_port, run, start, step

REPOSITORY = pathlib.Path(__file__).parent.parent.parent
PEERS = pathlib.Path(os.environ["PEERS"])
# ten in New York: the calling hours of the example are open
MORNING = "2026-11-24T15:00:00Z"
# in every secret, and nowhere else
MARK = "canary7f3a"
LEADS_SECRET, OUTCOME_SECRET, CRM_TOKEN = f"{MARK}-leads", f"{MARK}-records", f"{MARK}-crm"
LISTENER = "127.0.0.1:8469"


def blocks_of_readme():
    """The configurations of Caddy and nginx that the README shows."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", (REPOSITORY / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    (caddy,) = [block for block in blocks if "reverse_proxy" in block]
    (nginx,) = [block for block in blocks if "proxy_pass" in block]
    for name, block in [("Caddy", caddy), ("nginx", nginx)]:
        check(len(block.splitlines()) <= 5, f"{name} in five lines", len(block.splitlines()))
    return caddy, nginx


def start_caddy(block, ports):
    site = f"https://localhost:{ports['caddy']} {{\n    tls {WORK}/site.pem {WORK}/site.key"
    block = block.replace("calls.clinic.example {", site).replace(LISTENER, f"127.0.0.1:{ports['inbound']}")
    (WORK / "Caddyfile").write_text(f"{{\n    admin off\n    auto_https disable_redirects\n}}\n{block}")
    environment = os.environ | {"HOME": str(WORK), "XDG_DATA_HOME": str(WORK), "XDG_CONFIG_HOME": str(WORK)}
    command = ["caddy", "run", "--config", WORK / "Caddyfile", "--adapter", "caddyfile"]
    start("caddy", command, ports["caddy"], env=environment)
    return f"https://localhost:{ports['caddy']}"


def start_nginx(block, ports):
    block = block.replace("listen 443 ssl", f"listen 127.0.0.1:{ports['nginx']} ssl")
    block = block.replace("calls.clinic.example", "localhost").replace(LISTENER, f"127.0.0.1:{ports['inbound']}")
    block = block.replace("/etc/ssl/calls.pem", f"{WORK}/site.pem").replace("/etc/ssl/calls.key", f"{WORK}/site.key")
    paths = " ".join(f"{kind}_temp_path {WORK}/{kind};" for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
    (WORK / "nginx.conf").write_text(
        f"daemon off; user root; pid {WORK}/nginx.pid; error_log {WORK}/nginx-error.log;\nevents {{}}\nhttp {{\n{paths}\n{block}}}\n"
    )
    start("nginx", ["nginx", "-p", WORK, "-c", WORK / "nginx.conf"], ports["nginx"])
    return f"https://localhost:{ports['nginx']}"


def start_crm(calls, port):
    """A CRM as a flow of Node-RED: a new lead is posted to tickler, and what became of its call is shown."""
    folder = WORK / "node-red"
    folder.mkdir()

    def node(name, kind, wires, **more):
        return {"id": name, "type": kind, "z": "crm", "wires": [[wire] for wire in wires], **more}

    def function(name, text, *wires):
        return node(name, "function", wires, func=text, outputs=max(len(wires), 1))

    keep = "const leads = flow.get('leads') || {};"
    flows = [
        {"id": "crm", "type": "tab", "label": "CRM"},
        node("new", "http in", ["prepare"], url="/leads", method="post"),
        function(
            "prepare",
            keep + """
                const lead = msg.payload;
                leads[lead.lead_id] = {status: 'new'};
                flow.set('leads', leads);
                msg.lead = lead.lead_id;
                msg.headers = {'content-type': 'application/json', 'authorization': 'Bearer """ + LEADS_SECRET + """'};
                return msg;
            """,
            "post",
        ),
        node("post", "http request", ["note"], method="POST", ret="obj", url=f"{calls}/call/leads"),
        function(
            "note",
            keep + """
                leads[msg.lead] = {status: 'to be called', reminder: msg.payload.reminder_id, answered: msg.statusCode};
                flow.set('leads', leads);
                msg.payload = leads[msg.lead];
                msg.statusCode = 200;
                msg.headers = {};
                return msg;
            """,
            "answer",
        ),
        node("written", "http in", ["take"], url="/leads/:id", method="patch"),
        function(
            "take",
            keep + """
                msg.headers = {};
                if (msg.req.headers.authorization !== 'Bearer """ + CRM_TOKEN + """') {
                    msg.statusCode = 401;
                    return msg;
                }
                leads[msg.req.params.id].status = msg.payload.status;
                leads[msg.req.params.id].key = msg.req.headers['idempotency-key'];
                flow.set('leads', leads);
                msg.payload = {};
                return msg;
            """,
            "answer",
        ),
        node("shown", "http in", ["show"], url="/leads/:id", method="get"),
        function("show", keep + "msg.payload = leads[msg.req.params.id] || {}; return msg;", "answer"),
        node("answer", "http response", []),
    ]
    (folder / "flows.json").write_text(json.dumps(flows))
    command = [PEERS / "node_modules/.bin/node-red", "-u", folder, "-p", str(port), "flows.json"]
    start("node-red", command, port, env=os.environ | {"NODE_EXTRA_CA_CERTS": str(WORK / "ca.pem")})
    crm = f"http://127.0.0.1:{port}/leads"
    for _ in range(300):
        if curl(f"{crm}/none")[0] == 200:
            return crm
        time.sleep(0.2)
    raise SystemExit("the flow is not there")


def curl(url, *arguments, body=None):
    """The status and the body, as JSON where it is."""
    command = ["curl", "-s", "--cacert", WORK / "ca.pem", "-w", "\\n%{http_code}", *arguments]
    if body is not None:
        command += ["--data-binary", "@-"]
    text = subprocess.run([*command, url], input=body, capture_output=True, text=True, timeout=60).stdout
    text, _, status = text.rpartition("\n")
    try:
        return int(status), json.loads(text)
    except json.JSONDecodeError:
        return int(status), text


def as_json(secret):
    return ["-H", f"X-Tickler-Secret: {secret}", "-H", "Content-Type: application/json"]


def lead(name, last_two):
    return json.dumps({"lead_id": name, "phone": f"(202) 555-01{last_two}", "name": "Ann Lee"})


def from_curl(nginx, caddy):
    step("curl, through nginx and Caddy")
    status, answer = curl(f"{nginx}/call/leads", *as_json(LEADS_SECRET), body=lead("L-nginx", 41))
    check(status == 202 and answer["appointment_id"] == "L-nginx", "a request through nginx", answer)
    status, answer = curl(f"{caddy}/call/leads", "-H", f"Authorization: Bearer {LEADS_SECRET}", body=lead("L-caddy", 42))
    check(status == 202, "a request through Caddy, as a bearer's", answer)
    status, answer = curl(f"{caddy}/call/leads", *as_json(LEADS_SECRET), body=lead("L-nginx", 41))
    check(status == 200 and answer["duplicate"], "the same again, through the other", answer)
    for name, proxy, last_two in [("nginx", nginx, 43), ("Caddy", caddy, 44)]:
        status, answer = curl(f"{proxy}/call/leads/{LEADS_SECRET}", body=lead(f"L-path-{name}", last_two))
        check(status == 202, f"{name}: the secret in the path", answer)
        status, answer = curl(f"{proxy}/call/leads", body=lead("L-none", 45))
        check(status == 401, f"{name}: no secret", answer)
        status, answer = curl(f"{proxy}/call/leads/{MARK}-wrong", body=lead("L-none", 45))
        check(status == 401, f"{name}: a wrong secret in the path", answer)
        status, answer = curl(f"{proxy}/metrics")
        check(status == 404, f"{name}: nothing else is reached", status)
        long = json.dumps({"call_id": "c-1", "transcript": "a" * (256 * 1024 - 40)})
        status, answer = curl(f"{proxy}/outcome/leads", *as_json(OUTCOME_SECRET), body=long)
        check(status == 200, f"{name}: a record of {len(long) // 1024} KiB", answer)
        status, answer = curl(f"{proxy}/outcome/leads", *as_json(OUTCOME_SECRET), body=long + " " * 1024)
        check(status == 413, f"{name}: a record of more than 256 KiB", status)
    status, answer = curl(f"{nginx}/call/leads/L-nginx", "-H", f"X-Tickler-Secret: {LEADS_SECRET}")
    check(status == 200 and answer["state"] in ("pending", "sending", "delivered"), "how it stands", answer)


def from_form(caddy):
    step("a form in a browser, through Caddy")
    page = WORK / "form.html"
    page.write_text(
        f"""<form method="post" action="{caddy}/call/leads/{LEADS_SECRET}"><input name="lead_id" value="L-form">
<input name="phone" value="(202) 555-0116"><input name="name" value="Zoë &amp; Ann"></form>
<script>document.forms[0].submit()</script>"""
    )
    command = ["chromium", "--headless", "--no-sandbox", "--ignore-certificate-errors", "--virtual-time-budget=10000"]
    command += [f"--user-data-dir={WORK}/chromium", "--dump-dom", page.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    answer = re.search(r'\{"reminder_id".*?\}', html.unescape(shown))
    answer = json.loads(answer.group()) if answer else {}
    check(answer.get("appointment_id") == "L-form" and answer.get("reminder_id"), "the form is a request", answer or shown)


def from_crm(crm):
    step("a CRM in Node-RED, through nginx, and back")
    status, answer = curl(crm, "-H", "Content-Type: application/json", body=lead("L-crm", 11))
    check(status == 200 and answer.get("answered") == 202, "the CRM has posted its lead", answer)
    shown = {}
    for _ in range(150):
        shown = curl(f"{crm}/L-crm")[1]
        if shown.get("status") == "confirmed":
            break
        time.sleep(0.2)
    check(shown.get("status") == "confirmed", "the CRM shows the lead as confirmed", shown)
    check(shown.get("key") == f"{shown.get('reminder')}.1", "by a write-back with the reminder's key", shown.get("key"))


def what_became(tickler):
    step("what became of the calls")
    rows = []
    for _ in range(100):
        rows = json.loads(tickler("outcome", "list", "--format", "json"))
        if len(rows) == 6 and all(row["outcome"] for row in rows):
            break
        time.sleep(0.2)
    outcomes = {row["appointment_id"]: row["outcome"] for row in rows}
    expected = {"L-crm": "confirmed"} | dict.fromkeys(
        ["L-nginx", "L-caddy", "L-path-nginx", "L-path-Caddy", "L-form"], "answered"
    )
    check(outcomes == expected, "every call was reported through Caddy, once", outcomes)
    refused = json.loads(tickler("inbound", "list", "--standing", "refused", "--format", "json"))
    check(refused == [], "nothing was refused", refused)
    print(tickler("inbound", "list"))
    print(tickler("outcome", "list"))


def proxies_without_service(service, nginx):
    step("while the service is stopped")
    service.terminate()
    service.wait()
    status, _ = curl(f"{nginx}/call/leads/{LEADS_SECRET}", body=lead("L-late", 46))
    check(status == 502, "nginx answers 502, and the sender is to repeat", status)
    log = (WORK / "nginx-error.log").read_text()
    print(f"   note   nginx's own error log {'names' if MARK in log else 'does not name'} the path with its secret")


def secrets_in_logs(folder):
    step("the secrets are in no log of ours")
    files = [WORK / "tickler.log", *(path for path in folder.rglob("*") if path.is_file() and path.name != ".env")]
    marked = [path.name for path in files if MARK.encode() in path.read_bytes()]
    size = (WORK / "tickler.log").stat().st_size
    check(not marked and size > 1000, f"{len(files)} files, {size} bytes of log at the level trace", marked or "none")


def main():
    ports = {name: free_port() for name in ["inbound", "nginx", "caddy", "node-red", "sandbox"]}
    step("what is installed")
    for command in [[TICKLER, "--version"], ["nginx", "-v"], ["caddy", "version"], ["curl", "--version"], ["chromium", "--version"]]:
        seen = subprocess.run(command, capture_output=True, text=True)
        print(f"   {(seen.stdout + seen.stderr).splitlines()[0]}")
    certificates()
    caddy_block, nginx_block = blocks_of_readme()
    caddy, nginx = start_caddy(caddy_block, ports), start_nginx(nginx_block, ports)
    crm = start_crm(nginx, ports["node-red"])
    sandbox = [TICKLER, "sandbox", "--port", str(ports["sandbox"]), "--callback", f"{caddy}/outcome/leads"]
    sandbox += ["--tell-header", f"X-Tickler-Secret: {OUTCOME_SECRET}"]
    trusting = os.environ | {"SSL_CERT_FILE": str(WORK / "ca.pem")}
    start("sandbox", sandbox, ports["sandbox"], env=trusting)

    folder = WORK / "clinic"
    (folder / "schedules").mkdir(parents=True)
    (folder / "tickler.toml").write_text(f'web.listen = "off"\n[inbound]\nlisten = "127.0.0.1:{ports["inbound"]}"\n')
    example = (REPOSITORY / "examples/leads/leads.toml").read_text()
    example = example.replace("[source.inbound]\n", "[source.inbound]\nsecret_in_url = true\n")
    write_back = f"""
[outcome.write_back]
on = ["confirmed", "declined"]
url = "{crm}/{{{{ appointment_id }}}}"
auth = {{ bearer = {{ env = "CRM_TOKEN" }} }}
body = {{ status = "{{{{ outcome }}}}" }}
"""
    (folder / "schedules/leads.toml").write_text(example + write_back)
    environment = {
        "PATH": os.environ["PATH"],
        "LEADS_SECRET": LEADS_SECRET,
        "OUTCOME_SECRET": OUTCOME_SECRET,
        "CRM_TOKEN": CRM_TOKEN,
        "THOUGHTLY_AUTOMATION_URL": f"http://127.0.0.1:{ports['sandbox']}/webhook/automation/leads",
        "TICKLER_LEDGER": "tickler.db",
        "TICKLER_SOCKET": str(folder / "control.sock"),
    }

    def tickler(*arguments):
        ended = subprocess.run(
            [TICKLER, *arguments], cwd=folder, env=environment | {"COLUMNS": "100"}, capture_output=True, text=True, timeout=120
        )
        return ended.stdout if ended.returncode == 0 else ended.stdout + ended.stderr

    print(tickler("check"))
    logging = environment | {"TICKLER_LOG__LEVEL": "trace", "RUST_LOG": "trace"}
    service = start("tickler", [TICKLER, "run", "--now", MORNING], ports["inbound"], cwd=folder, env=logging)
    from_curl(nginx, caddy)
    from_form(caddy)
    from_crm(crm)
    what_became(tickler)
    proxies_without_service(service, nginx)
    secrets_in_logs(folder)


run(main)
