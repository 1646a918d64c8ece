"""The plan of the house, enforced: imports only go down, and rooms on one floor are strangers."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "translator"
FLOORS = {
    "errors": 0, "settings": 0, "version": 0, "ops": 0,
    "attention": 1, "text": 1,
    "models": 2, "faults": 2,
    "training": 3, "decoding": 3, "evaluation": 3,
    "config": 4, "report": 4,
    "experiment": 5,
    "cli": 6,
}  # fmt: skip
BEDROCK = {"errors", "settings", "version"}  # files on the ground floor that its rooms may use


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    return {module.split(".")[1] for module in modules if module.startswith("translator.")}


def may_import(room: str, other: str) -> bool:
    return other == room or other in BEDROCK or FLOORS[other] < FLOORS[room]


def test_imports_only_go_down():
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {other}"
        for path in PACKAGE.rglob("*.py")
        if path.parent != PACKAGE or path.stem in FLOORS
        for other in imported_rooms(path)
        if not may_import(room_of(path), other)
    ]
    assert wrong == []


def test_every_room_has_a_floor():
    rooms = {room_of(path) for path in PACKAGE.rglob("*.py")} - {"__init__", "__main__"}
    assert rooms == FLOORS.keys()


def test_every_room_has_a_tour():
    for path in PACKAGE.rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), path
