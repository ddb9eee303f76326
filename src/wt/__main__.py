"""The first lines of the program: until it can say so, Ctrl-C ends it without a word."""

import signal

if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def main() -> None:
    """Import the command line, which takes a moment, and run it."""
    from wt.cli import main as run

    run()


if __name__ == "__main__":
    main()
