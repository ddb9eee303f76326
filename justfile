set positional-arguments

run := "uv run --locked --quiet"

# Most of the time the tests wait for containers, so there are more processes than cores.
several := "--numprocesses=4 --dist=loadgroup"

# Lists the recipes.
default:
    @just --justfile {{ quote(justfile()) }} --list --unsorted

# Has a Docker engine answer: installs and starts one where there is none.
[no-exit-message]
engine:
    @tools/engine

# Has the base images there: pulled, or local stand-ins where no registry can be reached.
[no-exit-message]
images: engine
    @tools/images

# Has the shells there that completion is tested in.
[no-exit-message]
shells:
    @tools/shells

# Shows what wt does, on the example repository.
demo: images
    @{{ run }} python tools/demo.py

# Runs all tests, the end-to-end ones included.
test *ARGS: images shells
    {{ run }} pytest {{ several }} "$@"

# Runs the tests that need no Docker engine.
unit *ARGS:
    {{ run }} pytest tests/unit {{ several }} "$@"

# Looks for lost work at length: 1,000 random sequences in memory, 100 on the engine, 200 kills, 20 crowds. Or one: memory, engine, kills, crowds [N].
soak *ARGS: images
    PYTHONPATH={{ quote(justfile_directory() / "tests") }} {{ run }} python -m state.soak "$@"

# Carries out every attack on wt and on a container hardened by hand; prints the table, and writes it into safety.md.
attacks *ARGS: images
    {{ run }} pytest tests/e2e/attacks -p attacks.report --numprocesses=3 --dist=loadgroup "$@"

# Removes each control in turn, in a copy of the tree, and shows that its test turns red.
mutants *ARGS: images
    @{{ run }} python tools/mutants.py "$@"

# Writes the reference pages that come from the program.
reference:
    {{ run }} python tools/reference.py

# Lints, checks the format and the types.
check:
    {{ run }} ruff check
    {{ run }} ruff format --check
    {{ run }} mypy

# Formats, and fixes what the linter can fix.
fmt:
    {{ run }} ruff format
    {{ run }} ruff check --fix
