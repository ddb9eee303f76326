"""What programs on a host run or are led by: pure tables."""

import json
import re
import time
from pathlib import Path

import pytest

from wt import review
from wt.gate import Change, Concern

FILE, PROGRAM, LINK, GITLINK = "100644", "100755", "120000", "160000"
PAGE = (Path(__file__).parents[2] / "docs/reference/review.md").read_text()


def said(change: Change, old: str | None = None, new: str | None = None) -> list[str]:
    contents = {key: text for key, text in (("old", old), ("new", new)) if text is not None}
    return [each.reason for each in review.runs([change], contents)]


def added(path: str, mode: str = FILE) -> Change:
    return Change(path, None, mode, None, "new")


def changed(path: str) -> Change:
    return Change(path, FILE, FILE, "old", "new")


@pytest.mark.parametrize("folder", review.FOLDERS)
@pytest.mark.parametrize("place", ["{}/x", "deep/{}/a/b", "{}"])
@pytest.mark.parametrize("change", [str, str.upper])
def test_what_lies_in_a_folder_that_something_runs(folder: str, place: str, change: type[str]) -> None:
    path = place.format(change(folder))
    assert said(changed(path)) == [f"changed; {review.FOLDERS[folder]}"]
    assert said(Change(path, FILE, None, "old", None)) == [f"removed; {review.FOLDERS[folder]}"]
    assert said(changed(f"x{path}")) == [] or "deep" in place


@pytest.mark.parametrize("pattern", review.FILES)
def test_files_that_something_runs(pattern: str) -> None:
    name = re.sub(r"\[(.).*?\]", r"\1", pattern).replace("*", "")
    for path in (name, f"deep/{name}", name.upper()):
        (reason,) = said(added(path))
        assert reason.startswith("new; ") and review.FILES[pattern] in reason
    assert said(added(name, LINK)) == [f"new, a symlink; {review.FILES[pattern]}"]


@pytest.mark.parametrize(
    "path",
    ["mise.local.toml", ".mise.local.toml", ".mise/tasks/x", "shop.code-workspace", ".devcontainer.json", ".nvim.lua",
     ".nvimrc", ".exrc", ".dir-locals.el", "AGENTS.md", "CLAUDE.md", "CLAUDE.local.md", "GEMINI.md", ".cursorrules",
     ".windsurf/rules/x.md", ".windsurfrules", ".gemini/settings.json", ".codex/config.toml", ".opencode/plugin/x.ts",
     ".kiro/hooks/x", ".roo/mcp.json", ".github/copilot-instructions.md", "a/action.yml", "a/action.yaml",
     ".forgejo/workflows/x.yml", ".gitea/workflows/x.yml", ".woodpecker.yml", ".woodpecker/x.yml", "lefthook.toml",
     "lefthook.json", "lefthook-local.yml", "prek.toml", "bunfig.toml", ".eslintrc", ".eslintrc.json", ".prettierrc",
     ".babelrc", ".mocharc.yml", "nx.json", "turbo.json", "devbox.json", "flake.nix", "shell.nix", "default.nix",
     "gradlew", "gradlew.bat", "gradle/wrapper/gradle-wrapper.jar", "settings.gradle.kts", "build.gradle", "mvnw",
     "mvnw.cmd", "pom.xml", ".mvn/extensions.xml", "pyproject.toml", "Containerfile", "docker-bake.hcl"],
)  # fmt: skip
def test_files_that_act_by_themselves_have_one_line_each(path: str) -> None:
    assert len(said(changed(path))) == 1 and len(said(added(f"deep/{path}"))) == 1


@pytest.mark.parametrize(
    "key", ["trustedDependencies", "wireit", "pre-commit", "eslintConfig", "prettier", "babel", "jest"]
)
def test_entries_of_a_package_that_choose_what_runs(key: str) -> None:
    for value in ("./x.js", ["x"]):
        assert len(said(changed("package.json"), "{}", json.dumps({key: value}))) == 1
    assert said(changed("package.json"), "{}", json.dumps({key: {"x": "./y.js"}})) == [f"{key}.x: ./y.js"]


@pytest.mark.parametrize("path", ["src/index.ts", "README.md", "a.makefile.txt", "vscode/x", "configs/x.json", "rc.js"])
def test_what_is_only_code_is_not_listed(path: str) -> None:
    assert said(added(path, PROGRAM)) == said(changed(path)) == []


def test_a_file_that_becomes_executable() -> None:
    assert said(Change("run", FILE, PROGRAM, "old", "new")) == ["is executable now"]
    assert said(Change("run", PROGRAM, FILE, "old", "new")) == []
    assert said(Change("run", PROGRAM, PROGRAM, "old", "new")) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"scripts": {"test": "a", "b": "b"}}, {"scripts": {"test": "x", "c": "c"}},
         ["scripts.test: x", "scripts.c: c", "scripts.b: removed"]),
        (None, {"scripts": {"postinstall": "node x.js"}}, ["scripts.postinstall: node x.js"]),
        ({"scripts": {"a": "a"}}, {"scripts": ["x"]}, ["scripts.a: removed"]),
        ({}, {"bin": "cli.js"}, ["bin: cli.js"]),
        ({"bin": {"a": "x"}}, {"bin": {"a": "y"}}, ["bin.a: y"]),
        ({}, {"packageManager": "yarn@https://evil.example/y.js"}, ["packageManager: yarn@https://evil.example/y.js"]),
        ({"packageManager": "npm@10"}, {}, ["packageManager: removed"]),
        ({}, {"pnpm": {"onlyBuiltDependencies": ["x"]}}, ['pnpm.onlyBuiltDependencies: ["x"]']),
        ({}, {"dependencies": {"a": "^1.0.0", "b": "workspace:*", "c": "catalog:", "d": "1 || 2"}}, []),
        ({"dependencies": {"old": "git+ssh://x/y"}},
         {"dependencies": {"old": "git+ssh://x/y", "a": "github:e/x", "b": "e/x", "c": "npm:x@1", "d": "file:../x"}},
         ["dependencies.a: github:e/x", "dependencies.b: e/x", "dependencies.c: npm:x@1", "dependencies.d: file:../x"]),
        ({}, {"overrides": {"a": {"b": "https://x/y"}}}, ['overrides.a: {"b": "https://x/y"}']),
        ({"version": "1"}, {"version": "2", "description": "https://x"}, []),
        ({}, {"scripts": {"x": "y" * 100}}, ["scripts.x: " + "y" * 57 + "..."]),
    ],
)  # fmt: skip
def test_what_became_of_a_package(old: object, new: object, expected: list[str]) -> None:
    assert said(changed("package.json"), json.dumps(old), json.dumps(new)) == expected
    assert said(changed("deep/Package.JSON"), json.dumps(old), json.dumps(new)) == expected


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "\ufeff{}", "\udcff", "[" * 100_000, '{"scripts":' + '{"a":' * 100_000, "1" * 5000, None],
    ids=range(10),
)
def test_a_package_that_can_t_be_read_says_so(text: str | None) -> None:
    assert said(added("package.json"), None, text) == [review.UNREADABLE]


@pytest.mark.parametrize("depth", range(50, 1_000, 50))
def test_a_package_of_any_depth_is_told_apart(depth: int) -> None:
    deep = ['{"scripts":' * depth + f'"{each}"' + "}" * depth for each in "ab"]
    assert len(said(changed("package.json"), *deep)) == 1


NPM = {"resolved": "https://registry.npmjs.org/a/-/a-1.tgz", "funding": {"url": "https://money.example/x"}}


@pytest.mark.parametrize(
    ("name", "old", "new", "hosts"),
    [
        ("package-lock.json", {"packages": {"a": NPM}}, {"packages": {"a": NPM, "b": NPM}}, ""),
        ("package-lock.json", {}, {"packages": {"a": NPM}}, "registry.npmjs.org"),
        ("package-lock.json", {"a": NPM}, {"a": {"resolved": "https://evil.example:8/x"}}, "evil.example:8"),
        ("package-lock.json", {}, {"a": {"version": "git+ssh://git@evil.example/x"}}, "evil.example"),
        ("package-lock.json", {}, {"a": {"deprecated": "see https://x.example"}}, ""),
        (
            "package-lock.json",
            {},
            {"dependencies": {"funding": {"resolved": "https://evil.example/x"}}},
            "evil.example",
        ),
        ("package-lock.json", {}, {"packages": {"homepage": {"resolved": "https://evil.example/x"}}}, "evil.example"),
        ("pnpm-lock.yaml", "", "  funding: {tarball: 'https://evil.example/x.tgz'}\n", "evil.example"),
        ("pnpm-lock.yaml", "", "  funding: 'https://x.example'\n", ""),
        ("yarn.lock", "", '  resolved "-a_https://evil.example/x"\n', "evil.example"),
        ("npm-shrinkwrap.json", {}, {"a": {"resolved": "https://user@EVIL.example/x"}}, "evil.example"),
        ("yarn.lock", "", '  resolved "https://evil.example/x"\n', "evil.example"),
        ("yarn.lock", "", '  resolution: "x@git@evil.example:x/y"\n', "evil.example"),
        ("pnpm-lock.yaml", "", "    resolution: {tarball: https://evil.example/x.tgz}\n", "evil.example"),
        ("pnpm-lock.yaml", "", "    deprecated: see https://x.example\n", ""),
        ("uv.lock", 'url = "https://a/x"', 'url = "https://a/x"\nurl = "https://b/x"', "b"),
        ("Cargo.lock", "", 'source = "git+https://evil.example/x"', "evil.example"),
        ("Gemfile.lock", "", "  remote: https://evil.example/", "evil.example"),
        ("poetry.lock", "", 'url = "https://e1 https://e2 https://e3 https://e4"', "e1, e2, e3 and 1 more"),
        ("bun.lock", "", '{"a": "https://evil.example",}', "evil.example"),
    ],
)
def test_hosts_that_a_lock_file_did_not_fetch_from_before(name: str, old: object, new: object, hosts: str) -> None:
    texts = [each if isinstance(each, str) else json.dumps(each) for each in (old, new)]
    assert said(changed(name), *texts) == ([f"fetches from {hosts}"] if hosts else [])
    assert said(Change(name, FILE, None, "old", None), texts[0]) == []


def test_a_lock_file_that_is_too_large_says_so() -> None:
    assert said(changed("yarn.lock"), "") == [review.TOO_LARGE]


def test_what_is_looked_into_is_what_is_told_of() -> None:
    was_link, is_link = Change("yarn.lock", GITLINK, FILE, "commit", "new"), added("package.json", GITLINK)
    changes = [changed("package.json"), changed("x"), was_link, is_link]
    assert review.wanted(changes) == {"old", "new"}
    assert review.wanted([Change("yarn.lock", FILE, None, "old", None)]) == set()
    assert review.runs(changes[3:], {}) == ()


def test_many_changes_take_no_time() -> None:
    changes = [changed(f"packages/p{number}/src/file{number}.ts") for number in range(50_000)]
    started = time.process_time()
    assert review.runs([*changes, changed("Makefile")], {}) == (Concern("Makefile", "changed; make runs it"),)
    assert time.process_time() - started < 20


def section(heading: str) -> dict[str, str]:
    """First and last cell of a table of the reference page."""
    text = PAGE.partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"][2:]
    return {name: row[-1] for row in cells for name in re.findall("`([^`]+)`", row[0])}


def test_the_reference_has_both_tables_and_nothing_else() -> None:
    assert (
        section("## What runs on a host")
        == {f"{folder}/": why for folder, why in review.FOLDERS.items()} | review.FILES
    )
    looked_into = section("## What is looked into")
    assert list(looked_into) == [review.PACKAGE, *review.ENTRIES, *review.DEPENDENCIES, *review.LOCKS]
