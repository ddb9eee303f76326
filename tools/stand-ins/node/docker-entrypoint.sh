#!/bin/sh
# What is no command is for node: an option, a script.
command -v -- "${1-}" >/dev/null || set -- node "$@"
exec "$@"
