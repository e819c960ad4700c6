"""lock.py FILE.in...: resolve each list on this Python and write FILE.txt beside it, every file by hash.

Run it on the Python of the image's Debian release. The versions are those of this machine's processor;
the hashes are of the files pip takes on 64-bit Intel and Arm.
"""

import json
import pathlib
import subprocess
import sys

ARM = [f"--platform=manylinux_2_{n}_aarch64" for n in (17, 28, 34, 39)]


def resolve(*args):
    """pip's own choice, as [(name, version, sha256, is a wheel)]."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report=-"]
    report = json.loads(subprocess.run([*command, *args], check=True, capture_output=True).stdout)
    for item in report["install"]:
        info, meta = item["download_info"], item["metadata"]
        yield meta["name"].lower(), meta["version"], info["archive_info"]["hashes"]["sha256"], info["url"].endswith(".whl")


def lock(source):
    """FILE.in -> FILE.txt."""
    text = source.read_text()
    chosen = list(resolve("-r", str(source), *(["--no-deps"] if "--no-deps" in text else [])))
    hashes = {(name, version): {digest} for name, version, digest, _ in chosen}
    wheels = [f"{name}=={version}" for name, version, _, wheel in chosen if wheel]
    for name, version, digest, _ in resolve("--no-deps", "--target=none", "--only-binary=:all:", *ARM, *wheels):
        hashes[name, version].add(digest)
    lines = (
        f"{name}=={version} " + " ".join(f"--hash=sha256:{digest}" for digest in sorted(digests))
        for (name, version), digests in sorted(hashes.items())
    )
    source.with_suffix(".txt").write_text("\n".join(lines) + "\n")


for path in sys.argv[1:]:
    lock(pathlib.Path(path))
