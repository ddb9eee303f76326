"""Programs that git runs because a configuration, a hook or what is under way says so."""

from attacks.attack import Attack, Side


def hook(name: str) -> Attack:
    script = f'mkdir -p $GIT/hooks && printf \'#!/bin/sh\\ntouch "%s"\\n\' "$CANARY" >$GIT/hooks/{name}'
    return Attack(f"hook {name}", f"{script} && chmod +x $GIT/hooks/{name}", together="git")


def setting(name: str, script: str) -> Attack:
    return Attack(name, script, together="git")


def packs_by_hook(side: Side, attack: Attack) -> bool:
    """git heeds this setting in a user's own configuration: the agent's, in the sandbox, is not read on the host."""
    config = side.place / "planted"
    side.account.run("git", "config", "-f", config, "uploadpack.packObjectsHook", f"touch {side.canary(attack.name)};")
    side.account.run(
        "git",
        "clone",
        "--quiet",
        "--bare",
        f"file://{side.main}",
        side.place / "clone",
        check=False,
        env={"GIT_CONFIG_GLOBAL": str(config)},
    )
    return side.canary(attack.name).exists()


ATTACKS = (
    *map(hook, ("post-checkout", "pre-commit", "prepare-commit-msg", "reference-transaction", "post-index-change")),
    setting("core.fsmonitor", 'git config core.fsmonitor "touch $CANARY; false"'),
    setting(
        "include.path",
        'git config -f evil.inc credential.helper "!touch $CANARY;" && git config include.path $HOST/evil.inc',
    ),
    setting(
        "config.worktree",
        "git config extensions.worktreeConfig true && "
        'git config -f $GIT/config.worktree credential.helper "!touch $CANARY;"',
    ),
    setting(
        "filter.clean",
        'git config filter.a.clean "touch $CANARY; cat" && mkdir -p $GIT/info && '
        'echo "*.txt filter=a diff=a" >$GIT/info/attributes',
    ),
    setting("filter.smudge", 'git config filter.a.smudge "touch $CANARY; cat"'),
    setting("diff.textconv", 'git config diff.a.textconv "touch $CANARY; cat"'),
    setting("external diff", 'git config diff.external "touch $CANARY;"'),
    setting(
        "core.sshCommand",
        'git config core.sshCommand "touch $CANARY;" && git config remote.origin.url ssh://host.invalid/x',
    ),
    setting("core.pager", 'git config core.pager "touch $CANARY; cat"'),
    setting("core.editor", 'git config core.editor "touch $CANARY;"'),
    setting("alias for one of the user's", 'git config alias.st "!touch $CANARY;"'),
    setting(
        "gpg.program", "program evil-gpg && git config commit.gpgSign true && git config gpg.program $HOST/evil-gpg"
    ),
    setting(
        "credential.helper",
        'git config --add credential.helper "!touch $CANARY;" && '
        "git config remote.web.url $SERVER/x && git config remote.web.fetch +refs/heads/*:refs/remotes/web/*",
    ),
    setting(
        "remote by a program (ext::)",
        "git config protocol.ext.allow always && "
        'git config remote.ext.url "ext::touch $CANARY" && '
        "git config remote.ext.fetch +refs/heads/*:refs/remotes/ext/*",
    ),
    Attack(
        "uploadpack.packObjectsHook",
        'git config uploadpack.packObjectsHook "touch $CANARY;" && '
        'git config --global uploadpack.packObjectsHook "touch $CANARY;"',
        control=packs_by_hook,
    ),
)

COMMON = """
rm -rf /app/evil.git && cp -r $GIT /app/evil.git && rm -rf /app/evil.git/wt-sandbox /app/evil.git/worktrees
git config -f /app/evil.git/config core.fsmonitor "touch $CANARY; false"
"""
# A list of steps that somebody else wrote, in git's own place for one.
REBASE = """
mkdir -p $STATE/rebase-merge && cd $STATE/rebase-merge && git rev-parse HEAD | tee onto orig-head >/dev/null
echo refs/heads/main >head-name && touch interactive done && echo 1 | tee msgnum end >/dev/null
echo "exec touch $CANARY" | tee git-rebase-todo git-rebase-todo.backup >/dev/null
"""


def merged(side: Side, _attack: Attack) -> bool:
    return "planted for a merge" in side.git("log", "--format=%s", "main")


def bisected(side: Side, _attack: Attack) -> bool:
    side.git("bisect", "reset")
    return "planted for a bisection" in side.git("log", "-1", "--format=%s", "HEAD")


ATTACKS += (
    Attack("commondir in the repository", COMMON + 'echo "$HOST/evil.git" >$GIT/commondir'),
    Attack("commondir of the worktree", COMMON + 'echo "$HOST/evil.git" >$ADMIN/commondir'),
    Attack("rebase under way, in the repository", f"STATE=$GIT; {REBASE}", then="cd $MAIN && git rebase --continue"),
    Attack("rebase under way, in the worktree", f"STATE=$ADMIN; {REBASE}", then="git rebase --continue"),
    Attack(
        "merge under way",
        "git commit-tree -p HEAD -m 'planted for a merge' HEAD^{tree} >$GIT/MERGE_HEAD && echo m >$GIT/MERGE_MSG",
        fired=merged,
    ),
    Attack(
        "bisection under way",
        "git branch planted $(git commit-tree -p HEAD -m 'planted for a bisection' HEAD^{tree}) && "
        "echo planted >$GIT/BISECT_START && echo '# x' >$GIT/BISECT_LOG",
        fired=bisected,
    ),
)
