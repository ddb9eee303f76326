"""Removes each control in turn, in a copy of the tree, and shows that the test named beside it turns red.

python tools/mutants.py [WORD]: only those whose file, text or test has the word.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]
# A control whose absence makes its test wait for ever is missed, too.
PATIENCE = 60
# Bytes, for one process.
MOST_MEMORY = 4 * 1024**3


@dataclass(frozen=True)
class Mutant:
    """One control less.

    Attributes:
        file: below src/wt.
        old: the control, as it is written there, once.
        new: what takes its place.
        test: below tests/unit, or below tests where it has a directory; what has to turn red.
    """

    file: str
    old: str
    new: str
    test: str


def _without(file: str, test: str, *texts: str) -> list[Mutant]:
    return [Mutant(file, text, "", test) for text in texts]


def _swapped(file: str, test: str, *pairs: tuple[str, str]) -> list[Mutant]:
    return [Mutant(file, old, new, test) for old, new in pairs]


CONTROLS, HOSTILE = "test_controls.py::test_", "test_hostile.py::test_"
COMPOSE, SANDBOX = "templates/compose.wt.yml", f"{CONTROLS}the_sandbox_is_mounted_and_limited_as_it_should"
SERVES = f"{CONTROLS}the_container_that_serves_an_import_has_nothing_else"
IMPORT = "test_importer.py::test_"
ASTRAY = "test_review_command.py::test_what_leads_astray_moves_nothing"
PROXY, SCRIPT = "e2e/test_docker_proxy.py", "test_hardening.py"
MOUNTED = f"{CONTROLS}the_docker_proxy_is_mounted"
NAMES, SYMLINKS = "test_gate.py::test_paths_that_leave", "test_gate.py::test_where_symlinks_lead"
BARE, TRUST = "test_gate.py::test_bare_layouts", "test_trust.py::test_"
VERIFY, BOUNDS = "test_verify.py::test_", "test_bounds.py"
GIT, PRIVATE = "test_git.py::test_", "test_private_repo.py::test_"
GC, GARBAGE, LIVING = "test_gc.py::test_", "test_garbage.py::test_", "state/test_living.py::test_"
RUNS, OUTPUT = "test_runs.py::test_", "test_output.py::test_"
FLOOD, LINE = f"{PRIVATE}a_flood_of", f"{PRIVATE}what_is_a_line_in_git"
NO_SEARCH_WITHOUT_END, STRAY = "test_nested.py::test_the_search_has_an_end", f"{GC}a_directory_is_a_worktree_s"
TOLD = "test_compose.py::test_compose_is_told"
CA, ELSEWHERE = "test_config.py::test_a_ca_bundle", "test_weakness.py::test_what_compose_reads_from_elsewhere"
WEAK, BESIDE = "test_weakness.py::test_a_weakness_is_named", "test_weakness.py::test_what_stands_beside"

MUTANTS = (
    # What every git of ours is told.
    *_swapped(
        "git.py", "test_git.py::test_programs_that_a_repository_names_are_not_run", ("core.fsmonitor=false", "x.y=z")
    ),
    *_swapped("git.py", f"{CONTROLS}hooks_do_not_run", ("core.hooksPath=/dev/null", "x.y=z")),
    *_swapped("git.py", f"{CONTROLS}no_transport_is_open", ("protocol.allow=never", "x.y=z")),
    *_swapped("git.py", f"{CONTROLS}signatures_are_not_looked_at", ("log.showSignature=false", "x.y=z")),
    *_without("git.py", f"{CONTROLS}a_look_writes_nothing", '    "--no-optional-locks",\n'),
    *_without(
        "git.py",
        f"{CONTROLS}every_directory_is_pinned",
        '        "GIT_DIR": str(worktree.git_dir),\n',
        '        "GIT_COMMON_DIR": str(worktree.repository.common_dir),\n',
        '        "GIT_WORK_TREE": str(worktree.path),\n',
    ),
    *_swapped("git.py", "test_git.py::test_programs_that_a_repository_names_are_not_run", ("**pinned, ", "")),
    *_swapped(
        "process.py",
        "test_process.py::test_the_environment_loses_what_would_aim_git_and_compose_elsewhere",
        ('name.startswith("COMPOSE_") or ', ""),
        ('name.startswith("GIT_")', "False"),
    ),
    # An import.
    *_swapped(
        "git.py",
        f"{IMPORT}an_object_that_fsck_rejects_does_not_come_in",
        ("fsckObjects=true", "fsckObjects=false"),
        ("fetch.fsckObjects", "transfer.fsckObjects"),
    ),
    *_without(
        "git.py",
        f"{IMPORT}a_history_that_is_cut_short",
        "        _require_whole(repository, wanted, quarantine, seconds=seconds)\n",
    ),
    *_without(
        "git.py", f"{IMPORT}nothing_else_changes_and_a_second_import_changes_nothing", '"--no-write-fetch-head", '
    ),
    *_without(
        "git.py",
        f"{CONTROLS}a_fetch_brings_what_was_asked_for",
        '"--no-tags", ',
        '"--no-auto-gc", ',
        '"--no-recurse-submodules", ',
    ),
    *_without("git.py", f"{IMPORT}what_is_too_large_does_not_come_in", "            max_file_bytes=max_bytes,\n"),
    *_without("git.py", "test_peers.py::test_a_pack_that_is_small", "            max_memory=_MAX_MEMORY,\n"),
    *_without("git.py", "test_peers.py::test_a_peer_that_never_stops", "            seconds=seconds,\n"),
    *_without("streams.py", "test_peers.py::test_a_peer_that_never_stops", "        del heard[:-_MAX_HEARD]\n"),
    *_swapped(
        "importer.py",
        f"{IMPORT}where_both_sides_moved_nothing_moves",
        ("if old is not None and not history.is_ancestor(repository, old, new):", "if False:"),
    ),
    *_swapped(
        "importer.py",
        f"{IMPORT}staged_changes_on_the_host",
        ("if checkouts.index_matches(worktree, old):", "if True:"),
    ),
    *_swapped("docker.py", SERVES, ("target={target},readonly'", "target={target}'")),
    *_without(
        "docker.py",
        SERVES,
        '        "--network=none",\n',
        '        "--read-only",\n',
        '        "--cap-drop=ALL",\n',
        '        "--security-opt=no-new-privileges",\n',
        '"--memory=1g", ',
        '"--pids-limit=64", ',
        'f"--user={user[0]}:{user[1]}", ',
    ),
    # A look at a worktree.
    *_swapped("checkouts.py", f"{CONTROLS}a_submodule_is_not_entered", ('-z", "--ignore-submodules=all"', '-z"')),
    *_swapped("checkouts.py", f"{CONTROLS}a_fifo_that_git_reads", ('"C"}, seconds=_PATIENCE', '"C"}')),
    *_swapped("hostile.py", f"{HOSTILE}nothing_else_is_read", ("O_DIRECTORY | os.O_NOFOLLOW |", "O_DIRECTORY |")),
    *_swapped(
        "hostile.py",
        f"{HOSTILE}nothing_else_is_read",
        ("os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK", "os.O_RDONLY | os.O_NONBLOCK"),
        ("os.O_NOFOLLOW | os.O_NONBLOCK", "os.O_NOFOLLOW"),
        ("if not stat.S_ISREG(os.fstat(descriptor).st_mode):", "if False:"),
        ('name in {"..", "/"}', 'name == "/"'),
    ),
    *_swapped("hostile.py", f"{HOSTILE}what_is_too_large_is_refused", (".st_size > limit:", ".st_size < 0:")),
    *_swapped("hostile.py", f"{HOSTILE}nothing_but_files_is_written", ("not in (None, stat.S_IFREG)", "== 1")),
    *_swapped("hostile.py", f"{CONTROLS}rights_are_given_back", ("os.path.samestat(os.fstat(held), before)", "True")),
    *_swapped("hostile.py", f"{HOSTILE}walking_leaves_symlinks_out", ("        if left < 0:", "        if False:")),
    *_swapped("hostile.py", f"{HOSTILE}a_tree_that_is_deeper", ("> _MAX_PATH:", "< 0:")),
    *_swapped(
        "git.py",
        f"{GIT}what_is_no_file_is_read_as_none",
        ("os.O_RDONLY | os.O_NONBLOCK |", "os.O_RDONLY |"),
        ("if not stat.S_ISREG(os.fstat(descriptor).st_mode):", "if False:"),
    ),
    *_swapped(
        "git.py",
        f"{GIT}a_remote_s_address_loses",
        ('["user"].partition(":")[0] if', '["user"] if'),
        (' if "ssh" in match["scheme"] else ""', ""),
        ("[^/?#]*)@", "[^/?#@]*)@"),
    ),
    *_swapped("git.py", f"{GIT}settings_hold_identity", ("without_credentials(value))", "value)")),
    *_swapped(
        "checkouts.py",
        f"{GIT}an_admin_directory_of_the_agent_s",
        (" if tree.git_dir == git_dir]", "]"),
    ),
    *_swapped(
        "checkouts.py",
        f"{GIT}a_pointer_at_another_s",
        ("not here.is_relative_to(known[0].path.resolve())", "False"),
    ),
    *_swapped(
        "checkouts.py",
        "test_review.py::test_a_copy_of_a_repository_leaves",
        ("return text is None or", "return True or"),
    ),
    *_without(
        "merges.py",
        "test_merges.py::test_programs_of_the_user",
        '    "--no-ext-diff",\n',
        '    "--no-textconv",\n',
    ),
    *_without("merges.py", "test_merges.py::test_a_submodule_is_not_entered", '    "--submodule=short",\n'),
    *_without("merges.py", "test_merges.py::test_a_submodule_s_commit", '    "--ignore-submodules=none",\n'),
    *_without("checkouts.py", f"{GIT}dirty_names", ', "--untracked-files=normal"'),
    *_swapped("checkouts.py", f"{GIT}dirty_names", ('normal", "--no-renames")', 'normal")')),
    *_without("difference.py", "test_review.py::test_a_gitlink_is_seen_though", ', "--ignore-submodules=none"'),
    *_without(
        "difference.py", "test_review_command.py::test_names_are_told", "number > limit or ", "total > _MAX_NAMES or "
    ),
    *_without(
        "difference.py",
        "test_review_command.py::test_a_path_that_no_system",
        "len(line) > _MAX_PATH or ",
        ' or line.count(b"/") > _MAX_DEPTH',
    ),
    *_without("difference.py", "test_review_command.py::test_a_commit_of_billions", ', "-t"'),
    *_without(
        "difference.py",
        "test_review_command.py::test_contents_that_are_too_large",
        "size <= _MAX_BLOB and ",
        " and total <= _MAX_BLOBS",
    ),
    *_without("health.py", f"{PRIVATE}what_its_configuration_includes", '"--no-includes", '),
    *_swapped(
        "private_repo.py",
        f"{PRIVATE}hostile_names",
        ("[0-9a-f]{40}|[0-9a-f]{64}", ".*"),
        ('r"refs/(?!', 'r"(?!'),
        ("(?://|", "(?:"),
        (r"|\.\.|", "|"),
        (r"|@\{|", "|"),
        (r"|/\.|", "|"),
        (r"|\.lock(?:/|$)|", "|"),
        (r"lock(?:/|$)", "lock$"),
        (r"|\.$|", "|"),
        ("|/$))", "))"),
        (r"[^\x00-\x20\x7f~^:?*\[\\]+", ".+"),
    ),
    *_swapped("private_repo.py", FLOOD, ("if len(found) > _MAX_REFS or ", "if ")),
    *_swapped(
        "private_repo.py",
        FLOOD,
        *((f'"{place}", limit=_MAX_REFS', f'"{place}", limit=10**9') for place in ("refs", "worktrees")),
    ),
    *_swapped("private_repo.py", FLOOD, ("if len(found) > _MAX_STASH or ", "if False and ")),
    *_swapped(
        "private_repo.py",
        LINE,
        ("read(root, path, limit=limit)", "read(root, path)"),
        ('    head = _read_text(root, "HEAD", limit=_MAX_LINE)', '    head = _read_text(root, "HEAD")'),
        ("name, limit=_MAX_LINE", "name"),
        ('path, limit=_MAX_LINE) or "").strip()\n', 'path) or "").strip()\n'),
        ("limit = _MAX_MERGED if", "limit = 1 << 26 if True or"),
    ),
    *_swapped("lfs.py", "test_lfs.py::test_what_it_does_not_say", ("if total.hexdigest() != oid:", "if False:")),
    *_swapped("lfs.py", "test_lfs.py::test_too_much_is_an_error", ("if size > limit:", "if False:")),
    *_without("lfs.py", "test_lfs.py::test_what_an_import_that_was_killed", "    _sweep(begun)\n"),
    *_swapped(
        "lfs.py",
        "test_lfs.py::test_what_an_import_that_was_killed",
        ("if each.name.startswith", "if True or each.name.startswith"),
    ),
    *_swapped("lfs.py", "test_lfs.py::test_nobody_is_at_it", ("> _LONGEST", "< 0")),
    *_without(
        "importer.py",
        f"{IMPORT}what_had_arrived",
        "    shutil.rmtree(quarantine, ignore_errors=True)  # of an import that was killed\n",
    ),
    *_swapped("commands/prepare.py", "test_prepare.py::test_half", ("shutil.rmtree(half, ignore_errors=True)", "pass")),
    *_swapped("lfs.py", "test_review.py::test_lfs_objects_that_are_none_count", ("= left - size", "= left")),
    *_swapped(
        "trash.py",
        "test_trash.py::test_no_symlink",
        ("target.name == _beside(entry) and ", ""),
        (" and target.is_absolute()", ""),
    ),
    *_swapped(
        "nested.py",
        "test_nested.py::test_every_kind_is_found",
        ("any(map(gate.is_dot_git, names)) or ", ""),
        (" or gate.is_repository(names)", ""),
    ),
    *_without(
        "nested.py",
        NO_SEARCH_WITHOUT_END,
        "time.monotonic() > end or ",
        " or len(found) >= _MAX_FOUND",
    ),
    *_swapped("nested.py", "test_nested.py::test_of_one_directory", ("limit=left + 1)", "limit=10**9)")),
    *_without(
        "strays.py",
        STRAY,
        "entry.parent == admin and ",
        " and not directory.name.startswith(_TRASH)",
        ", limit=_MAX_POINTER",
        'text.startswith("gitdir: ") and ',
    ),
    *_swapped(
        "strays.py", f"{GC}a_worktree_that_is_where_git_has_it", (" and os.path.realpath(directory) not in known", "")
    ),
    *_swapped(
        "config.py",
        CA,
        ("if not path.is_file():", "if False:"),
        ('if b"-----BEGIN CERTIFICATE-----" not in', 'if b"" not in'),
        ("if below and not naming", "if False and not naming"),
        ("hostile.read(root, str(below)) if below else ", ""),
        ("(real, root.resolve())", "(path, root)"),
    ),
    *_without("plan.py", "test_plan.py::test_a_root_env_that_would_aim", "    _refuse_root_env(seen.root_env)\n"),
    *_swapped("observe.py", "test_mount_sources.py", ("if found is not None and found not in allowed:", "if False:")),
    # What of a commit has to be looked at before the host takes it over.
    *_swapped(
        "gate.py",
        ASTRAY,
        ("if change.new_mode == GITLINK:\n", "if False:\n"),
        ("elif _is_submodule(change):", "elif False:"),
        ("for part in parts):\n        yield DOT_GIT", "for part in ()):\n        yield DOT_GIT"),
        ("if change.new_mode == SYMLINK:\n", "if False:\n"),
    ),
    *_swapped("gate.py", NAMES, ("    if not {", "    if False and not {")),
    *_swapped(
        "gate.py",
        SYMLINKS,
        ("target is None or len(target) > _MAX_PATH", "not target"),
        ('target.startswith(("/", "\\\\"))', 'target.startswith("\\\\")'),
        ("if ups > depth:", "if False:"),
        ('elif ".." in parts[ups:]:', "elif False:"),
        ("for part in parts):\n        yield f", "for part in ()):\n        yield f"),
    ),
    *_swapped("gate.py", BARE, ("for path in _bare_repositories(there, names)", "for path in ()")),
    *_swapped(
        "gate.py",
        "test_review_command.py::test_no_two_branches",
        ('if part == "head"}', 'if part == "head" and any("objects" in each for each in names)}'),
    ),
    *_swapped(
        "importer.py",
        ASTRAY,
        ("if stopped := _stopped(worktree, branch, old, new, accepted):", "if stopped := None:"),
        ("if new == accepted or", "if accepted or"),
    ),
    *_swapped(
        "importer.py",
        "test_review_command.py::test_a_rewritten_branch",
        ("held = _stopped(worktree, branch, old, new, accepted) or ", "held = "),
    ),
    *_swapped(
        "importer.py",
        "test_review_command.py::test_a_detached_head",
        ('stopped = _stopped(worktree, "HEAD", old, inside.detached, accepted)', "stopped = None"),
    ),
    *_swapped(
        "importer.py",
        "test_review_command.py::test_a_commit_of_billions",
        ("if names is None:", "if names is None and False:"),
    ),
    # What of a branch is named before anything runs it.
    *_swapped(
        "review.py",
        f"{RUNS}what_lies_in_a_folder",
        ("for folder, why in FOLDERS.items()", "for folder, why in ()"),
        ('around = f"/{gate.plain(path)}/"', 'around = f"/{path}/"'),
    ),
    *_swapped("review.py", f"{RUNS}files_that_something_runs", ("if folder or not", "if True or not")),
    *_swapped("review.py", f"{RUNS}a_file_that_becomes", ("if change.new_mode == _PROGRAM and", "if False and")),
    *_swapped(
        "review.py",
        f"{RUNS}what_became_of_a_package",
        ("for section in ENTRIES:", "for section in ():"),
        ("for section in DEPENDENCIES:", "for section in ():"),
        ("if name == PACKAGE and", "if False and"),
    ),
    *_swapped("review.py", f"{RUNS}hosts_that_a_lock_file", ("elif name in _LOCK_NAMES and", "elif False and")),
    # git takes the nearest `.git` for the repository's.
    *_without(
        "checkouts.py", "test_nested.py::test_wt_does_not_take_what_an_agent_made", "    refuse_within(directory)\n"
    ),
    *_without("checkouts.py", "test_nested.py::test_nor_what_it_makes", "    refuse_another(here, common_dir)\n"),
    *_swapped(
        "nested.py", "test_nested.py::test_nor_anything_else", (" or (head and (common or (objects and refs)))", "")
    ),
    *_swapped(
        "nested.py",
        "test_nested.py::test_a_pointer_that_leads_nowhere",
        ("file_text(dot_git, limit=_MAX_POINTER)", "file_text(dot_git)"),
        ("(ValueError, RuntimeError)", "()"),
    ),
    *_swapped("nested.py", "test_nested.py::test_a_directory_that_is_cut_off", ("whole and left >= 0", "whole")),
    # What costs an agent a line, and the host minutes.
    *_without("hostile.py", BOUNDS, " and len(entry.path) <= room"),
    *_swapped(
        "nested.py",
        BOUNDS,
        ("if room < 0:", "if False:"),
        ("            room -= len(current)\n", ""),
    ),
    *_without("git.py", BOUNDS, " and len(parts) <= _MAX_REF_DEPTH", ", max_output=_MAX_SUBJECTS"),
    *_swapped("git.py", BOUNDS, ("%<({_MAX_SUBJECT},trunc)%s", "%s")),
    *_swapped("process.py", BOUNDS, ("readline(_MAX_LINE)", "readline()")),
    *_without("staging.py", "test_staging.py::test_where_very_much", "len(found) < _MANY and "),
    *_without("staging.py", "test_staging.py::test_what_is_listed_inside", " and not _leads_out(path)"),
    *_swapped(
        "staging.py",
        "test_staging.py::test_what_git_does_not_tell_of_files",
        ("if answer.code not in (0, 1):", "if False:"),
    ),
    *_swapped(
        "checkouts.py",
        f"{LIVING}an_entry_that_says_nothing",
        ('if dot_git.name != ".git":', "if not dot_git.name:"),
    ),
    *_swapped(
        "checkouts.py",
        f"{LIVING}what_lies_inside",
        ("{Path(os.path.realpath(tree.path)): tree for", "{tree.path: tree for"),
        ("top = Path(os.path.realpath(worktree.path))", "top = worktree.path"),
    ),
    *_without("commands/gc.py", f"{LIVING}gc_leaves", " or piece.gone != (garbage.GONE in before.reason)"),
    *_swapped(
        "hostile.py", f"{HOSTILE}what_can_not_be_looked_at", ("    except PermissionError:\n        return False\n", "")
    ),
    *_swapped("hostile.py", f"{HOSTILE}nothing_but", ("int.from_bytes(os.urandom(6))", "os.getpid()")),
    *_without("private_repo.py", f"{PRIVATE}one_without_rights", "    _open(naming.private_repo(worktree))\n"),
    *_swapped("private_repo.py", f"{PRIVATE}hostile_names", (r"(?!\.|", "(?!")),
    *_swapped(
        "staging.py",
        "test_staging.py::test_what_git_does_not_tell_in_time",
        ("stdin=stdin, seconds=seconds", "stdin=stdin"),
    ),
    *_without("private_repo.py", BOUNDS, ", 2 * _MAX_REFS + 2", ' or log.count("\\n") > _MAX_STASH', ", _MAX_LOG"),
    *_swapped("streams.py", BOUNDS, ("return len(heard) <= most", "return True")),
    *_swapped(
        "docker.py",
        BOUNDS,
        ("seconds=_PATIENCE, max_output=_MOST)", "seconds=_PATIENCE)"),
        ("seconds=seconds, max_output=_MOST)", "seconds=seconds)"),
        ('"sleep", "0.3"], check=False, max_output=_MOST)', '"sleep", "0.3"], check=False)'),
        ("run(line, check=False, max_output=_MOST)", "run(line, check=False)"),
    ),
    *_without("merges.py", "test_merges.py::test_what_lies_in_the_current_directory", ", cwd=where"),
    *_swapped("merges.py", "test_merges.py::test_a_line_without_end", ('if not line.endswith(b"\\n"):', "if False:")),
    *_swapped("merges.py", "test_merges.py::test_a_commit_of_more_files", ("except WtError:", "except TimeoutError:")),
    *_swapped("merges.py", "test_merges.py::test_what_takes_too_much_memory", ("max_memory=_MAX_MEMORY))", "))")),
    *_without("merges.py", "test_merges.py::test_a_git_that_says_nothing", "seconds=left, "),
    *_without("compose.py", "test_compose.py::test_logs_are_asked_for", ', cwd=Path("/")'),
    *_swapped("importer.py", BOUNDS, ("not git.fits(ref) or ref in above", "ref in above")),
    *_swapped("sources.py", BOUNDS, ("if len(node.value) > _MAX_PAIRS:", "if False:")),
    *_swapped("plan.py", BOUNDS, ("(?:[^\\S{_ENDS}]|\\ufeff)*", "[\\s\\ufeff]*")),
    *_swapped("scaffold.py", "test_scaffold.py::test_what_lies_around", ("*map(_bind,", "*map(str, () and")),
    *_swapped("texts.py", BOUNDS, ("if cost <= min(_PATIENCE, self._left):", "if True:")),
    *_swapped("trust.py", BOUNDS, ("itertools.islice(differing, _MAX_LINES)", "differing")),
    *_swapped("node.py", "test_node.py::test_a_search_for_workspaces", ("if self.left < 0:", "if False:")),
    # A second Ctrl-C.
    *_swapped("process.py", "test_process.py::test_a_second_ctrl_c", ("if _is_deaf():", "if False:")),
    *_swapped(
        "process.py",
        "test_process.py::test_a_second_ctrl_c",
        ("if _is_deaf() else [program]", "if False else [program]"),
    ),
    # What starts is what the user has approved.
    *_without("commands/prepare.py", f"{TRUST}a_change_is_refused", "    _trust_first(tree, version, context)\n"),
    *_swapped(
        "trust.py",
        f"{TRUST}a_change_is_refused",
        ('_entry("program" if hostile.is_executable(root, path) else "file"', '_entry("file"'),
    ),
    *_swapped(
        "trust.py",
        f"{TRUST}what_can_not_be_told",
        ('elif target.startswith("/") or name == "..":', 'elif name == "..":'),
        ('elif target.startswith("/") or name == "..":', 'elif target.startswith("/"):'),
        ("        else:\n            raise Refused", "        elif False:\n            raise Refused"),
        ("if left < 0:", "if False:"),
        ("limit=_MAX_FILES", "limit=10**9"),
    ),
    *_swapped(
        "trust.py",
        f"{TRUST}the_first_use_approves_the_main_checkout",
        ("root = main if main and", "root = main if False and"),
    ),
    *_swapped("trust.py", f"{TRUST}what_was_kept_is_not_believed", ("!= path.name", "== 1")),
    *_swapped("plan.py", f"{TRUST}env_that_a_branch_carries", ("if seen.env_tracked:", "if False:")),
    *_without("commands/prepare.py", f"{TRUST}compose_is_asked", "    _require_harmless(tree, version, seen.config)\n"),
    *_swapped(
        "weakness.py",
        BESIDE,
        ("(among_others or", "("),
        ("if 0 in (service", "if 1 in (service"),
        ('check.get("disable") or ', ""),
        ("elsewhere or odd or", "odd or"),
        ('network.get("driver_opts") or ', ""),
    ),
    *_swapped("vetting.py", f"{TRUST}compose_is_asked", ("            _refuse_link(tree, each)", "            pass")),
    *_without(
        "observe.py",
        "test_mount_sources.py::test_a_worktree_inside_another",
        "    _refuse_behind_link(tree, outer)\n",
    ),
    # What compose files may not weaken.
    *_swapped(
        "weakness.py",
        WEAK,
        ("if each not in NO_NEW_PRIVILEGES:", "if False:"),
        ("if not _LOOPBACK.fullmatch(", "if not _LOOPBACK.match("),
        ("if not NO_NEW_PRIVILEGES & {", "if False and {"),
        ('if "ALL" not in (', "if False and ("),
        ('if user in {"root", "0"} or', "if False and"),
        ('and key not in _HARMLESS and not key.startswith("x-"):', "and False:"),
        ("if not ours and not (read_only and _configures(Path(source), ground)):", "if False:"),
        ("not (read_only and _configures", "not (_configures"),
        ('".." not in path.parts and ', ""),
        ("    path = Path(os.path.normpath(path))\n", ""),
        ("read_only) in ground.mounts", "True) in ground.mounts"),
        ("    if value:\n", "    if False:\n"),
        ('any((each or {}).get("privileged") for each in value or ())', "False"),
        ('if any("user" in (each or {}) for each in value or ()):', "if False:"),
        ('in value or ():\n        yield _weakness("cap_add"', 'in ():\n        yield _weakness("cap_add"'),
        (" or not harmless(mode)", ""),
        (" and service not in BESIDE", ""),
        ('if (each or {}).get("driver_opts")]', "if False]"),
        ('for each in value or {} if each != "nofile"', "for each in ()"),
        ("for place in places:", "for place in ():"),
        ('if build.get("network") == "host":', "if False:"),
        ('build.get("privileged")', "False"),
        ("if key not in _HARMLESS_BUILD | judged and", "if False and"),
        ("if any((resources.get(kind)", "if any(False and (resources.get(kind)"),
        ('elif kind not in {"volume", "tmpfs", "image"}:', "elif False:"),
    ),
    *_without(
        "weakness.py", BESIDE, "*_volumes(data, ground), ", "*_networks(data, ground), ", "*_files(data, ground)"
    ),
    *_swapped(
        "weakness.py",
        "test_weakness.py::test_what_is_allowed_by_name",
        ("if each.name not in rows[each.kind]]", "if not rows[each.kind]]"),
    ),
    *_swapped(
        "vetting.py", "test_vetting.py", (' or ".." in path.parts', ""), ("!= os.path.normpath(path)", "!= str(path)")
    ),
    # What compose reads, and where from.
    *_swapped(
        "sources.py",
        ELSEWHERE,
        ("[/~]|", "[/]|"),
        (r"github\.com/|", ""),
        ("(?:@|", "(?:"),
        (r"\$|", ""),
        ("|://)", ")"),
        (' and path.startswith(f"{folder}/")', ""),
        ("yield service, written\n", "pass\n"),
        (" or len(directories) > 1:", ":"),
        ("not _ELSEWHERE.match(path) and _joined", "_joined"),
        ("            key.tag = loader.DEFAULT_SCALAR_TAG\n", "            pass\n"),
        ('_list(data.get("include"))', "()"),
        ('in _list(each.get("env_file"))', "in ()"),
        ('if "project_directory" in each or', "if"),
        (", *_documents(text, reset=True)]", "]"),
        ("(each[1] if isinstance(each, tuple) else each).tag", "each[1].tag"),
        ('if isinstance(base, dict) and base.get("file"):', "if False:"),
        ('or {}).get("env_file")', 'or {}).get("x")'),
        ('.get("label_file")', '.get("x")'),
        ("for data in documents if", "for data in documents[:1] if"),
    ),
    *_swapped(
        "sources.py",
        "test_weakness.py::test_a_tag_that",
        ("if not (is_text or each.tag == plain", "if False and not (is_text or each.tag == plain"),
        ('each.id == "scalar" and each.tag', "each.tag"),
    ),
    *_swapped(
        "sources.py",
        "test_weakness.py::test_files_that_are_named",
        ("            elif is_compose:\n", "            elif False:\n"),
        ("if path in seen:", "if False:"),
    ),
    *_without(
        "compose.py",
        TOLD,
        '"--project-name", compose.name, ',
        ', "--project-directory", str(compose.directory)',
        '"--env-file", str(compose.env_file), ',
        ' - {"PATH", "HOME"}',
        " env=dropped,",
    ),
    *_swapped("compose.py", TOLD, ("*arguments], without=named)", "*arguments])")),
    *_swapped("vetting.py", f"{TRUST}what_compose_reads", ("[*found, *read]", "found")),
    # What may go, and what stays.
    *_swapped(
        "inventory.py",
        f"{CONTROLS}of_what_docker_holds",
        (', "--filter", f"label={label}"', ""),
        (' if _is_ours(each["Config"]["Labels"])', ""),
    ),
    *_swapped(
        "docker.py",
        f"{CONTROLS}of_what_docker_holds",
        ("None if names or NUMBER", "None if NUMBER"),
        (" or NUMBER in labels else", " else"),
    ),
    *_without(
        "garbage.py",
        f"{GARBAGE}nothing_of_a_worktree",
        "each.role in naming.LASTING and ",
        " and each.worktree not in estate.living",
    ),
    *_swapped(
        "garbage.py",
        f"{GARBAGE}of_builds_the_old_ones",
        (" and holding.outdated", ""),
        ("holding.outdated and not holding.used", "holding.outdated"),
    ),
    *_swapped(
        "garbage.py",
        f"{GARBAGE}a_network_goes_when",
        ("in naming.LASTING and not holding.used", "in naming.LASTING"),
        ("in networks if _is_empty_network(each)", "in networks"),
    ),
    *_swapped(
        "garbage.py",
        f"{GARBAGE}nobody_at_work",
        ("if busy := estate.busy.get(row.name):", "if busy := ():"),
        ("if busy := estate.busy.get(project):", "if busy := ():"),
    ),
    *_swapped(
        "garbage.py",
        f"{GARBAGE}a_private_repository_goes_only_when",
        ("if project in stuck and", "if False and"),
        ("if orphan.stays:", "if False:"),
        ("if count and not orphan.served:", "if False:"),
    ),
    *_swapped("garbage.py", f"{GARBAGE}refs_go_only_when", ("if commits:", "if False:")),
    *_swapped(
        "garbage.py", f"{GARBAGE}what_serves_an_import", (" and (not each.created or now - each.created > longest)", "")
    ),
    *_swapped("garbage.py", f"{GARBAGE}trash_on_a_disk", ("if not mounted:", "if False:")),
    *_swapped("garbage.py", f"{GARBAGE}a_worktree_goes_as", ("if obstacle is not None:", "if False:")),
    *_swapped(
        "garbage.py",
        f"{GARBAGE}of_a_repository",
        ("if estate.why:", "if False:"),
        ("if each.name in named:", "if True:"),
    ),
    *_swapped(
        "estates.py",
        f"{GC}what_git_no_longer_knows",
        (" if each not in living]", "]"),
        ("tree.id not in living and ", ""),
    ),
    *_without("estates.py", f"{GC}what_git_forgot", " | forgotten"),
    *_swapped(
        "estates.py",
        f"{GC}the_repository_of_another_user",
        ("st_uid != user.uid", "st_uid < 0"),
    ),
    *_swapped(
        "estates.py",
        f"{GC}a_repository_is_found_by",
        ("if mounts.may_be_unmounted(common_dir):", "if False:"),
        (" if naming.repository_id(each) == name)", ")"),
    ),
    *_swapped(
        "estates.py",
        f"{GC}what_no_import_would_bring",
        ("    if not readable:", "    if False:"),
        ("if private_repo.has_submodules(tree):", "if False:"),
    ),
    *_swapped(
        "estates.py", f"{GC}one_of_a_worktree_that_git_forgot", (" if private_repo.exists(tree) else None", " and None")
    ),
    *_swapped(
        "commands/gc.py",
        f"{GC}what_is_not_imported_keeps",
        ("tree.is_main or ", ""),
        ("    if count == 0:", "    if True:"),
    ),
    *_swapped("commands/gc.py", f"{GC}one_that_is_gone_may_go", (" or tree.locked is not None", "")),
    *_swapped("commands/gc.py", f"{GC}nothing_is_a_candidate", ("if not there:", "if True:")),
    *_swapped("commands/gc.py", f"{LIVING}gc_in_a_copy", ("elif _is_ours(tree) and (why", "elif (why")),
    *_swapped("commands/rm.py", f"{LIVING}what_happens_to", ("now = checkouts.current(tree)", "now = tree")),
    *_swapped("strays.py", f"{LIVING}gc_keeps_a_worktree", ("and _moved_along(directory, entry, tree):", "and False:")),
    *_swapped("checkouts.py", f"{LIVING}the_main_checkout", ("if repository.main_checkout else set()", "")),
    *_swapped(
        "commands/gc.py", f"{GC}one_that_was_moved_by_hand", ("if (place := _moved_to(tree)) is not None:", "if False:")
    ),
    *_swapped(
        "commands/gc.py",
        f"{GC}one_that_wt_never_saw",
        ("if (place := disks.unmounted(tree)) is not None and", "if False and"),
    ),
    *_swapped(
        "commands/gc.py",
        f"{GC}one_that_is_gone_stays_for",
        ("(work := checkouts.operation(tree.git_dir))", "(work := None)"),
        ("(files := checkouts.staged(tree))", "(files := ())"),
    ),
    # What is printed.
    *_swapped(
        "output.py", "test_output.py", ('    text = _ESCAPE.sub("", text)\n', ""), ('{"Cc", "Cf", "Cs"}', "set()")
    ),
    *_swapped("output.py", "test_output.py", ("return clean(text).replace", "return text.replace")),
    *_swapped(
        "output.py",
        f"{OUTPUT}an_error_is_one_line",
        ("*hint):\n        say(line(text))", "*hint):\n        say(text)"),
        ('"error": body})', '"error": body}, ensure_ascii=False)'),
    ),
    *_swapped(
        "output.py",
        f"{OUTPUT}progress_is_plain",
        ('should read."""\n        say(line(text))', 'should read."""\n        say(text)'),
    ),
    *_swapped("output.py", f"{OUTPUT}logs_of_an_agent", ("{line(text)}\\n", "{text}\\n")),
    *_swapped(
        "output.py",
        f"{OUTPUT}what_an_agent_wrote",
        ("[[line(cell) for", "[[cell for"),
        ('Text(line(text), "red")', 'Text(text, "red")'),
    ),
    *_swapped(
        "output.py",
        f"{OUTPUT}the_step_under_way",
        ("self._text = clean(text)", "self._text = text"),
        ("{clean(text)[:80]}", "{text[:80]}"),
    ),
    *_swapped(
        "output.py",
        "test_review_command.py::test_what_an_agent_wrote",
        ("_plain(result)})", "_plain(result)}, ensure_ascii=False)"),
    ),
    # What makes it a sandbox.
    *_without(
        COMPOSE,
        SANDBOX,
        "  init: true\n",
        "    pids_limit: ${WT_PIDS:-4096}\n",
        "    mem_limit: ${WT_MEMORY:-8g}\n",
        "    memswap_limit: ${WT_MEMORY:-8g}\n",
        "    depends_on: [guard]\n",
        "  ulimits: {nofile: {soft: 16384, hard: 16384}}\n",
        '  logging: {driver: local, options: {max-size: 10m, max-file: "3"}}\n',
        '    name: "${COMPOSE_PROJECT_NAME:-unprepared}_tmp-${WT_TMP:-1g}"\n',
        "type: tmpfs, device: tmpfs, ",
        "mode=1777,nosuid",
        ",nodev,nr_inodes",
        "nr_inodes=65536,",
        ",size=${WT_TMP:-1g}",
        "      BASH_ENV: /etc/wt/security-harden.sh\n",
        '  user: "${WT_UID:-1000}:${WT_GID:-1000}"\n',
        ' read_only: "${WT_DOT_GIT_RO:-true}",',
    ),
    *_without(
        COMPOSE,
        "test_scaffold.py::test_compose_accepts_the_files_without_env",
        "  cap_drop: [ALL]\n",
        '  security_opt: ["no-new-privileges:true"]\n',
    ),
    *_without(
        COMPOSE,
        f"{CONTROLS}the_guard_is_mounted_and_limited",
        "  network_mode: none\n",
        "  read_only: true\n",
        "  pids_limit: 32\n",
        "  mem_limit: 64m\n",
        "  memswap_limit: 64m\n",
        "  restart: on-failure\n",
        "    shm_size: 64k\n",
        "      interval: 30s\n",
        "      timeout: 30s\n",
        "      retries: 2\n",
    ),
    *_swapped(
        COMPOSE,
        f"{CONTROLS}the_guard_is_mounted_and_limited",
        ("target: /host, read_only: true", "target: /host"),
        (" > 30)'", " > 6000)'"),
        ("/tmp, volume: {nocopy: true}}\n    entrypoint", "/x}\n    entrypoint"),
    ),
    *_swapped(
        "weakness.py",
        "test_weakness.py::test_the_volume_of_wt_is_known",
        ("if volume == ground.volumes.get(name):", "if name in ground.volumes:"),
    ),
    *_swapped(
        "observe.py",
        "test_drift.py::test_who_runs_without_a_guard",
        ("(guard is None or guard.unhealthy)", "guard is None"),
        (" and each.running]", "]"),
    ),
    *_swapped(
        COMPOSE,
        SANDBOX,
        *(
            (f"target: {target}, read_only: true", f"target: {target}")
            for target in ("/wt/objects", "/wt/lfs", "/wt/host.git", "/wt/host.git/refs", "/app/.claude-docker")
        ),
        ("/tmp, volume: {nocopy: true}}\n      - {type: volume", "/tmp}\n      - {type: volume"),
        *(
            (f"target: {target}, bind: {{create_host_path: false}}", f"target: {target}")
            for target in ("/app", "/wt/repo.git", "/home/vscode/.claude-docker")
        ),
    ),
    # What an agent may ask of docker.
    *_swapped(
        COMPOSE,
        MOUNTED,
        ("target: /var/run/docker.sock, read_only: true", "target: /var/run/docker.sock"),
        ("target: /run/docker-api, read_only: true", "target: /run/docker-api"),
        ("docker.sock, read_only: true, bind: {create_host_path: false}", "docker.sock, read_only: true"),
        ("/run:size=64k", "/run"),
        ("    user: root\n", ""),
        ("    mem_limit: 128m\n", ""),
        ("    memswap_limit: 128m\n", ""),
    ),
    *_without(COMPOSE, f"{PROXY}::test_more_than_it_has", "          maxconn 64\n", "          option abortonclose\n"),
    *_without(
        COMPOSE,
        f"{PROXY}::test_all_that_docker",
        "          tune.bufsize 262144\n",
        "          http-response wait-for-body time 5s if inspected\n",
    ),
    *_without(COMPOSE, f"{PROXY}::test_many_requests", " proto h1"),
    *_without(COMPOSE, f"{PROXY}::test_it_has_as_many", "          nbthread 1\n"),
    *_swapped(
        COMPOSE,
        PROXY,
        ("if !reads", "if FALSE"),
        ("if upgrades", "if FALSE"),
        ("[A-Za-z0-9][A-Za-z0-9_.-]*", "[A-Za-z0-9_.-]+"),
        ("greets path -m reg ^(/v", "greets path -m reg (/v"),
        ("(_ping|version)$$", "(_ping|version)"),
        ("lists path -m reg ^(/v", "lists path -m reg (/v"),
        ("/containers/json$$", "/containers/json"),
        ("looks path -m reg ^(/v", "looks path -m reg (/v"),
        ("(json|logs|stats)$$", "(json|logs|stats)"),
        ("allow if greets or lists", "allow"),
        ("if !inspected !named !met", "if FALSE"),
        ("if { path_end /json }", ""),
        ("if lists all", "if FALSE"),
        ("if lists !all", "if FALSE"),
        ("if !looks", "if FALSE"),
        ("deny_status 403 ", ""),
        ("if inspected !named !ours", "if FALSE"),
        ("if inspected !named !ours", "if inspected !named !met !ours"),
        ("%[res.body,json_query('$$.Id')]", "%[var(txn.which)]"),
        ("'$$.Id')] 1 if ours", "'$$.Id')] 1 if FALSE"),
        ("which) -m reg ^(${WT_DOCKER_NAMES:-unprepared})", "which) -m reg (${WT_DOCKER_NAMES:-unprepared})"),
        ("name) -m reg ^/(${WT_DOCKER_NAMES:-unprepared})-[0-9]+$$", "name) -m reg ."),
    ),
    # What the guard does.
    *_swapped(
        "templates/guard.pl",
        "test_guard_program.py",
        ("ipc|git", "git"),
        ("|git|", "|"),
        ("|ssh-auth", ""),
        ("|wayland", ""),
        ("qr/^vscode-(?:ipc|git|ssh-auth|wayland)-/", "qr/./"),
        ("    sweep('/tmp');\n", "    watch('/tmp');\n"),
        ("if ($mask & $OVERFLOW) { $lost = 1 }", "if ($mask & $OVERFLOW) { }"),
        ('{ unlink "$place/$name" }', "{ }"),
        ('{ sweep("$place/$name") if is_directory_after_all($place, $name) }', '{ watch("$place/$name") }'),
        ("0x100 | 0x80 |", "0x100 |"),
        (" && time - $changed > $GRACE", ""),
        ("if $name =~ $STARTING && time", "if 0 && time"),
        ("    renew('packed-refs');\n", ""),
        ("    renew('shallow');\n", ""),
        ("return if $is_there && is_equal($new, $old);", ""),
        ("return unlink $to if $name eq 'shallow';", "return if $name eq 'shallow';"),
        ("$from = '/dev/null';", "return;"),
        ("    beat();\n", ""),
        ("chmod $mode & 07777 | 0700, $path if", "0 if"),
        ("= lstat $path", "= stat $path"),
        ("|| $room < length $place;", ";"),
        ("    $room += length($watched{$watch} // '') - length $place;\n", ""),
        ("$room += length delete $watched{$watch}", "delete $watched{$watch}"),
        ("++$extra > $PATIENCE", "0"),
    ),
    # What every shell inside reads.
    *_without(
        "templates/node/Dockerfile",
        SCRIPT,
        "VSCODE_IPC_HOOK_CLI ",
        " VSCODE_GIT_IPC_HANDLE",
        "unset GIT_ASKPASS ",
        "VSCODE_GIT_ASKPASS_MAIN ",
        "VSCODE_GIT_ASKPASS_NODE ",
        " VSCODE_GIT_ASKPASS_EXTRA_ARGS",
        "unset REMOTE_CONTAINERS_IPC ",
        "REMOTE_CONTAINERS_SOCKETS ",
        "REMOTE_CONTAINERS_DISPLAY_SOCK ",
        " WAYLAND_DISPLAY",
        " || unset DISPLAY XAUTHORITY",
        " XAUTHORITY",
        """[ -e "/tmp/.X${HARDEN_DISPLAY%%.*}-lock" ] || """,
        "BROWSER= ",
        "SSH_AUTH_SOCK= ",
        " GPG_AGENT_INFO=",
    ),
    *_without("templates/node/Dockerfile", SCRIPT, ". ~/.config/security-harden.sh\\n"),
    *_swapped("scaffold.py", SANDBOX, ('"read_only: true, ")', '"")'), ('", read_only: true, tmpfs', '", tmpfs')),
    # What wt verify takes for blocked.
    *_swapped("verify/answers.py", f"{VERIFY}another_answer", ("if not attack.says(reason):", "if False:")),
    *_swapped(
        "verify/answers.py",
        f"{VERIFY}where_no_write_works",
        ("if positive is not None and not positive.worked:", "if False:"),
    ),
    *_swapped(
        "verify/privileges.py",
        f"{VERIFY}without_its_positive_control",
        ("if not held and blind:", "if False:"),
        ('if not found.worked or elsewhere.text != "0":', "if not found.worked:"),
        ("if not elsewhere.worked or len(elsewhere.text.split()) < 7:", "if False:"),
        ('if elsewhere.code is None or elsewhere.says("operation not permitted|not found|no number"):', "if False:"),
    ),
    *_swapped(
        "verify/limits.py", f"{VERIFY}without_its_positive", ("if _number(elsewhere.text) is not None:", "if False:")
    ),
    *_swapped(
        "verify/docker_api.py", f"{VERIFY}another_answer", ("""if '"message"' not in answer.text]""", "if False]")
    ),
    *_swapped(
        "verify/docker_api.py",
        f"{VERIFY}the_engine_s_socket",
        ("PurePosixPath(source).name in SOCKETS or", ""),
        ("any(PurePosixPath(each).is_relative_to(source) for each in sockets)", "False"),
    ),
    *_swapped("verify/mounts.py", f"{VERIFY}what_compose_copies", ('or {}).get("file"):', "or {1}):")),
    *_swapped("verify/push.py", f"{VERIFY}a_name_that_is_not_known", ("if known and", "if")),
    *_swapped(
        "verify/limits.py",
        f"{VERIFY}another_answer",
        (" and _is(number, memory, _PAGE if memory else 1)", ""),
        ("0 < files <=", "0 <"),
    ),
    *_swapped(
        "verify/limits.py",
        f"{VERIFY}a_limit_is_that_of_env",
        ("elif not _is(number, told, page):", "elif False:"),
        ("elif not _is(number, wanted, page):", "elif False:"),
    ),
    *_swapped(
        "verify/container.py", f"{VERIFY}what_stands_beside_is_mounted", ("elif mount != wanted[place]:", "elif False:")
    ),
    *_swapped(
        "verify/container.py",
        f"{VERIFY}what_the_engine",
        ('if (settings.get("OomScoreAdj") or 0) < 0 or', "if"),
        ('(mode == "host" and target.usual.get(key) != mode)', 'mode == "host"'),
        ("if settings.get(key) != target.usual.get(key):", "if False:"),
    ),
    *_swapped("verify/variables.py", f"{VERIFY}variables_that_stay", ("elif plain != [*NAMES, _DONE]:", "elif False:")),
    *_without("probe.py", f"{VERIFY}the_weak_container_sees", '"--network=none", ', ', docker.PROJECT: ""'),
    *_swapped("probe.py", f"{VERIFY}the_weak_container_goes", ('docker.remove("container", name)', "pass")),
)


def outcome(mutant: Mutant, copy: Path) -> tuple[str, str]:
    """What became of its test: red, slow where it was ended after `PATIENCE`, or GREEN; and why the last one."""
    path = copy / "src/wt" / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        return "GREEN", f"its text is there {text.count(mutant.old)} times"
    path.write_text(text.replace(mutant.old, mutant.new))
    try:
        code = run(copy, mutant.test)
    finally:
        path.write_text(text)
    # pytest: 1 is a test that failed.
    return {1: ("red", ""), None: ("slow", "")}.get(code, ("GREEN", f"{mutant.test}: exit {code}"))


def run(copy: Path, *tests: str, patience: float = PATIENCE) -> int | None:
    """The exit code of pytest on some of the copy's tests; None when it took too long."""
    # A test is named by how it begins.
    named = dict.fromkeys(f"tests/{test}" for test in (_file(test) for test in tests))
    words = [test.partition("::")[2] for test in tests if "::" in test]
    chosen = ["-k", " or ".join(words)] if words else []
    # In a place of its own: else pytest, before it ends, removes what other runs have left in the usual one.
    options = ("-q", "-x", "-n0", "-p", "no:cacheprovider", f"--basetemp={copy.with_name('t')}")
    command = [sys.executable, "-m", "pytest", *options, *named, *chosen]
    env = {**os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    # With all that it has started, which without a control may take all memory there is, and go on by itself.
    limited = ("prlimit", f"--as={MOST_MEMORY}") if shutil.which("prlimit") else ()
    null = subprocess.DEVNULL
    with subprocess.Popen(
        [*limited, *command], cwd=copy, env=env, stdout=null, stderr=null, start_new_session=True
    ) as running:
        try:
            return running.wait(patience)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)


def _file(test: str) -> str:
    name = test.partition("::")[0]
    return name if "/" in name else f"unit/{name}"


def main(word: str = "") -> int:
    chosen = [mutant for mutant in MUTANTS if word in f"{mutant.file} {mutant.old} {mutant.test}"]
    if not chosen:
        print(f"no control has the word {word}")
        return 2
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "copy"
        for name in ("src", "tests", "docs", "pyproject.toml", "README.md", "examples", "tools"):
            source = PROJECT / name
            shutil.copytree(source, copy / name) if source.is_dir() else shutil.copy(source, copy / name)
        # Else nothing would be shown by a test that turns red.
        if run(copy, *dict.fromkeys(mutant.test for mutant in chosen), patience=600) != 0:
            print("the tests are not green as it is")
            return 1
        found = Counter[str]()
        for mutant in chosen:
            how, why = outcome(mutant, copy)
            found[how] += 1
            text = mutant.old.strip().splitlines()[0]
            print(f"{how:<5}  {mutant.file}: {text}{f'  ({why})' if why else ''}", flush=True)
    print(f"{len(chosen)} controls removed, one at a time; {found['GREEN']} without a test that turned red", end="")
    print(f", {found['slow']} whose test did not end within {PATIENCE} s" if found["slow"] else "")
    return 1 if found["GREEN"] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
