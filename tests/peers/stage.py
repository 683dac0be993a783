"""What the scripts of this folder share: a working folder, processes that end with the script, and what was checked."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TICKLER = os.environ["TICKLER"]
WORK = pathlib.Path(tempfile.mkdtemp(prefix="tickler-peers-run-"))
STARTED, FAILED = [], []


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(name, command, port, **more):
    log = open(WORK / f"{name}.log", "w")
    process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **more)
    STARTED.append(process)
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            print(f"   {name} listens at 127.0.0.1:{port}")
            return process
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    sys.exit(f"{name} did not start:\n{(WORK / f'{name}.log').read_text()}")


def step(title):
    print(f"\n== {title}", flush=True)


def check(is_so, words, seen):
    print(f"   {'ok    ' if is_so else 'FAILED'} {words}: {seen}", flush=True)
    if not is_so:
        FAILED.append(words)


def certificates():
    """An authority, ca.pem, and a certificate of it for localhost, site.pem with site.key."""

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=WORK, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Peers", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", "site.key", "-out", "site.csr")
    (WORK / "site.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "site.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "site.ext", "-out", "site.pem")


def run(main):
    """Runs it, ends what it started, and exits with 1 when anything isn't as it should be."""
    is_whole = False
    try:
        main()
        is_whole = True
    finally:
        for process in STARTED:
            try:
                os.killpg(process.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        if FAILED or not is_whole:
            print(f"\nwhat was seen is in {WORK}")
        else:
            shutil.rmtree(WORK, ignore_errors=True)
    print(f"\n{len(FAILED)} failed: {FAILED}" if FAILED else "\neverything is as it should be")
    sys.exit(bool(FAILED))
