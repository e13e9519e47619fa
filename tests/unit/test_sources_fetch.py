"""Raw files are found, downloaded, continued and verified; a wrong one never takes the place."""

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


def problem(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
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


def test_a_broken_download_is_kept_for_the_next_run(tmp_path, server):
    found = problem(fetch, "s", entry(f"{server}/short"), tmp_path / "raw.bin")
    assert "broke off after 1000 of 10240 bytes -> run again: it goes on from there" in found
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


def test_demo_files_are_those_of_the_registry(root):
    entries = yaml.safe_load((root / "config" / "sources.yaml").read_text(encoding="utf-8"))
    demo = {name: e for name, e in entries.items() if name.startswith("demo_")}
    assert len(demo) == 8
    for name, one in demo.items():
        verify(name, one, Path(root) / "data" / "raw" / one["file"])
