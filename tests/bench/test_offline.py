"""asv's pages need no network, and the scripts in them are the expected ones."""

import json

import offline
import pytest

SCRIPTS = json.loads((offline.PAGES / "scripts.json").read_text("utf-8"))
START = '<script language="javascript" type="text/javascript"\n            src="asv.js"></script></head>'


def test_every_script_is_pinned_to_a_version_and_a_checksum():
    assert all("@" in s["package"] and len(s["sha256"]) == 64 for s in SCRIPTS)


def test_addresses_become_local_files_and_the_data_comes_before_the_first_use():
    html = (
        '<title>t</title><link rel="stylesheet" href="https://cdn.x/bootstrap/css/bootstrap.min.css" integrity="y">'
        f'<script src="https://code.jquery.com/jquery-3.3.1.min.js" integrity="z"></script>{START}'
    )
    made = offline.without_network(html, SCRIPTS)
    assert "https://" not in made
    assert '<script src="vendor/jquery/dist/jquery.min.js"></script>' in made
    assert '<link rel="stylesheet" href="vendor/bootstrap/dist/css/bootstrap.min.css">' in made
    assert (
        made.index("jquery.min.js") < made.index("data.js") < made.index("files.js") < made.index('"asv.js"')
    )


def test_an_address_that_is_not_known_is_refused():
    html = f'<title>t</title><script src="https://cdn.x/other.js"></script>{START}'
    with pytest.raises(SystemExit, match=r"loads https://cdn.x/other.js"):
        offline.without_network(html, SCRIPTS)


def test_another_page_of_asv_is_refused():
    with pytest.raises(SystemExit, match="not the one"):
        offline.without_network("<head></head>", SCRIPTS)


def test_a_file_with_another_checksum_is_refused(tmp_path, monkeypatch):
    import io
    import tarfile

    monkeypatch.setattr(offline, "CACHE", tmp_path)
    with tarfile.open(tmp_path / "x-1.tgz", "w:gz") as packed:
        member = tarfile.TarInfo("package/x.js")
        member.size = 3
        packed.addfile(member, io.BytesIO(b"bad"))
    with pytest.raises(SystemExit, match="checksum differs"):
        offline.content({"package": "x@1", "file": "x.js", "sha256": "0" * 64})


def test_data_holds_every_json_file_by_its_path(tmp_path):
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs/a b.json").write_text("[1]")
    (tmp_path / "index.json").write_text('{"x": "</script>"}')
    script = offline.data(tmp_path)
    files = json.loads(script.removeprefix("window.ASV_FILES = ").removesuffix(";\n"))
    assert {name: json.loads(text) for name, text in files.items()} == {
        "graphs/a b.json": [1],
        "index.json": {"x": "</script>"},
    }
