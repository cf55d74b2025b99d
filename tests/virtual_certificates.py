"""Certificates for tests, by openssl: an authority, brokers and clients, also expired ones and ones of the future."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_CONFIG = """\
[ca]
default_ca = here
[here]
dir = .
database = index.txt
rand_serial = yes
new_certs_dir = .
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


class Authority:
    """Signs in a folder of its own; `certificate` is what trusts it."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("openssl is not installed")
        folder.mkdir(parents=True)
        self._folder = folder
        self.certificate = folder / "ca.pem"
        (folder / "ca.conf").write_text(_CONFIG)
        (folder / "index.txt").touch()
        self._run(
            "req", "-x509", *_NEW_KEY, "-days", "2", "-subj", "/CN=Test CA", "-keyout", "ca.key", "-out", "ca.pem"
        )

    def sign(self, name: str, host: str = "localhost", begins: str = "20200101", ends: str = "20991231") -> Pair:
        """Make a key and a certificate for a host, valid between two days."""
        extensions = ["-addext", f"subjectAltName=DNS:{host}", "-addext", "basicConstraints=critical,CA:FALSE"]
        self._run(
            "req", *_NEW_KEY, "-subj", f"/CN={name}", *extensions, "-keyout", f"{name}.key", "-out", f"{name}.csr"
        )
        dates = ["-startdate", f"{begins}000000Z", "-enddate", f"{ends}000000Z"]
        signer = ["-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key"]
        self._run("ca", "-batch", "-notext", *signer, *dates, "-in", f"{name}.csr", "-out", f"{name}.pem")
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        pair.key.chmod(0o600)
        return pair

    def lock(self, key: Path, password: str) -> Path:
        """Write a key once more, locked with a password."""
        locked = key.with_suffix(".locked")
        self._run("ec", "-in", str(key), "-aes256", "-passout", f"pass:{password}", "-out", str(locked))
        return locked

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(["openssl", *arguments], cwd=self._folder, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
