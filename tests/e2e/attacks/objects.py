"""Objects, refs, indexes: what git believes of a repository's content."""

from attacks.attack import SECRET, Attack, Seen, Side, fails

# A repository with a program of its own, in a directory of the worktree.
NESTED = """
mkdir -p evil && cd evil && git init --quiet && git config core.fsmonitor "touch $CANARY; false"
git -c user.name=a -c user.email=a@b commit --quiet --allow-empty --message x; cd ..
"""
BARE = """
git init --quiet --bare bare && cd bare && git config core.bare false && git config core.worktree .. &&
git config core.fsmonitor "touch $CANARY; false"; cd ..
"""
# An entry that leads out of the tree, made by changing the name of one that does not.
INDEX = """
blob=$(echo planted | git hash-object -w --stdin)
git update-index --add --cacheinfo "100644,$blob,.!/canaries/out"
sed -i 's#\\.!/canaries/out#../canaries/out#' $ADMIN/index
"""


def went_in(directory: str) -> Seen:
    """The known limit: git itself, run in there."""

    def control(side: Side, attack: Attack) -> bool:
        side.git("status", cwd=side.worktree / directory)
        return side.canary(attack.name).exists()

    return control


def replaced(side: Side, _attack: Attack) -> bool:
    return "planted as a replacement" in side.git("log", "--format=%s", "main")


def rewritten(side: Side, _attack: Attack) -> bool:
    return "planted as the newest" in side.git("log", "--format=%s", "main")


def wrote_out(side: Side, _attack: Attack) -> bool:
    return (side.place / "canaries/out").exists()


def reads_other(side: Side, _attack: Attack) -> bool:
    """The host's git takes another repository's commits for its own."""
    tip = side.git("rev-parse", "HEAD", cwd=side.other).strip()
    return SECRET in side.git("log", "-1", tip)


ATTACKS = (
    Attack(
        "branch main rewritten",
        "git update-ref refs/heads/main $(git commit-tree -m 'planted as the newest' HEAD^{tree})",
        fired=rewritten,
    ),
    Attack("objects deleted", "rm -rf $HOSTS/??", fired=fails("git fsck")),
    Attack(
        "objects of the host's overwritten",
        "chmod -R u+w $HOSTS; find $HOSTS/ -type f | xargs truncate -s 0",
        fired=fails("git fsck"),
    ),
    Attack(
        "refs/replace",
        "git update-ref refs/replace/$(git rev-parse main) "
        "$(git commit-tree -m 'planted as a replacement' HEAD^{tree})",
        fired=replaced,
    ),
    Attack(
        "history cut short by a file shallow",
        "git rev-parse HEAD main >$GIT/shallow; "
        "echo 1111111111111111111111111111111111111111 >>$GIT/shallow; echo x >>$GIT/shallow",
        fired=fails("git log --all"),
    ),
    Attack(
        "ref to an object that is not there",
        "echo 1111111111111111111111111111111111111111 >$GIT/refs/heads/none",
        fired=fails("git log --all"),
    ),
    Attack("ref that is a FIFO", "mkfifo $GIT/refs/heads/fifo", fired=fails("git log --all")),
    Attack(
        "ref that is a symlink",
        'ln -s "$OTHER/.git/refs/heads/main" $GIT/refs/heads/link',
        fired=fails("git log --all"),
    ),
    Attack(
        "refs in a loop",
        "echo 'ref: refs/heads/loop' >$GIT/refs/heads/main; echo 'ref: refs/heads/main' >$GIT/refs/heads/loop",
        fired=fails("git commit"),
    ),
    Attack(
        "refs of names that git does not make",
        "for name in -x 'a b' 'a~1' .dot a.lock; do "
        'git rev-parse HEAD >"$GIT/refs/heads/$name"; done; '
        "printf '%s refs/heads/a/../../x\\n' $(git rev-parse HEAD) >>$GIT/packed-refs",
        fired=fails("git log --all"),
    ),
    Attack("packed-refs is a FIFO", "rm -f $GIT/packed-refs; mkfifo $GIT/packed-refs", fired=fails("git status")),
    Attack("configuration is a FIFO", "rm -f $GIT/config; mkfifo $GIT/config", fired=fails("git status")),
    Attack(
        "index is a FIFO",
        "for where in $GIT $ADMIN; do rm -f $where/index; mkfifo $where/index; done",
        fired=fails("git status"),
    ),
    Attack(
        "objects of another repository by alternates",
        'mkdir -p $GIT/objects/info; echo "$OTHER/.git/objects" >>$GIT/objects/info/alternates',
        fired=reads_other,
    ),
    Attack(
        "objects of another repository by a symlink",
        'mv $GIT/objects $GIT/real; ln -s "$OTHER/.git/objects" $GIT/objects',
        fired=reads_other,
    ),
    Attack(
        "commit-graph that lies",
        "git commit-graph write --reachable; rm -rf $GIT/objects/info/commit-graph; "
        "head -c 2000 /dev/zero >$GIT/objects/info/commit-graph",
        fired=fails("git fsck"),
    ),
    Attack(
        "pack that is none",
        "for kind in pack idx; do "
        "head -c 2000 /dev/zero >$GIT/objects/pack/pack-1111111111111111111111111111111111111111.$kind; done",
        fired=fails("git fsck"),
    ),
    Attack(
        "object that hashes right and parses wrong",
        'printf "tree %s\\nauthor A <a> 1 +0000\\ncommitter A <a> x\\n'
        '\\nbad\\n" $(git rev-parse HEAD^{tree}) >bad; git update-ref refs/heads/bad '
        "$(git hash-object -t commit -w --literally bad)",
        fired=fails("git fsck"),
    ),
    Attack("index with a path that leaves the tree", INDEX, then="git checkout -- .", fired=wrote_out),
    Attack(
        "gitlink with an embedded repository", NESTED + "git add evil && git commit --quiet --message x", control=None
    ),
    Attack("nested repository, seen from the top", NESTED, control=went_in("evil")),
    Attack("bare repository in the tree, seen from the top", BARE, control=went_in("bare")),
)
