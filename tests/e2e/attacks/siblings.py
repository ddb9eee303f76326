"""What one sandbox leaves for another, or reads of it."""

from attacks.attack import Attack, Seen


def arrives(script: str) -> Seen:
    """The sandbox of another worktree, started afterwards, has what was planted."""
    return lambda side, _attack: "planted" in side.in_sibling(f"cd /app; {script}; :")


ATTACKS = (
    Attack(
        "hooks of the agent in its home",
        'for home in ~/.claude ~/.claude-docker; do echo \'{"hooks": "planted"}\' >$home/settings.json; done',
        fired=arrives("cat ~/.claude/settings.json ~/.claude-docker/settings.json"),
        together="siblings",
    ),
    Attack(
        "package in the store",
        "for store in ~/.local/share/pnpm/store ~/.npm; do mkdir -p $store; echo planted >$store/package; done",
        fired=arrives("cat ~/.local/share/pnpm/store/package ~/.npm/package"),
        together="siblings",
    ),
    Attack(
        "git hook",
        "mkdir -p $GIT/hooks; echo planted >$GIT/hooks/planted",
        fired=arrives("cat $(git rev-parse --git-common-dir)/hooks/planted"),
        together="siblings",
    ),
    Attack(
        "git configuration",
        "git config user.planted planted",
        fired=arrives("git config user.planted"),
        together="siblings",
    ),
    Attack(
        "branch of a sibling rewritten",
        "git update-ref refs/heads/sibling $(git commit-tree -m planted HEAD^{tree})",
        fired=arrives("git log --format=%s sibling"),
        together="siblings",
    ),
)
