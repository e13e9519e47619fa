"""Hashes of code and of content, and how a step is run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from tertius import entry, provenance
from tertius.problems import InputError, Problem

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    package = tmp_path / "tertius"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "inner" / "__init__.py").write_text("")
    (package / "inner" / "deep.py").write_text("X = 1\n")
    (package / "near.py").write_text("def f():\n    from tertius.inner import deep\n")
    (package / "other.py").write_text("Y = 1\n")
    (tmp_path / "step.py").write_text("from tertius import near\n")
    return package


def test_imports_are_followed_through_modules_and_into_functions(library: Path) -> None:
    found = provenance.imported_modules(library.parent / "step.py", library)
    names = [path.relative_to(library).as_posix() for path in found]
    assert names == ["__init__.py", "inner/__init__.py", "inner/deep.py", "near.py"]


def test_all_modules_of_a_package_count_where_names_are_computed(library: Path) -> None:
    (library / "near.py").write_text('x = importlib.import_module(f"tertius.inner.{name}")\n')
    found = provenance.imported_modules(library.parent / "step.py", library)
    names = [path.relative_to(library).as_posix() for path in found]
    assert names == ["__init__.py", "inner/__init__.py", "inner/deep.py", "near.py"]


def test_a_step_that_fits_models_depends_on_every_estimator() -> None:
    found = provenance.imported_modules(SCRIPTS / "fit_models.py", SCRIPTS / "tertius")
    assert {"hhg.py", "fe_ols.py", "within_kernels.py"} <= {path.name for path in found}
    panel = provenance.imported_modules(SCRIPTS / "build_panel.py", SCRIPTS / "tertius")
    assert "hhg.py" not in {path.name for path in panel}


def test_code_hash_changes_only_with_files_in_use(library: Path) -> None:
    step = library.parent / "step.py"
    first = provenance.hash_code([step], library)
    (library / "other.py").write_text("Y = 2\n")
    assert provenance.hash_code([step], library) == first
    (library / "inner" / "deep.py").write_text("X = 2\n")
    assert provenance.hash_code([step], library) != first


def test_a_template_beside_a_used_module_is_part_of_the_code(library: Path) -> None:
    step = library.parent / "step.py"
    first = provenance.hash_code([step], library)
    (library / "inner" / "templates").mkdir()
    (library / "inner" / "templates" / "page.css").write_text("a {}")
    assert provenance.hash_code([step], library) != first


def test_content_hash_of_parquet_ignores_packing_but_sees_values(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": ["x", "y"], "b": [1.0, None]})
    frame.write_parquet(tmp_path / "one.parquet", compression="zstd")
    frame.write_parquet(tmp_path / "two.parquet", compression="uncompressed")
    frame.with_columns(pl.col("b") + 1e-15).write_parquet(tmp_path / "three.parquet")
    one, two, three = (
        provenance.hash_content(tmp_path / f"{name}.parquet") for name in ("one", "two", "three")
    )
    assert one == two
    assert one != three
    assert provenance.hash_file(tmp_path / "one.parquet") != provenance.hash_file(
        tmp_path / "two.parquet"
    )


class Named(dict):
    """Stands for the named lists of a job."""


def job(folder: Path, scriptdir: Path = SCRIPTS) -> SimpleNamespace:
    return SimpleNamespace(
        input=Named(raw="a.csv", many=["b", "c"]),
        output=Named(),
        params=Named(code="abc", seed=7),
        log=[str(folder / "logs" / "step.log")],
        rule="step",
        threads=2,
        scriptdir=str(scriptdir),
    )


def test_run_hands_over_named_paths_and_parameters_and_fills_the_log(tmp_path: Path) -> None:
    seen = {}

    def main(*, raw: Path, many: list[Path], seed: int, threads: int = 1) -> None:
        seen.update(raw=raw, many=many, seed=seed, threads=threads)
        print("went well")

    entry.run(main, job(tmp_path))
    assert seen == {"raw": Path("a.csv"), "many": [Path("b"), Path("c")], "seed": 7, "threads": 2}
    assert (tmp_path / "logs" / "step.log").read_text() == "went well\n"
    assert not (tmp_path / "logs" / "step.problem").exists()


def test_user_error_ends_the_step_with_a_notice_and_no_traceback(tmp_path: Path) -> None:
    def main(**_: object) -> None:
        raise InputError([Problem("f.csv", "is empty", "export it again")])

    with pytest.raises(SystemExit) as caught:
        entry.run(main, job(tmp_path))
    assert caught.value.code == 1
    notice = (tmp_path / "logs" / "step.problem").read_text()
    assert notice == "step: 1 problem to mend:\n  1. f.csv: is empty -> export it again\n"
    assert "Traceback" not in (tmp_path / "logs" / "step.log").read_text()


def test_a_fault_of_ours_keeps_its_traceback_in_the_log(tmp_path: Path) -> None:
    def main(**_: object) -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        entry.run(main, job(tmp_path))
    assert "Traceback" in (tmp_path / "logs" / "step.log").read_text()


def test_a_stale_installed_copy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        entry.run(lambda **_: None, job(tmp_path, scriptdir=tmp_path))
    assert "stale copy" in (tmp_path / "logs" / "step.problem").read_text()
