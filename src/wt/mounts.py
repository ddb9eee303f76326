"""What kind of file system a path is on, where the machine says so (Linux)."""

import os
import re
from pathlib import Path

# Where disks come and go with their directories: Linux (FHS 3.0, udisks2) and macOS.
_DISKS = re.compile(r"/|/mnt|/media(/[^/]+)?|/run/media(/[^/]+)?|/Volumes")
_MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = re.compile(r"nfs4?|cifs|smb3|afs|ceph|lustre|beegfs|glusterfs|fuse\.(sshfs|glusterfs|rclone|s3fs|cephfs)")


def network_file_system(path: Path) -> str | None:
    """The kind of network file system that the resolved `path` is on; None when it is on none, or unknown."""
    try:
        kind = kind_of(path, _MOUNTS.read_text(errors="surrogateescape"))
    except OSError:
        return None
    return kind if _NETWORK.fullmatch(kind) else None


def may_be_unmounted(path: Path) -> bool:
    """Whether what is not there may be so since its disk is not mounted at present.

    A mount point without a disk is empty, or gone itself from a directory that is made for such.
    """
    around = next(each for each in path.parents if each.is_dir())
    try:
        return _DISKS.fullmatch(str(around)) is not None or not any(around.iterdir())
    except OSError:
        return True


def identity(path: Path) -> str:
    """Which file system `path` is on: as most keep it when they are mounted again; empty where none is told.

    statvfs(3) has it as f_fsid. The number of the device (st_dev) is given away in the order of mounting.
    """
    number = os.statvfs(path).f_fsid
    return f"{number:x}" if number else ""


def below(path: Path) -> tuple[Path, ...]:
    """Mount points in the resolved directory `path`; none where the machine does not say."""
    try:
        text = _MOUNTS.read_text(errors="surrogateescape")
    except OSError:
        return ()
    found = (_mount_point(line) for line in text.splitlines())
    return tuple(sorted(each for each in found if each != path and each.is_relative_to(path)))


def _mount_point(line: str) -> Path:
    field = line.split(" ")[4]
    return Path(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field))


def kind_of(path: Path, mounts: str) -> str:
    """The type of the file system that `path` is on by the text of proc_pid_mountinfo(5); empty when it is on none."""
    found, depth = "", 0
    for line in mounts.splitlines():
        source, mount_point = line.partition(" - ")[2], _mount_point(line)
        # Of two on one place the later covers the earlier.
        if path.is_relative_to(mount_point) and len(mount_point.parts) >= depth:
            found, depth = source.split(" ")[0], len(mount_point.parts)
    return found
