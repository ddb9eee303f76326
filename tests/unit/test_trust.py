"""A changed `.devcontainer` is not used before the user approved it: on real git, without an engine."""

import json
import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

from unit.repos import WT, commit, git, initialised, linked, worktree, wt
from unit.test_hosts import HARMLESS, stand_in
from wt import naming, selection, trust
from wt.commands import init, prepare
from wt.commands import trust as verb
from wt.errors import EngineError, Refused, WtError
from wt.model import Context, TrustReport

COMPOSE = ".devcontainer/docker-compose.yml"


class Heard:
    """A progress that remembers the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def step(self, text: str) -> "Heard":
        return self

    def detail(self, text: str) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def context(place: Path, heard: Heard | None = None) -> Context:
    return Context(place, selection.host_user(), heard or Heard())


def refused(place: Path, heard: Heard | None = None) -> Refused | None:
    """Why `wt prepare` refuses; None where it goes on, until it finds no engine."""
    try:
        prepare.run(context(place, heard))
    except EngineError:
        return None
    except Refused as error:
        return error
    raise AssertionError("there is no engine")


def approve(place: Path, *, agreed: bool = True) -> TrustReport:
    return verb.run(context(place), None, lambda _: agreed)


def trusted(place: Path) -> int:
    return len(list((place / ".git/wt-sandbox/trust").iterdir()))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return initialised(tmp_path_factory.mktemp("kept") / "shop")


@pytest.fixture
def shop(kept: Path, tmp_path: Path) -> Path:
    """A repository in which `wt init` has run, and nothing else."""
    return Path(shutil.copytree(kept, tmp_path.resolve() / "shop", symlinks=True))


def test_the_first_use_is_approved_and_said_once(shop: Path) -> None:
    first, again = Heard(), Heard()
    assert refused(shop, first) is refused(shop, again) is None
    said = [each for each in first.notes if "trust" in each]
    assert said == [f"trusting {shop}/.devcontainer as it is: a change of it needs `wt trust`"]
    assert [each for each in again.notes if "trust" in each] == []
    assert refused(linked(shop)) is None and trusted(shop) == 1


def changed(root: Path) -> None:
    (root / COMPOSE).write_text((root / COMPOSE).read_text() + "# more\n")


def added(root: Path) -> None:
    (root / ".devcontainer/deep/er").mkdir(parents=True)
    (root / ".devcontainer/deep/er/file").touch()


def ignored(root: Path) -> None:
    with (root / ".git/info/exclude").open("a") as file:
        file.write("more.yml\n")
    (root / ".devcontainer/more.yml").touch()


def removed(root: Path) -> None:
    (root / ".devcontainer/container-prompt.md").unlink()


def renamed(root: Path) -> None:
    (root / ".devcontainer/container-prompt.md").rename(root / ".devcontainer/prompt.md")


def runnable(root: Path) -> None:
    (root / ".devcontainer/Dockerfile").chmod(0o755)


def linked_to(root: Path) -> None:
    (root / ".devcontainer/prompt.md").symlink_to("container-prompt.md")


def ends_of_lines(root: Path) -> None:
    path = root / ".devcontainer/Dockerfile"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def binary(root: Path) -> None:
    (root / ".devcontainer/blob").write_bytes(b"\0\xff" * 90_000)


CHANGES = {
    changed: ("changed: docker-compose.yml", "+# more"),
    added: ("new: deep/er/file",),
    ignored: ("new: more.yml",),
    removed: ("gone: container-prompt.md",),
    renamed: ("gone: container-prompt.md", "new: prompt.md"),
    runnable: ("a program now: Dockerfile",),
    linked_to: ("new: prompt.md", "+container-prompt.md"),
    ends_of_lines: ("changed: Dockerfile", "+\r"),
    binary: ("new: blob", "blob is no text, or too long to be shown"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_refused_and_shown_until_it_is_approved(shop: Path, change: "object") -> None:
    assert callable(change)
    assert refused(shop) is None
    change(shop)
    error = refused(shop)
    assert error is not None and error.hint == "read it, then: wt trust shop"
    lines = (*error.details, *approve(shop, agreed=False).difference)
    assert [each for each in CHANGES[change] if each not in lines] == []
    assert refused(shop) is not None, "nobody has approved it"
    assert approve(shop).trusted and refused(shop) is None


@pytest.mark.parametrize(
    ("typed", "code", "last"),
    [
        ("n", 1, "wt: nothing was approved"),
        ("", 1, "wt: nothing was approved"),
        ("y", 0, "shop: .devcontainer is trusted"),
    ],
)
def test_who_declines_is_told_that_nothing_was_approved(shop: Path, typed: str, code: int, last: str) -> None:
    assert refused(shop) is None
    changed(shop)
    terminal, ours = pty.openpty()
    os.write(terminal, f"{typed}\n".encode())
    done = subprocess.run([WT, "trust"], cwd=shop, stdin=ours, capture_output=True, text=True, check=False)
    os.close(terminal)
    os.close(ours)
    said = done.stderr if code else done.stdout
    # Nobody's terminal is there to break the line of the question.
    assert done.returncode == code and said.endswith(f"{last}\n"), done
    assert "Approve this?" in done.stderr and "+# more" in done.stdout
    assert (refused(shop) is None) == (code == 0)


@pytest.mark.parametrize("harmless", [".env", "..env.4711.tmp", "empty/"])
def test_what_wt_writes_itself_is_no_change(shop: Path, harmless: str) -> None:
    assert refused(shop) is None
    place = shop / ".devcontainer" / harmless
    place.mkdir() if harmless.endswith("/") else place.write_text("MINE=1\n")
    (shop / ".devcontainer/Dockerfile").chmod(0o600)
    assert refused(shop) is None
    (shop / ".devcontainer/..env.tmp").touch()
    assert refused(shop) is not None


def test_branches_with_different_approved_versions_are_not_asked_for_again(shop: Path) -> None:
    assert refused(shop) is None
    feature = linked(shop)
    changed(feature)
    commit(feature)
    assert refused(feature) is not None
    approve(feature)
    assert refused(feature) is refused(shop) is None
    git(shop, "checkout", "--quiet", "--detach", "feature")
    assert refused(shop) is None
    git(shop, "checkout", "--quiet", "main")
    assert refused(shop) is None and trusted(shop) == 2
    (shop / COMPOSE).write_text((feature / COMPOSE).read_text() + "# and more\n")
    error = refused(shop)
    assert error is not None and [each for each in error.details if each[:1] in "+-" and each[1:2] not in "+-"] == [
        "+# and more"
    ], "it is compared with the closest"


def test_the_first_use_approves_the_main_checkout_and_not_a_branch_of_somebody_s(shop: Path) -> None:
    feature = linked(shop)
    changed(feature)
    assert refused(feature) is not None
    assert refused(shop) is None


def test_trust_shows_all_of_what_was_never_approved(shop: Path) -> None:
    """The other commands approve unasked what the main checkout has; who asks to be shown something gets that."""
    (shop / COMPOSE).write_text("services: {}\n")
    shown = approve(shop, agreed=False)
    assert not shown.trusted and {"new: docker-compose.yml", "+services: {}"} <= {*shown.difference}
    assert not (shop / ".git/wt-sandbox/trust").exists()
    assert approve(shop).trusted and trusted(shop) == 1


def test_where_the_main_checkout_has_none_the_worktree_s_own_counts(shop: Path) -> None:
    feature = linked(shop)
    shutil.rmtree(shop / ".devcontainer")
    assert refused(feature) is None


def test_new_refuses_a_branch_with_a_changed_one_and_is_undone(shop: Path) -> None:
    assert refused(shop) is None
    git(shop, "checkout", "--quiet", "-b", "agents")
    changed(shop)
    commit(shop)
    git(shop, "checkout", "--quiet", "main")
    done = wt(shop, "new", "x", "--branch", "agents", "--no-up", code=3)
    assert "  +# more" in done.stderr.splitlines() and not (shop.parent / "shop-x").exists()
    wt(shop, "new", "y", "--no-up", code=4)


def test_what_a_branch_carries_cannot_drive_the_terminal_nor_fill_it(shop: Path) -> None:
    assert refused(shop) is None
    (shop / ".devcontainer/\x1b[2Jx").write_text("\x1b]0;owned\x07\u202e\n" + f"{'long' * 200}\n" * 70)
    done = wt(shop, "prepare", code=3)
    shown = done.stderr.splitlines()
    assert not {"\x1b", "\x07", "\u202e"} & {*done.stderr} and len(shown) < 30 and max(map(len, shown)) < 200
    assert shown[-2] == "  ... and 52 lines more"
    whole = wt(shop, "trust", code=2)
    assert not {"\x1b", "\x07", "\u202e"} & {*whole.stdout} and whole.stdout.count("+longlong") == 70
    assert "nobody to ask" in whole.stderr and refused(shop) is not None
    wt(shop, "trust", "--yes")
    assert refused(shop) is None and wt(shop, "trust").stdout == "shop: .devcontainer is trusted\n"


@pytest.mark.parametrize("kind", ["fifo", "absolute", "outside", "sideways", "huge", "many"])
def test_what_can_not_be_told_is_refused_and_can_not_be_approved(
    shop: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused(shop) is None
    place = shop / ".devcontainer/strange"
    match kind:
        case "fifo":
            os.mkfifo(place)
        case "absolute":
            place.symlink_to(shop / COMPOSE)
        case "outside":
            place.symlink_to("../file")
        case "sideways":
            place.symlink_to("a/../../file")
        case "huge":
            monkeypatch.setattr(trust, "_MAX_BYTES", 100)
        case "many":
            monkeypatch.setattr(trust, "_MAX_FILES", 3)
    with pytest.raises(Refused):
        approve(shop)
    assert refused(shop) is not None


def test_a_symlink_that_stays_in_it_can_be_approved(shop: Path) -> None:
    (shop / ".devcontainer/d").mkdir()
    (shop / ".devcontainer/d/x").symlink_to("../Dockerfile")
    (shop / ".devcontainer/dangling").symlink_to("nowhere")
    assert refused(shop) is None


def test_what_init_writes_over_an_approved_version_is_approved(shop: Path) -> None:
    def upgraded() -> None:
        (shop / ".devcontainer/container-prompt.md").unlink()
        init.run(context(shop), template="node", dry_run=False, upgrade=True)

    upgraded()
    assert not (shop / ".git/wt-sandbox/trust").exists(), "the first use is still to come"
    assert refused(shop) is None
    (shop / ".devcontainer/wt.toml").write_text('protect = ["infra"]\n')
    assert refused(shop) is not None
    upgraded()
    assert refused(shop) is not None, "somebody else's change was not approved by an upgrade"
    approve(shop)
    (shop / ".devcontainer/Dockerfile").unlink()
    approve(shop)
    init.run(context(shop), template="node", dry_run=False, upgrade=True)
    assert refused(shop) is None


def test_what_was_kept_is_not_believed_when_it_is_damaged(shop: Path) -> None:
    assert refused(shop) is None
    (kept,) = (shop / ".git/wt-sandbox/trust").iterdir()
    kept.write_bytes(b"{}")
    assert trust.known(worktree(shop).repository) == ()


def test_a_worktree_called_trust_has_another_place(shop: Path) -> None:
    assert naming.linked_id("trust") != naming.TRUST and naming.linked_id("Trust").lower() != naming.TRUST
    tree = linked(shop, "trust")
    assert refused(tree) is refused(shop) is None and trusted(shop) == 1
    assert wt(shop, "path", "trust").stdout == f"{tree}\n"


def test_env_that_a_branch_carries_is_refused(shop: Path) -> None:
    """A variable in it reaches compose and what that starts; `.env` is no part of what is approved."""
    assert refused(shop) is None
    git(shop, "add", "--force", ".devcontainer/.env")
    error = refused(shop)
    assert error is not None and "git tracks .devcontainer/.env" in error.message
    git(shop, "rm", "--quiet", "--cached", ".devcontainer/.env")
    assert refused(shop) is None


def test_without_any_there_is_nothing_to_approve(shop: Path) -> None:
    shutil.rmtree(shop / ".devcontainer")
    with pytest.raises(WtError, match="there is no"):
        approve(shop)


def test_compose_is_asked_when_something_changed_and_as_long_as_the_answer_may_change_by_itself(
    shop: Path, tmp_path: Path
) -> None:
    log, answer = tmp_path / "log", tmp_path / "answer"
    (shop / ".devcontainer/docker-compose.shared.yml").unlink()
    asked = f"compose) echo >> {log}; cat {answer} ;;"
    path = stand_in(tmp_path, "docker", f'case "$1" in network) echo bridge ;; {asked} esac', resolves=False)

    def prepared(code: int = 0, **changes: object) -> int:
        """How often compose was asked by one `wt prepare`."""
        log.write_text("")
        answer.write_text(json.dumps({"services": {"app": {**HARMLESS, **changes}}}))
        wt(shop, "prepare", code=code, env=path)
        return len(log.read_text())

    assert (prepared(), prepared()) == (1, 0)
    with (shop / ".devcontainer/.env").open("a") as file:
        file.write("MINE=1\n")
    assert (prepared(), prepared()) == (1, 0)
    changed(shop)
    approve(shop)
    assert (prepared(3, privileged=True), prepared(3, privileged=True), prepared(), prepared()) == (1, 1, 1, 0)
    mount = {"type": "bind", "source": f"{shop}/data", "target": "/data"}
    (shop / ".devcontainer/wt.toml").write_text('[allow]\nprivileged = ["app"]\nbinds = ["app:data"]\n')
    approve(shop)
    assert (prepared(privileged=True), prepared()) == (1, 0)
    (shop / ".devcontainer/more").touch()
    approve(shop)
    assert (prepared(volumes=[mount]), prepared(volumes=[mount])) == (1, 1)
    (shop / "data").symlink_to("/")
    assert prepared(3, volumes=[mount]) == 1


def test_what_compose_reads_is_looked_for_in_the_files_themselves(shop: Path, tmp_path: Path) -> None:
    """What compose prints holds the values, and does not say any more where they come from."""
    (shop / ".devcontainer/docker-compose.shared.yml").unlink()
    (tmp_path / "answer").write_text(json.dumps({"services": {"app": HARMLESS}}))
    answers = f"network) echo bridge ;; compose) cat {tmp_path}/answer ;;"
    path = stand_in(tmp_path, "docker", f'case "$1" in {answers} esac', resolves=False)
    for service, code in (("{}", 0), ("{env_file: /etc/passwd}", 3)):
        (shop / ".devcontainer/docker-compose.yml").write_text(f"services: {{app: {service}}}\n")
        approve(shop)
        assert ("app:/etc/passwd" in wt(shop, "prepare", code=code, env=path).stderr) == (code == 3)
