"""Each private server of the tests really works."""

import ctypes
import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import httpx
import pytest
from django.db import connection

from tests.skips import allowed_reasons


def test_redis_keeps_a_value(empty_redis):
    empty_redis.set("site", "T2_US_MIT")
    assert empty_redis.get("site") == "T2_US_MIT"


@pytest.mark.slow
def test_mariadb_distinguishes_case_and_trailing_text(mariadb_url):
    import MySQLdb

    port = int(mariadb_url.rstrip("/").rsplit(":", 1)[1])
    server = MySQLdb.connect(host="127.0.0.1", port=port, user="root")
    cursor = server.cursor()
    cursor.execute("SET NAMES utf8mb4 COLLATE utf8mb4_bin")
    cursor.execute("SELECT VERSION(), 'a' = 'A', @@collation_server")
    version, equal, collation = cursor.fetchone()
    assert not equal and collation == "utf8mb4_bin"
    assert "MariaDB" in version
    server.close()
    assert connection.vendor in {"sqlite", "mysql"}


@pytest.mark.slow
def test_xrootd_serves_writes_checksums_and_third_party_copies(xrootd_sites, tmp_path):
    source, destination = xrootd_sites(), xrootd_sites()
    content = b"events " * 1000
    source.write("/store/mc/a.root", content)
    _run("xrdcp", "--silent", f"{source.url}/store/mc/a.root", str(tmp_path / "a.root"))
    assert (tmp_path / "a.root").read_bytes() == content
    answer = _run("xrdfs", source.url, "query", "checksum", "/store/mc/a.root")
    assert answer.split()[:2] == ["adler32", f"{zlib.adler32(content):08x}"]
    _run("xrdcp", "--silent", "--tpc", "only", f"{source.url}/store/mc/a.root", f"{destination.url}/store/mc/b.root")
    assert (destination.root / "store/mc/b.root").read_bytes() == content
    _run("xrdfs", destination.url, "rm", "/store/mc/b.root")
    assert not (destination.root / "store/mc/b.root").exists()


@pytest.mark.slow
def test_xrootd_goes_down_and_comes_back(xrootd_sites):
    site = xrootd_sites()
    site.stop()
    environment = {**os.environ, "XRD_CONNECTIONRETRY": "1", "XRD_CONNECTIONWINDOW": "1"}
    down = subprocess.run(["xrdfs", site.url, "ls", "/"], env=environment, capture_output=True, check=False)
    assert down.returncode != 0
    site.start()
    _run("xrdfs", site.url, "ls", "/")


def test_nginx_serves_a_file(nginx):
    server = nginx("location /hello { return 200 'hello'; }")
    (server.root / "page.txt").write_text("a page")
    assert _read(f"{server.url}/page.txt") == "a page"
    assert _read(f"{server.url}/hello") == "hello"


@pytest.mark.slow
def test_chromium_runs_the_script_of_a_page(nginx, chromium):
    server = nginx("types { text/html html; }")
    (server.root / "page.html").write_text("<p id=a>before</p><script>a.textContent = 6 * 7</script>")
    chromium.get(f"{server.url}/page.html")
    assert chromium.find_element("id", "a").text == "42"


_RUN = """\
import time
from tests.services.session import session
service = session().start("sleeper", ["sleep", "1000"], lambda: True)
print(session().directory, service.process.pid, flush=True)
time.sleep(1000)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_servers_and_directory_go_when_the_test_run_is_killed(how):
    # The orphans become ours, so that we see them end.
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    run = subprocess.Popen([sys.executable, "-c", _RUN], stdout=subprocess.PIPE, text=True)
    directory, server = run.stdout.readline().split()
    os.kill(int(server), 0)
    run.send_signal(how)
    run.wait()
    deadline = time.monotonic() + 10
    while Path(directory).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(directory).exists()
    assert os.waitpid(int(server), 0)[1] != 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(server), 0)


def test_reasons_for_skipping_come_from_their_section_of_the_readme():
    text = "# Dynamo\n- not one\n## Skipped tests\n- `needs a tape robot`\n- no IPv6 here\n## More\n- neither"
    assert allowed_reasons(text) == {"needs a tape robot", "no IPv6 here"}


def _run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def _read(url):
    return httpx.get(url).raise_for_status().text
