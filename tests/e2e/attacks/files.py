"""Kinds of files, and more of them than anybody expects."""

from attacks.attack import Attack, Side, fails
from support import docker


def with_capabilities(side: Side, _attack: Attack) -> bool:
    """Docker's default capabilities allow it."""
    made = side.place / "canaries/device"
    docker(
        "run",
        "--rm",
        "--user=root",
        f"--volume={made.parent}:/made",
        "node:24-trixie-slim",
        "mknod",
        "/made/device",
        "c",
        "1",
        "3",
    )
    return made.is_char_device()


ATTACKS = (
    Attack(
        "hard link to a file that can only be read",
        "ln .devcontainer/Dockerfile alias && chmod u+w alias && echo '# planted' >>alias",
        fired=lambda side, _: "planted" in (side.worktree / ".devcontainer/Dockerfile").read_text(),
    ),
    Attack(
        "FIFO for a file of the agent's",
        "for home in . ~; do rm -f $home/.claude-docker/.claude.json; mkfifo $home/.claude-docker/.claude.json; done",
        fired=lambda side, _: bool(side.problems),
    ),
    Attack("FIFO for the root .env", "rm -f .env; mkfifo .env", fired=lambda side, _: bool(side.problems)),
    Attack(
        "device for the root .env",
        "rm -f .env; mknod .env c 1 3",
        fired=lambda side, _: (side.worktree / ".env").is_char_device(),
        control=with_capabilities,
    ),
    Attack("ref of 3 GB", "truncate -s 3G $GIT/refs/heads/huge", fired=fails("git log --all")),
)
