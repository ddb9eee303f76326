"""The file that every shell inside reads: what an editor puts into the environment is gone afterwards."""

import os
import platform
import re
import subprocess
from pathlib import Path

import pytest

import wt
from wt.verify import variables

DOCKERFILE = (Path(wt.__file__).parent / "templates/node/Dockerfile").read_text()
# Empty rather than unset, so that nothing falls back to a default place.
EMPTY = {"BROWSER", "SSH_AUTH_SOCK", "GPG_AGENT_INFO"}


def environment(script: str, name: str, value: str = "injected") -> str | None:
    """What a program that bash starts sees of a variable."""
    env = {"PATH": os.environ["PATH"], name: value}
    words = ["bash", "-euc", f"{script}\nenv"]
    shown = subprocess.run(words, env=env, capture_output=True, text=True, check=True).stdout
    found = re.search(rf"^{name}=(.*)$", shown, re.MULTILINE)
    return found[1] if found else None


def hardening() -> str:
    script = re.search(r"<<'HARDEN' /etc/wt/security-harden.sh\n(.*?)^HARDEN$", DOCKERFILE, re.DOTALL | re.MULTILINE)
    assert script
    return script[1]


@pytest.mark.parametrize("name", variables.NAMES)
def test_a_variable_of_an_editor_is_gone(name: str) -> None:
    assert environment("", name) == "injected"
    assert environment(hardening(), name) == ("" if name in EMPTY else None)


@pytest.mark.parametrize("display", [":7", ":7.0", "localhost:7.0"])
def test_the_display_of_a_server_in_here_stays(tmp_path: Path, display: str) -> None:
    """As that of Xvfb, which locks it; an editor's has no lock."""
    script = hardening().replace("/tmp/", f"{tmp_path}/")
    assert environment(script, "DISPLAY", display) is None
    (tmp_path / ".X7-lock").touch()
    assert environment(script, "DISPLAY", display) == display
    assert environment(script, "DISPLAY", ":77") is None
    left = subprocess.run(["bash", "-c", f"{script}\nset"], capture_output=True, text=True, check=True).stdout
    assert not re.search("^HARDEN", left, re.MULTILINE)


# As Debian's begins: a shell that is not interactive leaves it here.
BASHRC = "case $- in *i*) ;; *) return ;; esac\n"


@pytest.mark.skipif(platform.system() != "Linux", reason="needs GNU sed")
def test_a_shell_that_reads_the_file_in_the_home_directory_loses_them(tmp_path: Path) -> None:
    script, home = tmp_path / "harden.sh", tmp_path / "home"
    home.mkdir()
    script.write_text("export BROWSER=\n")
    (home / ".bashrc").write_text(BASHRC)
    found = re.search(r"^RUN (mkdir -p ~/\.config .*?[^\\])$", DOCKERFILE, re.DOTALL | re.MULTILINE)
    assert found
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "BROWSER": "injected"}
    command = found[1].replace("/etc/wt/security-harden.sh", str(script))
    subprocess.run(["bash", "-c", command], env=env, check=True)
    for words in (["-ic", "env"], ["-c", ". ~/.bashrc; env"]):
        shown = subprocess.run(["bash", *words], env=env, capture_output=True, text=True, check=True).stdout
        assert "BROWSER=\n" in shown
