"""Fixtures and rules for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from nuem.inputs import datasets

os.environ.setdefault("MPLBACKEND", "Agg")

HERE = Path(__file__).parent

hypothesis.settings.register_profile("default", deadline=None)
# The same examples in every run, so that a build turns red for a change only.
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of two folders, so that no file can forget it."""
    for item in items:
        if item.path.is_relative_to(HERE / "oracles"):
            item.add_marker(pytest.mark.oracle)
        elif item.path.is_relative_to(HERE / "benchmarks"):
            item.add_marker(pytest.mark.benchmark)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """With NUEM_REQUIRE_DATA, a skipped test of public data is a failed one."""
    report = yield
    required = os.environ.get("NUEM_REQUIRE_DATA", "") not in {"", "0"}
    skipped = report.skipped and not hasattr(report, "wasxfail")
    if required and skipped and item.get_closest_marker("data") is not None:
        report.outcome = "failed"
        report.longrepr = f"NUEM_REQUIRE_DATA is set, but {item.nodeid} was skipped"
    return report


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of the public data releases, or skip the test."""
    folder = datasets.data_folder()
    if folder.is_dir():
        return folder
    if os.environ.get("NUEM_DATA", ""):
        pytest.fail(f"NUEM_DATA names {folder}, which is no folder", pytrace=False)
    pytest.skip(f"no public data releases in {folder} (see nuem fetch)")
