"""Raw files are found, downloaded, continued and verified; a wrong one never takes the place."""

import contextlib
import hashlib
import http.server
import threading
from pathlib import Path

import pytest
import yaml

from tertius.problems import InputError
from tertius.sources.fetch import fetch, verify
from tertius.sources.registry_hash import refresh_hashes

CONTENT = bytes(range(256)) * 40
SHA = hashlib.sha256(CONTENT).hexdigest()


def entry(url, content=CONTENT, sha=SHA):
    return {"url": url, "sha256": sha, "bytes": len(content), "access": "ask the owner"}


class HostileHandler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT with a different fault at every path; `asked` holds path and Range."""

    asked: list[tuple[str, str | None]] = []  # noqa: RUF012
    done = threading.Event()

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.asked.append((self.path, wanted))
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        body, told, length = CONTENT[start:], start, len(CONTENT) - start
        if self.path in ("/stalls", "/truncates", "/dead"):
            body = body[: 0 if self.path == "/dead" and start else 3000]
        if self.path == "/longer":
            body, length = body + b"x" * 5_000_000, len(body) + 5_000_000
        if self.path == "/shorter":
            length = 100
        if self.path == "/endless":
            body, length = body + b"x" * 5_000_000, None
        if self.path == "/wrong_start" and wanted:
            body, told = CONTENT, 0
            length = len(CONTENT)
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {told}-{len(CONTENT) - 1}/{len(CONTENT)}")
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)
            self.wfile.flush()
            if self.path in ("/stalls", "/dead") and len(body) < length:
                self.done.wait(10)

    def log_message(self, *_):
        return


@pytest.fixture(scope="module")
def hostile():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), HostileHandler) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        HostileHandler.done.set()
        running.shutdown()
        thread.join()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT at /whole, from a Range on at /resume, its start at /short, else at /other."""

    asked: list[str | None] = []  # noqa: RUF012

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.asked.append(wanted)
        body, status = CONTENT, 200
        if self.path == "/resume" and wanted:
            body, status = CONTENT[int(wanted.removeprefix("bytes=").rstrip("-")) :], 206
        elif self.path == "/other":
            body = CONTENT[::-1]
        elif self.path == "/gone":
            status, body = 404, b"no"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:1000] if self.path == "/short" else body)

    def log_message(self, *_):
        return


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def problem(call, *arguments, **settings):
    with pytest.raises(InputError) as caught:
        call(*arguments, **settings)
    return str(caught.value)


def test_a_file_that_is_there_is_left_alone(tmp_path):
    path = tmp_path / "raw.bin"
    path.write_bytes(CONTENT)
    assert fetch("s", entry("file:///nowhere"), path) is False
    assert path.read_bytes() == CONTENT


def test_download_from_a_file_address(tmp_path):
    (tmp_path / "origin").write_bytes(CONTENT)
    target = tmp_path / "raw" / "study" / "raw.bin"
    assert fetch("s", entry((tmp_path / "origin").as_uri()), target) is True
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["raw.bin"]


def test_a_download_goes_on_where_it_broke_off(tmp_path, server):
    (tmp_path / "raw.bin.partial").write_bytes(CONTENT[:300])
    Handler.asked.clear()
    assert fetch("s", entry(f"{server}/resume"), tmp_path / "raw.bin") is True
    assert Handler.asked == ["bytes=300-"]
    assert (tmp_path / "raw.bin").read_bytes() == CONTENT


def test_a_server_that_cannot_resume_sends_all_again(tmp_path, server):
    (tmp_path / "raw.bin.partial").write_bytes(b"x" * 300)
    assert fetch("s", entry(f"{server}/whole"), tmp_path / "raw.bin") is True
    assert (tmp_path / "raw.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("fault", ["stalls", "truncates"])
def test_a_server_that_stalls_or_truncates_is_asked_for_the_rest(tmp_path, hostile, fault):
    HostileHandler.asked.clear()
    assert fetch("s", entry(f"{hostile}/{fault}"), tmp_path / "raw.bin", timeout=0.3) is True
    assert (tmp_path / "raw.bin").read_bytes() == CONTENT
    ranges = [None, "bytes=3000-", "bytes=6000-", "bytes=9000-"]
    assert HostileHandler.asked == [(f"/{fault}", wanted) for wanted in ranges]


def test_a_server_that_sends_nothing_more_is_given_up_and_the_start_is_kept(tmp_path, hostile):
    found = problem(fetch, "s", entry(f"{hostile}/dead"), tmp_path / "raw.bin", timeout=0.2)
    assert "broke off after 3000 of 10240 bytes (the server sent nothing for too long)" in found
    assert (tmp_path / "raw.bin.partial").read_bytes() == CONTENT[:3000]


@pytest.mark.parametrize("lie", ["longer", "endless"])
def test_a_server_that_sends_more_than_expected_is_stopped(tmp_path, hostile, lie):
    found = problem(fetch, "s", entry(f"{hostile}/{lie}"), tmp_path / "raw.bin", timeout=2)
    assert "the address gives more than 10240 bytes" in found
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_announces_too_few_bytes_is_asked_for_the_rest(tmp_path, hostile):
    target = tmp_path / "raw.bin"
    assert fetch("s", entry(f"{hostile}/shorter"), target, timeout=2) is True
    assert target.read_bytes() == CONTENT


def test_a_server_that_resumes_at_the_wrong_byte_is_not_believed(tmp_path, hostile):
    (tmp_path / "raw.bin.partial").write_bytes(CONTENT[:300])
    assert fetch("s", entry(f"{hostile}/wrong_start"), tmp_path / "raw.bin", timeout=2) is True
    assert (tmp_path / "raw.bin").read_bytes() == CONTENT


def test_a_broken_download_is_kept_for_the_next_run(tmp_path, server):
    found = problem(fetch, "s", entry(f"{server}/short"), tmp_path / "raw.bin")
    assert "broke off after 1000 of 10240 bytes (the server closed the connection)" in found
    assert "-> run again: it goes on from there" in found
    assert (tmp_path / "raw.bin.partial").stat().st_size == 1000
    assert not (tmp_path / "raw.bin").exists()
    assert fetch("s", entry(f"{server}/resume"), tmp_path / "raw.bin") is True


def test_other_content_than_expected_never_gets_the_name(tmp_path, server):
    found = problem(fetch, "s", entry(f"{server}/other"), tmp_path / "raw.bin")
    assert f"expected are 10240 bytes with sha256 {SHA}" in found
    assert "check url, sha256 and bytes of 's' in config/sources.yaml" in found
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["/gone", None])
def test_no_network_says_where_to_get_it_and_where_to_put_it(tmp_path, server, path):
    url = f"{server}{path}" if path else "http://127.0.0.1:9/x"
    target = tmp_path / "raw.bin"
    found = problem(fetch, "s", entry(url), target)
    assert f"{target}: the raw file of source 's' is missing and {url} does not give it" in found
    assert f"get it from {url} and put it there (expected sha256 {SHA})" in found


def test_a_source_without_address_names_its_owner(tmp_path):
    found = problem(fetch, "s", entry(None), tmp_path / "raw.bin")
    assert "get it from ask the owner and put it there" in found


def test_a_changed_file_is_refused_and_not_overwritten(tmp_path, server):
    path = tmp_path / "raw.bin"
    path.write_bytes(b"mine")
    found = problem(fetch, "s", entry(f"{server}/whole"), path)
    assert "the file has 4 bytes and sha256" in found
    assert f"expected are 10240 bytes and sha256 {SHA}" in found
    assert "move the file away and run again" in found
    assert path.read_bytes() == b"mine"
    assert "is missing" in problem(verify, "s", entry(None), tmp_path / "none")


def test_hashes_of_own_files_are_refreshed_and_the_rest_stays(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "own.csv").write_bytes(CONTENT)
    registry = tmp_path / "sources.yaml"
    text = (
        "# note\nown:\n  file: own.csv\n  sha256: 00\n  bytes: 1\n\nfar:\n  file: x\n  sha256: 11\n"
    )
    registry.write_text(text, encoding="utf-8")
    assert refresh_hashes(registry, tmp_path / "raw") == ["own"]
    expected = text.replace("sha256: 00", f"sha256: {SHA}").replace("bytes: 1", "bytes: 10240")
    assert registry.read_text(encoding="utf-8") == expected


def test_hashes_of_a_source_in_several_files(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / "pv").mkdir(exist_ok=True)
        (tmp_path / "pv" / name).write_bytes(CONTENT)
    text = (
        "pv:\n  folder: pv\n  files:\n    a.csv: {sha256: 00, bytes: 1}\n"
        "    b.csv:\n      sha256: 00\n      bytes: 1\n  version: '1'\n"
    )
    registry = tmp_path / "sources.yaml"
    registry.write_text(text, encoding="utf-8")
    assert refresh_hashes(registry, tmp_path) == ["pv"]
    files = yaml.safe_load(registry.read_text("utf-8"))["pv"]["files"]
    assert files == {key: {"sha256": SHA, "bytes": 10240} for key in ("a.csv", "b.csv")}


def test_demo_files_are_those_of_the_registry(root):
    entries = yaml.safe_load((root / "config" / "sources.yaml").read_text(encoding="utf-8"))
    demo = {name: e for name, e in entries.items() if name.startswith("demo_")}
    raw = Path(root) / "data" / "raw"
    shipped = {f"demo/{path.name}" for path in (raw / "demo").iterdir()} - {"demo/truth.yaml"}
    assert {one["file"] for one in demo.values()} == shipped
    for name, one in demo.items():
        verify(name, one, raw / one["file"])
