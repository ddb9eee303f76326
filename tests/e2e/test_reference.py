"""What the reference says of answers and of files, held against a whole life of a sandbox."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema

from support import PROJECT, Repository, as_user

pytestmark = as_user

PAGES = PROJECT / "docs/reference"
WHOLE = {"trash", "trust"}
# Two imports: what the first brings as `a/b` stands in the way of the second's `a`.
WORK = [
    "git commit -q --allow-empty -m one && git tag mine && git branch a/b && echo x >> README.md && git stash -q"
    " && git notes add -m note",
    "git branch -D -q a/b && git checkout -q --detach && git commit -q --allow-empty -m two && git branch a HEAD~1"
    " && git commit -q --allow-empty -m three && git branch -f a HEAD && git commit -q --allow-empty -m four",
]


def test_answers_match_their_schemas_and_files_are_on_the_page(repository: Repository, other_disk: Path) -> None:
    answer(repository, "init")
    repository.wt("new", "gone", "--no-up")
    repository.wt("rm", "gone", "--delete-branch")
    assert answer(repository, "new", "feature-x")["name"] == "shop-feature-x"
    for script in WORK:
        repository.inside("feature-x", script)
        assert answer(repository, "sync", "feature-x")[0]["imported"]
    far = other_disk / "far"
    repository.git("worktree", "add", "--quiet", str(far))
    repository.wt("prepare", cwd=far)
    common = repository.path / ".git"
    made = {place(path.relative_to(common)) for path in (common / "wt-sandbox").rglob("*")}
    listed = repository.git("for-each-ref", "--format=%(refname)", "refs/wt").splitlines()
    made |= {place(Path(ref)) for ref in listed}
    page = dict(re.findall(r"^\| `(<common>/[^`]*)` \| ([^|]*) \|", (PAGES / "files.md").read_text(), re.MULTILINE))
    lasting = {path for path, by in page.items() if not re.search(", (for|until) ", by)}
    assert {each for each in made if each} == lasting
    sizes = {each["worktree"]["name"]: each["size"] for each in answer(repository, "ls", "--size")}
    assert sizes["shop-feature-x"] > 0
    assert answer(repository, "shared", "status")[0]["container"]
    assert answer(repository, "shared", "up")[0]["service"] == "postgres"
    assert answer(repository, "trust", "feature-x")["trusted"]
    assert answer(repository, "path", "feature-x") == str(repository.worktree("feature-x"))
    repository.inside("feature-x", "git checkout -q feature-x && git commit -q --allow-empty -m five")
    assert answer(repository, "down", "feature-x")[0]["moved"]
    for ref in repository.git("for-each-ref", "--format=%(refname)", "refs/wt").splitlines():
        repository.git("branch", f"kept-{ref.replace('/', '-')}", ref)
    assert [tree["name"] for tree in answer(repository, "rm", "feature-x")] == ["shop-feature-x"]
    assert not (common / "wt-sandbox/shop-feature-x").exists()
    assert repository.git("for-each-ref", "refs/wt/shop-feature-x") == ""


def answer(repository: Repository, *words: str) -> Any:
    """The result that a command prints as JSON, alone on standard output and as its schema says."""
    done = repository.wt(*words, "--json")
    assert done.stdout.count("\n") == 1
    said = json.loads(done.stdout)
    name = "-".join(words[: 2 if words[0] == "shared" else 1])
    jsonschema.validate(said, json.loads((PAGES / "schemas" / f"{name}.json").read_text()))
    return said["result"]


def place(path: Path) -> str:
    """A path below the common directory as the page writes it; empty for one inside a thing that counts as a whole."""
    if path.parts[0] == "refs":
        _, _, _, kind, *rest = path.parts
        shown = kind if kind in {"base", "heads", "tags", "stash", "HEAD", "clash"} else "<other>"
        return f"<common>/refs/wt/<id>/{shown}{'/' if rest else ''}"
    _, *rest = path.parts
    if len(rest) == 1:
        shown = rest[0] if rest[0] in {".lock", "repository"} else f"{rest[0]}/" * (rest[0] in WHOLE)
        return f"<common>/wt-sandbox/{shown}" if shown else ""
    if len(rest) > 2 or rest[0] in WHOLE:
        return ""
    return f"<common>/wt-sandbox/<id>/{rest[1]}{'/' if rest[1].endswith('.git') else ''}"
