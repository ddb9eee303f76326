"""The reference pages say what the program does: each is compared with it, in both directions."""

import json
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import wt as package
from unit.nouns import SEEN
from unit.repos import WORKSPACES, git, initialised, linked, run, wt
from wt import addition, checkouts, cli, config, errors, garbage, importer, naming, plan, process, trash, weakness
from wt import git as host
from wt.config import Allow, Config

PROJECT = Path(__file__).parents[2]
PAGES = PROJECT / "docs/reference"
SCHEMAS = {path.stem: json.loads(path.read_text()) for path in (PAGES / "schemas").glob("*.json")}
SOURCE = "".join(path.read_text() for path in Path(package.__file__).parent.rglob("*.py"))


def rows(page: str, heading: str = "") -> list[list[str]]:
    """The cells of every table of a page, or of one section, without heads."""
    text = (PAGES / page).read_text()
    section = text.partition(f"\n{heading}\n")[2].partition("\n## ")[0] if heading else text
    lines = [line.strip("|").replace(r"\|", "\0") for line in section.splitlines() if line.startswith("|")]
    heads = {index for index, line in enumerate(lines) if index + 1 < len(lines) and set(lines[index + 1]) <= set("-|")}
    shown = [line for index, line in enumerate(lines) if index not in heads and set(line) - set("-|")]
    return [[cell.strip().replace("\0", "|") for cell in line.split("|")] for line in shown]


def literals(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_generated_pages_are_what_the_program_generates(tmp_path: Path) -> None:
    run([sys.executable, PROJECT / "tools/reference.py", tmp_path], PROJECT)
    made = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    there = {name: (PAGES / name).read_text() for name in made if (PAGES / name).exists()}
    assert made.keys() >= {f"schemas/{name}.json" for name in SCHEMAS}, "a schema of a command that is gone"
    assert {name for name in made if made[name] != there.get(name)} == set(), "./just reference writes them"


def test_every_page_is_linked() -> None:
    index = (PROJECT / "docs/README.md").read_text()
    assert [page.name for page in PAGES.glob("*.md") if f"(reference/{page.name})" not in index] == []


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for each in schema.values():
            yield from objects(each)


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_valid_and_allow_nothing_else(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    found = list(objects(SCHEMAS[name]))
    assert found
    assert [each for each in found if each["additionalProperties"] or each["required"] != [*each["properties"]]] == []


@pytest.mark.parametrize("typed", ["init", "init --dry-run", "ls", "sync", "path", "sync feature shop", "review"])
def test_answers_match_their_schemas(shop: Path, typed: str) -> None:
    linked(shop)
    done = wt(shop, *typed.split(), "--json")
    jsonschema.validate(json.loads(done.stdout), SCHEMAS[typed.split()[0]])
    assert done.stdout.count("\n") == 1


@pytest.fixture(scope="module")
def with_feature(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository in which `wt init` has run, with a worktree `feature`."""
    path = initialised(tmp_path_factory.mktemp("reference") / "shop")
    linked(path)
    return path


@pytest.mark.parametrize(
    ("name", "state"),
    [
        *((name, "mistyped") for name in sorted(set(SCHEMAS) - {"error"})),
        # doctor looks at the host there
        *((name, "no repository") for name in sorted(set(SCHEMAS) - {"error", "doctor"})),
        *((name, "no engine") for name in ("new", "rm", "down", "shared-up", "shared-status")),
    ],
)
def test_failures_of_every_command_match_the_schema(with_feature: Path, tmp_path: Path, name: str, state: str) -> None:
    words = [*name.split("-"), *(["other"] if name == "new" else ["feature"] if name == "rm" else [])]
    directory = tmp_path if state == "no repository" else with_feature
    code = {"mistyped": 2, "no repository": 2, "no engine": 4}[state]
    done = wt(directory, *words, "--json", *(["--x"] if state == "mistyped" else []), code=code)
    answer = json.loads(done.stdout)
    jsonschema.validate(answer, SCHEMAS["error"])
    assert answer["error"]["code"] == {2: "usage", 4: "engine"}[code]
    assert "wt: " not in done.stderr


def keys(config: Any, prefix: str = "") -> dict[str, Any]:
    """Every key of a configuration as the page writes it, and its default."""
    found: dict[str, Any] = {}
    for field in fields(config):
        value, name = getattr(config, field.name), field.name.removesuffix("_")
        found |= keys(value, f"[{name}] ") if is_dataclass(value) else {f"{prefix}{name}": value}
    return found


def test_the_configuration_page_has_every_key_with_its_default_and_no_other() -> None:
    shown = {literals(key)[0]: default for key, default, *_ in rows("configuration.md", "## wt.toml")}
    defaults = keys(Config())
    assert list(shown) == list(defaults)
    said = {key: tomllib.loads(f"x = {literals(cell)[0]}")["x"] for key, cell in shown.items() if literals(cell)}
    assert said == {
        key: list(value) if isinstance(value, tuple) else value for key, value in defaults.items() if value is not None
    }


def test_the_template_of_wt_toml_has_every_key_with_its_default_and_no_other() -> None:
    text = (Path(package.__file__).parent / "templates/node/wt.toml").read_text()
    assert tomllib.loads(text) == {}, "every line is a comment"
    data = tomllib.loads("\n".join(re.findall(r"^# (\w+ = .*|\[\w+\])$", text, re.MULTILINE)))
    flat = {key: value for key, value in data.items() if not isinstance(value, dict)}
    flat |= {f"[{name}] {key}": value for name, table in data.items() if isinstance(table, dict)
             for key, value in table.items()}  # fmt: skip
    defaults = {key: list(value) if isinstance(value, tuple) else value for key, value in keys(Config()).items()}
    assert flat.keys() == defaults.keys()
    assert {key: value for key, value in flat.items() if defaults[key] is not None} == {
        key: value for key, value in defaults.items() if value is not None
    }


def test_the_configuration_page_has_every_variable_that_is_read() -> None:
    read = set(re.findall(r"environ(?:\.get\(|\[)\"(\w+)\"", SOURCE)) | process._KEPT_GIT_VARIABLES
    handed_on = {"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "LC_ALL"}
    patterns = {"GIT_*", "COMPOSE_*"}
    table = rows("configuration.md", "## Variables")
    assert {name for first, *_ in table for name in literals(first)} == read | handed_on | patterns
    computed = re.findall(r"\b(?:os\.environ(?:\.get\(|\[)(?!\")[^)\]]*|getenv)", SOURCE)
    by_name = {"os.environ[name", "os.environ.get(name"}  # clean_environment, and where the engine is
    assert set(computed) == by_name


def test_the_configuration_page_has_every_key_of_env() -> None:
    shown = [name for first, _ in rows("configuration.md", "## .devcontainer/.env") for name in literals(first)]
    assert sorted(shown) == sorted(plan.environment(SEEN, "dev"))


def test_the_configuration_page_has_every_range_and_limit() -> None:
    text = " ".join((PAGES / "configuration.md").read_text().split())
    for key, most in config._NUMBERS.items():
        assert re.search(rf"`{key.rpartition('.')[2]}`[^.,]* from 1 to {most}\b", text), key
    for key, least in config._SIZES.items():
        assert re.search(rf'`{key.rpartition(".")[2]}`(?: is)? at least `"{least}"`', text), key
    numbers = {name for name, default in keys(Config()).items() if type(default) is int}
    assert numbers == {"[{}] {}".format(*key.split(".")) for key in config._NUMBERS}
    assert f'at most `"{config._MAX_SIZE}"`' in text and f"at most {config._MAX_FILE // 1024**2} MiB" in text
    assert f"longer than {addition.MAX_PATH:,} bytes, or a name longer than {addition.MAX_NAME} " in text
    assert f"whose parts have at most {host._MAX_REF_PART} bytes" in text


def test_the_configuration_page_has_every_label_and_no_other() -> None:
    templates = (Path(package.__file__).parent / "templates").rglob("*.yml")
    written = {label for path in templates for label in re.findall(r" (wt\.[a-z-]+): ", path.read_text())}
    known = {value for name, value in vars(naming).items() if name.startswith("LABEL_")}
    shown = {name for row in rows("configuration.md", "## Docker objects") for name in literals(row[0])}
    assert {name for name in shown if name.startswith("wt.")} == written | known


def test_the_page_of_exit_codes_has_every_code() -> None:
    kinds: list[type[errors.WtError]] = [errors.WtError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    expected = {(str(kind.exit_code), kind.code) for kind in kinds}
    expected |= {("0", ""), (str(cli.BUG), ""), (str(cli.INTERRUPTED), "")}
    assert {(code, "".join(literals(name))) for code, _, name in rows("exit-codes.md")} == expected


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A worktree after `wt init` and `wt prepare`, in a repository with a package, a protected path and no engine."""
    files = WORKSPACES | {".devcontainer/wt.toml": 'protect = ["infra"]\n'}
    feature = linked(initialised(tmp_path_factory.mktemp("prepared") / "shop", files))
    wt(feature, "prepare", code=4)
    return feature


def test_the_page_of_files_has_what_is_there_for_a_while() -> None:
    page = {name.rstrip("/").rpartition("/")[2] for row in rows("files.md") for name in literals(row[0])}
    arriving = re.findall(r'worktree_state_dir\(worktree\) / "(.+)"', Path(importer.__file__).read_text())
    assert {
        *arriving,
        *checkouts._INDEX[1:],
        checkouts._PROMISED,
        trash._MARK,
        f"{trash._BEGUN}.<number>",
    } <= page and arriving


PLACES = {"<package>/node_modules/": "packages/a/node_modules/", "<protect>/": "infra/", "<id>": "feature"}


def place(row: str, feature: Path) -> Path:
    for word, real in PLACES.items():
        row = row.replace(word, real)
    return feature.parent / "shop/.git" / row.removeprefix("<common>/") if row.startswith("<common>") else feature / row


def leaves(root: Path, whole: tuple[str, ...] = ()) -> set[str]:
    """Files, empty directories, and directories that count as one thing."""
    found = set()
    for directory, names, files in os.walk(root):
        here = Path(directory).relative_to(root)
        found |= {str(here / name) for name in files}
        if not (names or files) or here.name in whole:
            found.add(f"{here}/")
            names[:] = []
    return {each for each in found if not any(f"{name}/" in each and not each.endswith(f"{name}/") for name in whole)}


def test_the_page_of_files_has_all_that_init_and_prepare_make(prepared: Path) -> None:
    first = git(prepared, "rev-list", "--max-parents=0", "HEAD")
    before = set(git(prepared, "ls-tree", "-r", "--name-only", first).splitlines())
    before |= {".git", "package.json", "packages/a/package.json"}
    made = leaves(prepared) - before
    common = prepared.parent / "shop/.git"
    made |= {f"<common>/wt-sandbox/{each}" for each in leaves(common / "wt-sandbox", ("repo.git", "host.git", "trust"))}
    made |= {
        f"<common>/{'/'.join(ref.split('/')[:4])}/"
        for ref in git(prepared, "for-each-ref", "--format=%(refname)", "refs/wt").splitlines()
    }
    normal = {each.replace("/feature/", "/<id>/") for each in made}
    normal = {re.sub("^(packages/a/)?node_modules/", "<package>/node_modules/", each) for each in normal}
    normal = {"<protect>/" if each == "infra/" else each for each in normal}
    page = {literals(row[0])[0]: row[1] for row in rows("files.md")}
    assert normal == {path for path, by in page.items() if "wt init" in by or "wt prepare" in by}


@pytest.mark.parametrize(
    "path",
    [path for path, by, then in ((literals(row[0])[0], row[1], row[2]) for row in rows("files.md"))
     if "made again" in then.lower() and "wt prepare" in by],
)  # fmt: skip
def test_what_may_be_deleted_is_made_again(prepared: Path, path: str) -> None:
    target = place(path, prepared)
    assert target.exists(), "the page names what is not there"
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    wt(prepared, "prepare", code=4)
    assert target.exists()


def test_the_page_of_gc_has_every_kind_of_thing() -> None:
    decides = Path(garbage.__file__).read_text()
    assert [row[0] for row in rows("gc.md")] == [*dict.fromkeys(row[0] for row in rows("gc.md"))]
    assert {row[0] for row in rows("gc.md")} == set(re.findall(r'Leftover\("([a-z ]+)"', decides))


def test_the_page_of_trust_has_every_kind_of_weakness() -> None:
    kinds = [literals(first)[0] for first, *_ in rows("trust.md", "## What a compose file weakens")]
    assert kinds == [each.name for each in fields(Allow)]
    assert {*kinds} == {*weakness._REASONS}
