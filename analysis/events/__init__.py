"""Events: from ROOT files through cuts to histograms, live time and cut flow."""

from __future__ import annotations

from nuem.analysis.events.cutflow import ChannelFlow, CutCount, CutFlow
from nuem.analysis.events.execute import histogram
from nuem.analysis.events.observable import Observable
from nuem.analysis.events.plan import ChannelSpec, EventPlan
from nuem.analysis.events.runs import Layout, Runs, read_runs
from nuem.analysis.events.selection import Cut, Derived
from nuem.analysis.events.store import FileRecord, Histograms, load, save

__all__ = [
    "ChannelFlow",
    "ChannelSpec",
    "Cut",
    "CutCount",
    "CutFlow",
    "Derived",
    "EventPlan",
    "FileRecord",
    "Histograms",
    "Layout",
    "Observable",
    "Runs",
    "histogram",
    "load",
    "read_runs",
    "save",
]
