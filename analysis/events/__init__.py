"""Events: from ROOT files through cuts to histograms, live time and cut flow."""

from __future__ import annotations

from nuem.analysis.events.combine import merge
from nuem.analysis.events.cutflow import ChannelFlow, CutCount, CutFlow
from nuem.analysis.events.execute import Reading, histogram
from nuem.analysis.events.executors import Place
from nuem.analysis.events.identity import Identity
from nuem.analysis.events.manifest import Manifest, load_manifest, make_manifest
from nuem.analysis.events.observable import Observable
from nuem.analysis.events.plan import ChannelSpec, EventPlan, Friend, Variation
from nuem.analysis.events.runlist import (
    PowerHistory,
    RunList,
    expand,
    read_power,
    read_run_list,
)
from nuem.analysis.events.runs import Layout, Runs, read_runs
from nuem.analysis.events.selection import Cut, Derived
from nuem.analysis.events.store import (
    FileRecord,
    Histograms,
    RunRecord,
    SkippedFile,
    load,
    save,
)
from nuem.analysis.events.survey import Chunking
from nuem.analysis.events.weights import WeightedBins

__all__ = [
    "ChannelFlow",
    "ChannelSpec",
    "Chunking",
    "Cut",
    "CutCount",
    "CutFlow",
    "Derived",
    "EventPlan",
    "FileRecord",
    "Friend",
    "Histograms",
    "Identity",
    "Layout",
    "Manifest",
    "Observable",
    "Place",
    "PowerHistory",
    "Reading",
    "RunList",
    "RunRecord",
    "Runs",
    "SkippedFile",
    "Variation",
    "WeightedBins",
    "expand",
    "histogram",
    "load",
    "load_manifest",
    "make_manifest",
    "merge",
    "read_power",
    "read_run_list",
    "read_runs",
    "save",
]
