"""The first lines of the program: until it can say so, Ctrl-C ends it without a word."""

# The module `signal` is Python's own wrapper of this one, and takes longer to import than all that came before.
import _signal  # type: ignore[import-not-found]
import os
import sys

if _signal.getsignal(_signal.SIGINT) != _signal.SIG_IGN:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def main() -> None:
    """Import the command line, which takes a moment, and run it."""
    if sys.getfilesystemencoding() != "utf-8":
        # docker takes paths for UTF-8, whatever the locale says of them.
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - itself
    from wt.cli import main as run

    run()


if __name__ == "__main__":
    main()
