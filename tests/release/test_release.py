"""The scripts behind `make dist` and `make audit`, as processes."""

import hashlib
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **environment}
    )


def test_packages_are_the_same_bytes_whoever_builds_them(tmp_path: Path) -> None:
    out = tmp_path / "dist"
    done = run(str(ROOT / "packaging/dist"), sys.executable, str(out), SOURCE_DATE_EPOCH="1790000000")
    assert done.returncode == 0, done.stderr
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    sums = (out / "SHA256SUMS").read_text()
    for package in (wheel, sdist):
        assert f"{hashlib.sha256(package.read_bytes()).hexdigest()}  {package.name}\n" in sums
    names = zipfile.ZipFile(wheel).namelist()
    assert "daemon/ledger/migrations/versions/r0001_first.py" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith("tests/") or "__pycache__" in name]
    with tarfile.open(sdist) as archive:
        assert {member.mtime for member in archive.getmembers()} <= {0, 1_790_000_000}


SAFE = '{"dependencies": [{"name": "trio", "version": "1", "vulns": []}], "fixes": []}'
SKIPPED = '{"dependencies": [{"name": "trio", "skip_reason": "could not be audited"}], "fixes": []}'
VULNERABLE = '{"dependencies": [{"name": "trio", "version": "1", "vulns": [{"id": "CVE-1"}]}], "fixes": []}'


@pytest.mark.parametrize(
    ("found", "status", "code", "says"),
    [
        (SAFE, 0, 0, "1 packages, none with a known vulnerability"),
        (VULNERABLE, 1, 1, "VULNERABLE:"),
        (SKIPPED, 0, 1, "NOT AUDITED"),
        ("", 1, 1, "NOT AUDITED, so this fails: the advisory service could not be asked: no way there"),
        ("", 0, 1, "NOT AUDITED"),
        ('{"dependencies": [], "fixes": []}', 0, 1, "NOT AUDITED"),
    ],
    ids=["safe", "vulnerable", "skipped", "not reached", "nothing", "no packages"],
)
def test_what_was_not_audited_has_not_passed(tmp_path: Path, found: str, status: int, code: int, says: str) -> None:
    tool = tmp_path / "pip-audit"
    tool.write_text(
        '#!/usr/bin/env bash\nwhile [ "$1" != --output ]; do shift; done\n'
        f"printf '%s' '{found}' >\"$2\"\necho 'no way there' >&2\nexit {status}\n"
    )
    tool.chmod(0o755)
    done = run(str(ROOT / "packaging/audit"), str(tool), "requirements/runtime.txt")
    assert done.returncode == code
    assert says in done.stdout + done.stderr
