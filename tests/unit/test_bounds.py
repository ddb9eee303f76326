"""What an agent wrote costs time and memory in proportion to its size, and no more."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

# Seconds of a processor, and bytes of memory, for each of these; without the bounds it is minutes, or gigabytes.
SECONDS, BYTES = 8, 1 << 30
COSTS = {
    "a ref of 300,000 bytes": """
from pathlib import Path
from unit.nouns import MAIN
from wt import importer
from wt.model import InsideRefs
name = "refs/heads/" + "a/" * 150_000 + "a"
refs = InsideRefs(head=None, detached=None, refs={name: "1" * 40}, stash=(), past=frozenset(), operation=None)
(ref,) = importer.missing(MAIN, refs, {})
assert ref.endswith("/clash/" + "1" * 40), ref
""",
    "5,000 refs of 488 directories": """
from unit.nouns import MAIN
from wt import importer
from wt.model import InsideRefs
named = {f"refs/heads/{number}/" + "a/" * 485 + "x": f"{number:040x}" for number in range(5_000)}
refs = InsideRefs(head=None, detached=None, refs=named, stash=(), past=frozenset(), operation=None)
assert len(importer.missing(MAIN, refs, {})) == 5_000
""",
    "a lock file of one line": """
from wt import review
from wt.gate import Change
text = "a" * 3_000_000 + " https://x.example/y"
found = review.runs([Change("yarn.lock", None, "100644", None, "b")], {"b": text})
assert "x.example" in found[0].reason
""",
    "a .env of blank lines": """
from dataclasses import replace
from unit.nouns import SEEN
from wt import plan
plan.prepare_files(replace(SEEN, root_env=chr(10) * 3_000_000 + "A=1"), "dev")
""",
    "a program that never stops": """
from wt import process
from wt.errors import TooMuch
try:
    process.run(["cat", "/dev/zero"], max_output=1 << 20)
except TooMuch as error:
    assert error.message == "cat said more than 1048576 bytes and was ended" and error.hint, error
else:
    raise AssertionError("it was read")
assert process.run(["head", "-c", "1048576", "/dev/zero"], max_output=1 << 20).stdout == bytes(1 << 20)
""",
    "a sandbox that answers without end": """
import os, tempfile
from pathlib import Path
from unit.nouns import container
from wt import docker
from wt.errors import TooMuch
program = Path(tempfile.mkdtemp(), "docker")
program.write_text("#!/bin/sh" + chr(10) + "exec cat /dev/zero")
program.chmod(0o755)
os.environ["PATH"] = f"{program.parent}:{os.environ['PATH']}"
sandbox = container("feature-1")
asked = (
    lambda: docker.processes(sandbox),
    lambda: docker.has_program(sandbox, "claude"),
    lambda: docker.wait_for_dependencies(sandbox, seconds=60),
    lambda: docker.linger(sandbox),
)
for ask in asked:
    try:
        ask()
    except TooMuch:
        continue
    raise AssertionError("it was read")
""",
    "a line that never ends": """
from itertools import islice
from wt import process
lines = process.follow(["cat", "/dev/zero"])
assert sum(map(len, islice(lines, 20))) > 1_000_000
lines.close()
""",
    "subjects of 20 MB": """
import subprocess, tempfile
from pathlib import Path
from wt import git
from wt.model import Repository
for letter in "x", chr(0x301):
    place = Path(tempfile.mkdtemp())
    subprocess.run(["git", "init", "--quiet", place], check=True)
    text = letter.encode() * (20_000_000 // len(letter.encode()))
    lines = f"commit refs/heads/main{chr(10)}committer A <a@b> 1 +0000{chr(10)}data {len(text)}{chr(10)}".encode()
    subprocess.run(["git", "-C", place, "fast-import", "--quiet"], input=(lines + text + b"\\n") * 5, check=True)
    repository = Repository(place / ".git", place, "key")
    found = git.only_in(repository, git.refs(repository).values(), [])
    assert len(found) == 5 and sum(map(len, found)) < 2_000, (len(found), sum(map(len, found)))
    assert letter != "x" or all("xxx" in line for line in found), "what can be cut is shown"
""",
    "packed refs of 32 million lines": """
from wt import private_repo
from wt.errors import Refused
for text in "a" + chr(10), "#" + chr(10), chr(10):
    try:
        private_repo._packed(text * ((64 << 20) // len(text)))
    except Refused as error:
        assert "packed refs" in error.message, error
    else:
        raise AssertionError("they were read")
""",
    "logs of 64 million lines": """
import tempfile
from pathlib import Path
from wt import private_repo
from wt.errors import Refused
with tempfile.TemporaryDirectory() as place:
    root = Path(place)
    (root / "logs/refs/heads").mkdir(parents=True)
    for line in chr(10), "0 " + "1" * 40 + " " + chr(10):
        (root / "logs/refs/heads/main").write_text(line * ((64 << 20) // len(line)))
        assert len(private_repo._reflog((root / "logs/refs/heads/main").read_text())) < 30_000
        (root / "logs/refs/heads/main").rename(root / "logs/refs/stash")
        try:
            private_repo._stash(root, "1" * 40)
        except Refused as error:
            assert "stash entries" in error.message, error
        else:
            raise AssertionError("it was read")
""",
    "an index of 1,500,000 objects that are nowhere": """
import subprocess, tempfile
from pathlib import Path
from wt import naming, staging
from wt.model import Repository, Worktree
with tempfile.TemporaryDirectory() as place:
    subprocess.run(["git", "init", "--quiet", place], check=True)
    git_dir = Path(place, ".git")
    tree = Worktree(Repository(git_dir, Path(place), "key"), "main", Path(place), git_dir, None)
    naming.private_repo(tree).mkdir(parents=True)
    entry = lambda at: bytes(26) + bytes((129, 164)) + bytes(12) + at.to_bytes(20) + bytes((0, 0, at > 1, 120, 0))
    with (naming.private_repo(tree) / "index").open("wb") as index:
        index.write(b"DIRC" + (4).to_bytes(4) + (1_500_000).to_bytes(4))
        index.writelines(entry(at) for at in range(1, 1_500_001))
        index.write(bytes(20))
    assert staging.alone(tree) == ("x",)
""",
    "a YAML file of merges": """
from wt import sources
text = "a0: &a0 {x0: 1, x1: 1, x2: 1, x3: 1, x4: 1, x5: 1, x6: 1, x7: 1, x8: 1, x9: 1}" + chr(10)
for at in range(1, 12):
    text += f"a{at}: &a{at} {{<<: [{', '.join([f'*a{at - 1}'] * 10)}]}}" + chr(10)
try:
    sources.read(text)
except ValueError as error:
    assert "merge" in str(error), error
else:
    raise AssertionError("it was read")
""",
    "workspaces of more directories than there are, by symlinks": """
import json, tempfile
from pathlib import Path
from wt import node
with tempfile.TemporaryDirectory() as place:
    for number in range(8):
        (Path(place) / str(number)).symlink_to(".")
    for pattern in ("*/*/*/*/*/*/*/*/*/*/*", "*/*/*/*/*/*", "**/" * 3_000 + "*", "?" * 10_000_000):
        (Path(place) / "package.json").write_text(json.dumps({"workspaces": [pattern]}))
        assert node.package_directories(Path(place)) == (".",)
""",
    "what is not trusted: 200 files of two kinds of lines": """
import random
from wt import trust
def version():
    texts = ("".join(random.choices(("a" + chr(10), "b" + chr(10)), k=30_000)) for _ in range(200))
    return trust.Version({str(at): trust.Entry("file", text, text) for at, text in enumerate(texts)})
old, new = version(), version()
trust.known = lambda repository: (old,)
lines = trust.difference(None, new)
assert 20_000 < len(lines) < 30_000 and "not shown" in lines[-1], lines[-1]
""",
    "a .gitignore of 250 kinds of lines": """
from wt.commands import init
text = "".join(f"{at % 250}" + chr(10) for at in range(500_000))
lines = list(init._diff(".gitignore", text, init._ignores(text, ())))
assert lines[3:] == [" 249", "+.devcontainer/.env", "+.claude-docker/", "+node_modules/"], lines
""",
    "20,000 directories at the end of 1,500": """
import stat
from pathlib import Path
from wt import hostile, nested
many = [(f"{number:0>255}", stat.S_IFDIR) for number in range(20_000)]
hostile.entries = lambda root, path, limit: many if path.count("/") == 1_500 else many[:1]
assert nested.repositories(Path("/nowhere"), seconds=60) == ((), False)
""",
    "3,000 repositories, each in another": """
import stat
from pathlib import Path
from wt import hostile, nested
one = [("d" * 255, stat.S_IFDIR), (".git", stat.S_IFREG)]
hostile.entries = lambda root, path, limit: one
found, whole = nested.repositories(Path("/nowhere"), seconds=60)
assert found and not whole and sum(map(len, found)) <= 64 << 20
""",
    "the size of 300,000 directories of long paths": """
import os
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from wt import hostile
class Entry(SimpleNamespace):
    path = property(lambda self: "d" * 3_800 + self.name)
    stat = lambda self, follow_symlinks: SimpleNamespace(st_blocks=1)
    is_dir = lambda self, follow_symlinks: True
    each = lambda path: (Entry(name=str(number)) for number in range(300_000 if path == "/nowhere" else 0))
os.scandir = lambda path: nullcontext(Entry.each(path))
assert hostile.size(Path("/nowhere")) == 300_000 * 512
""",
}


@pytest.mark.parametrize("what", COSTS)
def test_it_ends_within_bounds(what: str, tmp_path: Path) -> None:
    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))

    done = subprocess.run(
        [sys.executable, "-c", COSTS[what]],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=bounded,
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-300:])
