"""Git LFS: the host's objects are read inside, and objects made inside arrive on the host."""

import hashlib

from support import Repository


def test_objects_go_both_ways(repository: Repository) -> None:
    old, new = "made outside " * 100, "made inside " * 100
    oid = hashlib.sha256(old.encode()).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(old)}\n"
    store = repository.path / ".git/lfs/objects"
    run = repository.account.run
    run("mkdir", "-p", store / oid[:2] / oid[2:4])
    run("tee", store / oid[:2] / oid[2:4] / oid, stdin=old)
    run("tee", repository.path / ".gitattributes", stdin="*.bin filter=lfs diff=lfs merge=lfs -text\n")
    run("tee", repository.path / "a.bin", stdin=pointer)
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message", "a pointer, as a host without LFS has it")
    repository.wt("new", "large")
    assert repository.inside("large", "git lfs checkout >&2 && cat a.bin").stdout == old
    change = f"printf %s '{new}' > a.bin && git commit -qam new && git lfs fsck && git show HEAD:a.bin && git status -s"
    said = repository.inside("large", change).stdout
    oid = hashlib.sha256(new.encode()).hexdigest()
    assert f"oid sha256:{oid}" in said and "a.bin" not in said
    repository.wt("sync", "large")
    assert (store / oid[:2] / oid[2:4] / oid).read_text() == new
    assert repository.inside("large", "git checkout -q HEAD~1 && cat a.bin").stdout == old
