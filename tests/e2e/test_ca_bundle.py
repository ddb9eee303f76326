"""A certificate authority of the machine is trusted inside, at build time and at run time; without it, it is not."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import Repository, as_user, docker

pytestmark = as_user

SERVER = """
import {createServer} from 'node:https'; import {readFileSync} from 'node:fs';
const tls = {key: readFileSync('/tls/server.key'), cert: readFileSync('/tls/server.crt')};
createServer(tls, (_, answer) => answer.end('hello')).listen(443);
"""


@pytest.fixture
def authority(lived_in: Repository, workshop: Path) -> Iterator[tuple[Path, str]]:
    """A bundle with one more authority, and the host name of a server that has its certificate."""
    directory = workshop / f"tls-{uuid.uuid4().hex[:6]}"
    directory.mkdir()
    host = f"{directory.name}.example"
    script = f"""
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=machine-authority
    openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN={host}
    echo subjectAltName=DNS:{host} > names
    openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 -extfile names
    """
    network = lived_in.env(lived_in.worktree("lived-in"))["WT_NETWORK"]
    common = ("--user=root", f"--volume={directory}:/tls", "--workdir=/tls", image_of(lived_in))
    docker("run", "--rm", *common, "bash", "-ec", script)
    flags = (f"--name={directory.name}", f"--network={network}", f"--network-alias={host}")
    docker("run", "--detach", "--rm", *flags, *common, "node", "--input-type=module", "-e", SERVER)
    bundle = directory / "bundle.crt"
    machine = lived_in.account.environment().get("WT_CA_BUNDLE")
    bundle.write_bytes((Path(machine).read_bytes() if machine else b"") + (directory / "ca.crt").read_bytes())
    bundle.chmod(0o644)
    yield bundle, host
    docker("rm", "--force", directory.name)


def image_of(repository: Repository) -> str:
    return f"{repository.env(repository.worktree('lived-in'))['COMPOSE_PROJECT_NAME']}-app"


FETCH = "node -e \"fetch('https://{}').then(a => a.text()).then(console.log)\""


@pytest.mark.parametrize("client", ["curl -fsS https://{}", FETCH])
def test_the_machines_authority_is_trusted(lived_in: Repository, authority: tuple[Path, str], client: str) -> None:
    bundle, host = authority
    without = lived_in.inside("lived-in", client.format(host), check=False)
    assert without.returncode != 0
    assert "certificate" in without.stderr.lower()

    name = f"ca-{uuid.uuid4().hex[:4]}"
    lived_in.wt("new", name, env={"WT_CA_BUNDLE": str(bundle)})
    done = lived_in.wt("exec", name, "--", "bash", "-c", client.format(host), env={"WT_CA_BUNDLE": str(bundle)})
    assert done.stdout.strip() == "hello"
    lived_in.wt("rm", name, "--delete-branch", env={"WT_CA_BUNDLE": str(bundle)})


def test_a_bundle_that_does_not_exist_is_said(lived_in: Repository) -> None:
    done = lived_in.wt("new", "never", check=False, env={"WT_CA_BUNDLE": "/nonexistent.pem"})
    assert done.returncode == 2
    assert "WT_CA_BUNDLE names /nonexistent.pem, which is not a file" in done.stderr
