"""The plan of the house, enforced: imports only go down, and rooms on one floor are strangers."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "translator"
FLOORS = {
    "errors": 0, "settings": 0, "version": 0, "ops": 0, "storage": 0,
    "attention": 1, "text": 1,
    "models": 2, "config_errors": 2, "config_files": 2, "config_tables": 3,
    "training": 3, "decoding": 3, "evaluation": 3,
    "config": 4, "report": 4,
    "runs": 5,
    "jobs": 6,
    "cli": 7,
    "api": 8,
}  # fmt: skip
JOBS = [
    "translate",
    "inspect",
    "train",
    "compare",
    "show",
    "share",
    "export",
    "serve",
    "story",
]  # from the bottom to the top
BEDROCK = {"errors", "settings", "version"}  # files on the ground floor that its rooms may use


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_modules(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    return {module for module in modules if module.startswith("translator.")}


def imported_rooms(path: Path) -> set[str]:
    return {module.split(".")[1] for module in imported_modules(path)}


def imported_jobs(path: Path) -> set[str]:
    return {module.split(".")[2] for module in imported_modules(path) if module.startswith("translator.jobs.")}


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


def test_a_job_imports_only_from_jobs_below_it():
    wrong = [
        f"{path.relative_to(PACKAGE)} imports jobs.{other}"
        for path in PACKAGE.glob("jobs/*/*.py")
        for other in imported_jobs(path)
        if JOBS.index(other) > JOBS.index(path.parent.name)
    ]
    assert wrong == []
    assert {path.parent.name for path in PACKAGE.glob("jobs/*/*.py")} == set(JOBS)


def test_every_room_has_a_floor():
    rooms = {room_of(path) for path in PACKAGE.rglob("*.py")} - {"__init__", "__main__"}
    assert rooms == FLOORS.keys()


def test_every_room_has_a_tour():
    for path in PACKAGE.rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), path
