"""The house: imports point down, one door for each library, small files and functions."""

import ast
import graphlib
from pathlib import Path

import pytest

import wt

# Each may import what stands above it here; a folder of rooms, such as `commands`, counts as one.
LAYERS = (
    "errors measures texts",
    "model",
    "steps versions complaints streams limits contexts",
    "process locks naming hostile mounts host",
    "sources",
    "config envfile node trash trust",
    "scaffold git history docker engine gate weakness",
    "nested unwatched headless",
    "checkouts unfinished disks lfs staging borrowed compose merges health difference review probe remotes verify",
    "tips",
    "private_repo importer inventory addition strays",
    "plan removal apply selection drift",
    "garbage",
    "observe estates",
    "survey vetting",
    "commands",
    "output",
    "cli",
    "__main__",
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms.split()}
ADAPTERS = {
    "git",
    "lfs",
    "checkouts",
    "unwatched",
    "unfinished",
    "headless",
    "tips",
    "staging",
    "borrowed",
    "history",
    "docker",
    "engine",
    "compose",
    "process",
    "streams",
    "limits",
    "private_repo",
    "health",
    "strays",
    "merges",
    "difference",
    "nested",
    "importer",
    "inventory",
    "probe",
    "remotes",
    "hostile",
    "locks",
    "mounts",
    "node",
    "scaffold",
    "trash",
    "trust",
    "sources",
}
PURE = [
    "addition",
    "drift",
    "errors",
    "garbage",
    "gate",
    "host",
    "measures",
    "model",
    "naming",
    "plan",
    "removal",
    "review",
    "steps",
    "texts",
    "weakness",
]
DOORS = {
    "typer": "cli",
    "rich": "output",
    "python_on_whales": "docker",
    "git": "history",
    "dotenv": "envfile",
    "subprocess": "process",
    "fcntl": "locks",
}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")


ROOT = Path(wt.__file__).parent
SOURCES = {module_name(path): path.read_text() for path in sorted(ROOT.rglob("*.py"))}


def imported(source: str) -> set[str]:
    """Full names of the modules that a source imports, at whatever depth; for `from wt import x` it is `wt.x`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            names.update((inner & SOURCES.keys()) or {f"{'.' * node.level}{node.module}"})
    return names


IMPORTS = {name: imported(source) for name, source in SOURCES.items()}


def room(module: str) -> str:
    return module.split(".")[1] if module.startswith("wt.") else ""


def uphill(imports: dict[str, set[str]]) -> list[str]:
    """Imports from one of our rooms to another that don't point down."""
    pairs = [(module, other) for module, others in imports.items() for other in sorted(others)]
    ours = [(a, b) for a, b in pairs if room(a) and room(b) and room(a) != room(b)]
    return [f"{a} imports {b}" for a, b in ours if LEVEL[room(b)] >= LEVEL[room(a)]]


def test_every_module_has_a_layer() -> None:
    unplaced = {room(module) for module in SOURCES} - LEVEL.keys() - {""}
    assert not unplaced, f"put {unplaced} into LAYERS"


def test_imports_point_down() -> None:
    assert uphill(IMPORTS) == []
    planted = {"wt.git": imported("def late():\n    from wt.commands import up\n    from wt import naming\n")}
    assert uphill(planted) == ["wt.git imports wt.commands.up"], "this test sees nothing"


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {module: others & SOURCES.keys() for module, others in IMPORTS.items()}
    assert list(graphlib.TopologicalSorter(graph).static_order())


def test_only_cli_imports_commands_and_what_speaks() -> None:
    pairs = {(room(module), room(other)) for module, others in IMPORTS.items() for other in others}
    assert {a for a, b in pairs if b == "commands"} == {"cli", "commands"}
    assert {a for a, b in pairs if b == "output"} == {"cli"}


@pytest.mark.parametrize("pure", [*PURE, *(name[3:] for name in SOURCES if room(name) == "verify")])
def test_pure_modules_touch_no_adapter(pure: str) -> None:
    assert {room(other) for other in IMPORTS[f"wt.{pure}"]} & ADAPTERS == set()


@pytest.mark.parametrize("library", DOORS)
def test_each_library_has_one_door(library: str) -> None:
    users = {
        room(module) for module, others in IMPORTS.items() if any(each.split(".")[0] == library for each in others)
    }
    assert users == {DOORS[library]}


@pytest.mark.parametrize("module", SOURCES)
def test_files_and_functions_are_small(module: str) -> None:
    lines = len(SOURCES[module].splitlines())
    assert lines <= 400, f"{module} has {lines} lines: make rooms of it"
    nodes = [node for node in ast.walk(ast.parse(SOURCES[module])) if isinstance(node, ast.FunctionDef)]
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in nodes}
    assert {name: length for name, length in lengths.items() if length > 50} == {}, f"too long, in {module}"
