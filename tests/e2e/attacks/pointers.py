"""What says where things are, or what is started next."""

from attacks.attack import SECRET, Attack, Side, leaks

EVIL = """
git init --quiet evil && git -C evil config core.worktree "$HOST"
git -C evil config core.fsmonitor "touch $CANARY; false"
"""


def reads_other(side: Side, _attack: Attack) -> bool:
    """The other repository's commits are there after the next start."""
    return SECRET in side.inside(f'git --git-dir="{side.other}/.git" log').stdout


def overwrote(side: Side, _attack: Attack) -> bool:
    return SECRET not in (side.secret / "token").read_text()


ATTACKS = (
    Attack("pointer .git rewritten", EVIL + 'echo "gitdir: $HOST/evil/.git" >.git'),
    Attack("pointer .git replaced by a directory", EVIL + "rm -f .git; mv evil/.git .git"),
    Attack("pointer .git replaced by a symlink", EVIL + "ln -sfn evil/.git .git"),
    Attack(
        "pointer .git at another repository, mounted at the next start",
        'echo "gitdir: $OTHER/.git" >.git',
        fired=reads_other,
    ),
    Attack(
        "initializeCommand changed",
        "sed -i 's#\"initializeCommand\": \"#&touch '$CANARY'; #' .devcontainer/devcontainer.json",
        together="start",
    ),
    Attack(
        "compose file changed, to mount a directory of the host",
        'sed -i "s#^    volumes:#&\\n      - $SECRET:/stolen#" '
        "$(ls .devcontainer/docker-compose.yml .devcontainer/compose.wt.yml)",
        fired=lambda side, _: "token" in side.inside("ls /stolen").stdout,
        together="start",
    ),
    Attack(
        "task of the editor planted",
        "mkdir -p .vscode; echo '{}' >.vscode/tasks.json",
        fired=lambda side, _: (side.worktree / ".vscode/tasks.json").exists(),
        together="start",
    ),
    Attack(
        ".devcontainer/.env symlinked", 'ln -sfn "$SECRET/token" .devcontainer/.env', fired=overwrote, together="start"
    ),
    Attack(
        ".claude-docker/.claude.json symlinked",
        'for home in . ~; do ln -sfn "$SECRET/token" $home/.claude-docker/.claude.json; done',
        fired=leaks("cat ~/.claude.json ~/.claude-docker/.claude.json"),
    ),
    Attack(
        ".claude-docker itself symlinked",
        'rm -rf .claude-docker; mkdir -p x; mv "$SECRET" x; ln -sfn "$SECRET" .claude-docker; '
        'ln -sfn "$SECRET/token" ~/.claude-docker/.bash_history',
        fired=lambda side, _: (side.secret / ".claude.json").exists(),
    ),
    Attack("root .env symlinked", 'ln -sfn "$SECRET/token" .env', fired=leaks("env")),
)
