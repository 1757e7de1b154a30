"""What an experiment file may say: the pydantic models behind the YAML.

One file describes one experiment. A channel is a detector in a period in a
region. Every number carries unit, status and source (`nuem.inputs.quantities`);
a key that nothing acts on is refused.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from nuem.inputs.backgrounds import (
    Background,
    FreePerBin,
    HalfLife,
    Histogram,
    Lines,
    Name,
)
from nuem.inputs.detectors import Detector, Override, Period, Region
from nuem.inputs.documents import Document, Published
from nuem.inputs.fields import Text
from nuem.inputs.observation import (
    Calibration,
    EventLayout,
    Observable,
    SpectrumLayout,
    Total,
)
from nuem.inputs.quantities import (
    CouplingValue,
    Curve,
    Fraction,
    Strict,
)
from nuem.inputs.quenching import Quenching
from nuem.inputs.simulation import Simulation
from nuem.inputs.sources import SnsSource, Source
from nuem.inputs.variations import HistogramVariation, QuenchingVariation, Variation
from nuem.inputs.vocabulary import (
    COUPLING_SYMBOL,
    COUPLING_UNIT,
    INTERFERING_PROCESSES,
    STANDARD_PROCESSES,
    Convention,
    Flavour,
    FormFactor,
    Method,
    Photoabsorption,
    Process,
    Regulator,
    WeakCouplings,
)

__all__ = ["Coupling", "Experiment", "Signal", "Systematic"]


class Coupling(Strict):
    """The definition of the coupling that a limit is set on.

    Results with unequal definitions are not combined.

    Attributes
    ----------
    flavours : list of Flavour
        Those that have the coupling, which is one for all of them.
    neutral : list of Flavour
        Those of the sources that have none, and scatter as in the Standard Model.
    """

    symbol: Literal["q", "mu", "r2", "ds2"]
    reference: CouplingValue
    definition: Text
    flavours: list[Flavour] = Field(min_length=1)
    neutral: list[Flavour] = Field(default_factory=list)
    sign: Text
    zero: Text

    @model_validator(mode="after")
    def _flavours_are_told_apart(self) -> Coupling:
        letters = {f.rsplit("-", 1)[-1] for f in self.flavours}
        both = letters & {f.rsplit("-", 1)[-1] for f in self.neutral}
        if both:
            msg = f"neutrinos and antineutrinos share their coupling: {min(both)}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _unit_fits(self) -> Coupling:
        if self.reference.unit != COUPLING_UNIT[self.symbol]:
            msg = (
                f"coupling {self.symbol!r} is in {COUPLING_UNIT[self.symbol]}, "
                f"not in {self.reference.unit}"
            )
            raise ValueError(msg)
        return self


class Signal(Strict):
    """A process that the coupling drives, and how it is calculated.

    Attributes
    ----------
    process : Process
        What scatters, by which coupling.
    method : Method
        How electrons in atoms are treated; not for nuclei.
    photoabsorption, regulator, density_g_cm3
        Of the equivalent photons, and for the regulator ``medium`` the density. A
        millicharge on electrons in atoms needs a regulator: there is no silent default.
    atomic_shift, beyond_validity
        Of the method ``atomic``: the response in half-widths of its error band, and the
        use of tables where they are off by more than 10 %.
    couplings, form_factor
        Of nuclei.
    convention : Convention
        Whose formulas.
    sin2_theta_w : float
        Weak mixing angle.
    """

    process: Process
    method: Method | None = None
    photoabsorption: Photoabsorption = Photoabsorption.HENKE
    regulator: Regulator | None = None
    density_g_cm3: Annotated[float, Field(gt=0)] | None = None
    atomic_shift: Annotated[float, Field(ge=-2, le=2)] = 0.0
    beyond_validity: bool = False
    couplings: WeakCouplings = WeakCouplings.RADIATIVE
    form_factor: FormFactor = FormFactor.HELM
    convention: Convention = Convention.PHYSICAL
    sin2_theta_w: Annotated[float, Field(gt=0, lt=1)] = 0.23863

    @model_validator(mode="after")
    def _options_belong_to_the_process(self) -> Signal:
        if self.process.on_nuclei:
            wrong = {
                "method", "photoabsorption", "regulator", "density_g_cm3",
                "atomic_shift", "beyond_validity",
            }  # fmt: skip
        elif self.method is None:
            msg = f"{self.process} needs a 'method'"
            raise ValueError(msg)
        else:
            wrong = {"couplings", "form_factor"}
            if self.method is not Method.ATOMIC:
                wrong |= {"atomic_shift", "beyond_validity"}
            if self.regulator is None and self._has_a_logarithm:
                msg = (
                    f"{self.process} by {self.method} needs a 'regulator': one of "
                    + ", ".join(Regulator)
                )
                raise ValueError(msg)
        # the default may stand there: a file that is written out in full has it
        given = sorted(
            name for name in wrong & self.model_fields_set if not self._is_default(name)
        )
        if given:
            msg = f"{self.process} has no {', '.join(given)}"
            raise ValueError(msg)
        return self

    @property
    def _has_a_logarithm(self) -> bool:
        """Whether soft virtual photons enter, which a regulator cuts off."""
        charged = self.process in (
            Process.ELECTRON_MILLICHARGE,
            Process.ELECTRON_MILLICHARGE_TRANSITION,
        )
        return charged and self.method not in (Method.FREE, Method.STEPPED)

    def _is_default(self, name: str) -> bool:
        return bool(getattr(self, name) == type(self).model_fields[name].default)


class Systematic(Strict):
    """A nuisance parameter: effect, size at one sigma, and who shares it.

    ``flux`` scales the signal; ``energy-scale``, ``resolution`` and ``efficiency``
    move every sample of the channels in one scope. The rest acts on signals alone:
    ``quenching`` on its strength (k of Lindhard), ``spectrum`` on one ``component``
    of the flux (``235U``, ``correlated``, ``below-1.8-mev``, ``spent-fuel``,
    ``non-equilibrium``, ``8B``, ...),
    ``trigger-efficiency`` and ``cut-efficiency`` by a relative change that follows
    ``shape``, ``atomic-response`` on signals by the method ``atomic``, by half its error
    band times ``size``.

    Attributes
    ----------
    component : str
        For ``spectrum``: what is varied, in all sources that have it, or with
        ``SOURCE:`` in front in one. Channels that it does not shine in do not change.
    energy_dependence : str
        For ``spectrum``: ``flat``, or the ``published`` uncertainty against the
        energy, of which ``size`` is the part (100 % for one sigma).
    shape : Curve
        For the two efficiencies: relative change against the energy, times ``size``.
    """

    name: Name
    effect: Literal[
        "flux",
        "energy-scale",
        "resolution",
        "efficiency",
        "quenching",
        "spectrum",
        "trigger-efficiency",
        "cut-efficiency",
        "atomic-response",
    ]
    size: Fraction
    scope: Literal["all", "detector", "period", "region", "channel"]
    component: str | None = None
    energy_dependence: Literal["flat", "published"] = "flat"
    shape: Curve | None = None

    @model_validator(mode="after")
    def _fields_fit_the_effect(self) -> Systematic:
        if (self.component is not None) != (self.effect == "spectrum"):
            msg = "'component' belongs to the effect 'spectrum', which needs one"
            raise ValueError(msg)
        if self.energy_dependence == "published" and self.effect != "spectrum":
            msg = "'energy_dependence' belongs to the effect 'spectrum'"
            raise ValueError(msg)
        if self.shape is not None and self.effect not in (
            "trigger-efficiency",
            "cut-efficiency",
        ):
            msg = "'shape' belongs to trigger-efficiency and cut-efficiency"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _is_not_empty(self) -> Systematic:
        # one sigma of what has a width of its own is all of it
        whole = (
            self.energy_dependence == "published" or self.effect == "atomic-response"
        )
        if whole and self.size.canonical == 1:
            return self
        if not 0 < self.size.canonical < 1:
            msg = (
                f"size {self.size.value:g} {self.size.unit} is not between 0 and 100 %"
            )
            raise ValueError(msg)
        return self


class Experiment(Strict):
    """One experiment: all that an analysis needs to know besides its events.

    ``observation`` says what the data are:

    - ``counts``: events in files, or the counts of a `spectrum`;
    - ``scaled-counts``: values v and errors s of a `spectrum` that was corrected for an
      efficiency. The likelihood is that of n = (v/s)^2 counts, and the model is
      multiplied by n/v in each bin;
    - ``gaussian``: values and errors of a `spectrum` that no counts stand for, 0 and
      negative ones among them; see `nuem.analysis.spectra`;
    - ``total``: one published number, of which there are no events: `total` says what
      it is, and a chi^2 of one bin is all that can be done with it.
    """

    name: Name
    title: Text
    document: Document
    blind: bool
    coupling: Coupling
    signals: list[Signal] = Field(min_length=1)
    sources: list[Source] = Field(min_length=1)
    detectors: list[Detector] = Field(min_length=1)
    periods: list[Period] = Field(min_length=1)
    regions: list[Region] = Field(min_length=1)
    overrides: list[Override] = Field(default_factory=list)
    quenchings: dict[Name, Quenching] = Field(default_factory=dict)
    observation: Literal["counts", "scaled-counts", "gaussian", "total"]
    total: Total | None = None
    observables: list[Observable] = Field(min_length=1)
    events: EventLayout | None = None
    spectrum: SpectrumLayout | None = None
    calibration: Calibration | None = None
    backgrounds: list[Background] = Field(default_factory=list)
    systematics: list[Systematic] = Field(default_factory=list)
    variations: list[Variation] = Field(default_factory=list)
    simulation: Simulation | None = None
    published: list[Published] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _finds_quenchings(cls, document: object) -> object:
        """A response may name one of the `quenchings`, which lie side by side."""
        if not isinstance(document, dict) or not document.get("quenchings"):
            return document
        there = document["quenchings"]

        def resolved(part: object) -> object:
            response = part.get("response") if isinstance(part, dict) else None
            name = response.get("quenching") if isinstance(response, dict) else None
            if not isinstance(name, str):
                return part
            if name not in there:
                msg = f"quenching: no {name!r}, there are: {', '.join(sorted(there))}"
                raise ValueError(msg)
            assert isinstance(part, dict)
            assert isinstance(response, dict)
            return {**part, "response": {**response, "quenching": there[name]}}

        def alternatives(part: object) -> object:
            if not isinstance(part, dict) or part.get("kind") != "quenching":
                return part
            found = {}
            for side in ("up", "down"):
                name = part.get(side)
                if isinstance(name, str) and name not in there:
                    msg = f"{side}: no {name!r}, there are: {', '.join(sorted(there))}"
                    raise ValueError(msg)
                found[side] = there[name] if isinstance(name, str) else name
            return {**part, **found}

        lists = {
            key: [resolve(part) for part in document[key]]
            for key, resolve in (
                ("detectors", resolved), ("overrides", resolved),
                ("variations", alternatives),
            )
            if isinstance(document.get(key), list)
        }  # fmt: skip
        return {**document, **lists}

    @model_validator(mode="after")
    def _names_are_unique(self) -> Experiment:
        for field in (
            "sources", "detectors", "periods", "regions", "observables",
            "backgrounds", "systematics", "variations",
        ):  # fmt: skip
            names = [part.name for part in getattr(self, field)]
            for name in names:
                if names.count(name) > 1:
                    msg = f"{field}: {name!r} is there twice"
                    raise ValueError(msg)
        processes = [signal.process for signal in self.signals]
        if len(set(processes)) < len(processes):
            msg = "signals: a process is there twice"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _names_are_not_taken(self) -> Experiment:
        taken = {"mu", *(process.value for process in Process)}
        for field in ("backgrounds", "systematics", "variations"):
            for part in getattr(self, field):
                if part.name in taken:
                    msg = f"{field}: the name {part.name!r} has a meaning of its own"
                    raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _references_exist(self) -> Experiment:
        detectors = {d.name for d in self.detectors}
        periods = {p.name for p in self.periods}
        regions = {r.name for r in self.regions}
        sources = {s.name for s in self.sources}

        def known(field: str, names: set[str], there: set[str]) -> None:
            for name in sorted(names - there):
                msg = f"{field}: no {name!r}, there are: {', '.join(sorted(there))}"
                raise ValueError(msg)

        for source in self.sources:
            field = f"sources.{source.name}.weights"
            known(field, set(source.weights.values), periods)
            known(field, periods, set(source.weights.values))
        for background in self.backgrounds:
            field = f"backgrounds.{background.name}"
            known(f"{field}.detectors", set(background.detectors or ()), detectors)
            known(f"{field}.regions", set(background.regions or ()), regions)
            if background.time_law.kind == "follows-power":
                known(f"{field}.time_law", {background.time_law.source}, sources)
        for variation in self.variations:
            field = f"variations.{variation.name}"
            known(f"{field}.detectors", set(variation.detectors or ()), detectors)
            if isinstance(variation, HistogramVariation):
                samples = {"signal"} | {
                    b.name for b in self.backgrounds if isinstance(b.shape, Histogram)
                }
                known(f"{field}.sample", {variation.sample}, samples)
        power = None if self.events is None else self.events.power
        if power is not None:
            known("events.power.source", {power.source}, sources)
        for refilled in () if self.events is None else self.events.variations:
            field = f"events.variations.{refilled.name}"
            known(f"{field}.detectors", set(refilled.detectors or ()), detectors)
            known(f"{field}.periods", set(refilled.periods or ()), periods)
            known(f"{field}.regions", set(refilled.regions or ()), regions)
        for number, override in enumerate(self.overrides):
            field = f"overrides.{number}"
            known(f"{field}.detector", {override.detector or ""} - {""}, detectors)
            known(f"{field}.period", {override.period or ""} - {""}, periods)
            known(f"{field}.region", {override.region or ""} - {""}, regions)
        if self.simulation is not None:
            known("simulation.gain", set(self.simulation.gain), periods)
        return self

    @model_validator(mode="after")
    def _signals_fit_coupling(self) -> Experiment:
        standard = {s.process for s in self.signals} & set(STANDARD_PROCESSES)
        if len(standard) == len(self.signals):
            msg = "signals: the Standard Model alone has no coupling to set a limit on"
            raise ValueError(msg)
        for signal in self.signals:
            if signal.process in STANDARD_PROCESSES:
                continue
            own = STANDARD_PROCESSES[1 if signal.process.on_nuclei else 0]
            if signal.process in INTERFERING_PROCESSES and own in standard:
                msg = f"signals: {signal.process} has {own} in it, which is there twice"
                raise ValueError(msg)
            if COUPLING_SYMBOL[signal.process] != self.coupling.symbol:
                msg = (
                    f"signals: {signal.process} is not driven by "
                    f"the coupling {self.coupling.symbol!r}"
                )
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _energies_are_of_one_kind(self) -> Experiment:
        nuclei = [s for s in self.signals if s.process.on_nuclei]
        responses = [(f"detectors.{d.name}", d.response) for d in self.detectors]
        responses += [
            (f"overrides.{n}", o.response)
            for n, o in enumerate(self.overrides)
            if o.response is not None
        ]
        recoils = self.observables[0].unit == "keVnr"
        if recoils and len(nuclei) < len(self.signals):
            msg = "observables: keVnr, but a signal scatters on electrons"
            raise ValueError(msg)
        for where, response in responses:
            if recoils and response.quenching is not None:
                msg = f"{where}.response: quenching, but the observable is in keVnr"
                raise ValueError(msg)
            if nuclei and not recoils and response.quenching is None:
                msg = (
                    f"{where}.response: {nuclei[0].process} needs a quenching, or an "
                    "observable in keVnr"
                )
                raise ValueError(msg)
            if response.quenching is not None and not nuclei:
                msg = f"{where}.response: quenching, but no signal on nuclei"
                raise ValueError(msg)
        for systematic in self.systematics:
            if systematic.effect == "quenching" and not nuclei:
                msg = f"systematics.{systematic.name}: no signal on nuclei"
                raise ValueError(msg)
            atomic = any(s.method is Method.ATOMIC for s in self.signals)
            if systematic.effect == "atomic-response" and not atomic:
                msg = f"systematics.{systematic.name}: no signal by the method atomic"
                raise ValueError(msg)
        counted = self.observables[0].unit == "PE"
        for where, response in responses:
            if counted != (response.photoelectrons is not None):
                msg = (
                    f"{where}.response: 'photoelectrons' belong to an observable in PE"
                )
                raise ValueError(msg)
        for variation in self.variations:
            if isinstance(variation, QuenchingVariation) and not nuclei:
                msg = f"variations.{variation.name}: no signal on nuclei"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _axes_are_distributed(self) -> Experiment:
        first, *others = self.observables
        if not first.is_energy or first.signal is not None:
            msg = f"observables.{first.name}: the first axis is an energy, without 'signal'"
            raise ValueError(msg)
        for axis in others:
            if axis.is_energy or axis.signal is None:
                msg = f"observables.{axis.name}: a further axis is in us or 1, with 'signal'"
                raise ValueError(msg)
            beam = axis.signal.kind == "beam"
            if beam and not all(isinstance(s, SnsSource) for s in self.sources):
                msg = f"observables.{axis.name}: a beam is that of sources of kind sns"
                raise ValueError(msg)
            if beam and axis.unit != "us":
                msg = f"observables.{axis.name}: the times of a beam are in us"
                raise ValueError(msg)
        if others:
            for name, there in (
                ("simulation", self.simulation), ("calibration", self.calibration),
                ("free-per-bin", any(
                    isinstance(b.shape, FreePerBin) for b in self.backgrounds
                )),
            ):  # fmt: skip
                if there:
                    msg = f"observables: {name} is for one axis"
                    raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _exposures_are_clear(self) -> Experiment:
        if any(p.exposure for p in self.periods) and (
            len(self.detectors) > 1 or len(self.regions) > 1
        ):
            msg = "periods: with several detectors or regions give 'live_time'"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _observation_has_its_fields(self) -> Experiment:
        needed = ["backgrounds"]
        wrong = ["total"]
        if self.observation == "total":
            needed = ["total"]
            wrong = ["events", "spectrum", "backgrounds", "calibration", "systematics",
                     "variations", "simulation"]  # fmt: skip
        elif self.observation == "counts":
            other = "spectrum" if self.spectrum is None else "events"
            needed.append("events" if other == "spectrum" else "spectrum")
            wrong.append(other)
        else:
            needed.append("spectrum")
            wrong += ["events", "calibration", "simulation"]
        for name in needed:
            if getattr(self, name) in (None, []):
                msg = f"observation {self.observation!r} needs {name!r}"
                raise ValueError(msg)
        for name in wrong:
            if getattr(self, name) not in (None, []):
                msg = f"observation {self.observation!r} has no {name!r}"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _spectrum_has_its_columns(self) -> Experiment:
        if self.spectrum is None:
            return self
        errors = self.observation != "counts"
        text = self.spectrum.low is not None or self.spectrum.centre is not None
        if self.spectrum.unbinned and errors:
            msg = f"spectrum.unbinned: observation {self.observation!r} has no events"
            raise ValueError(msg)
        if len(self.observables) > 1 and (text or self.spectrum.unbinned):
            msg = "spectrum: several axes are those of UHI histograms"
            raise ValueError(msg)
        if len(self.observables) > 1 and self.spectrum.per != "bin":
            msg = "spectrum.per: a density has one axis"
            raise ValueError(msg)
        wanted = errors and text
        taken: dict[tuple[object, object], str] = {}
        for name, columns in self.spectrum.channels.items():
            other = taken.setdefault((columns.value, columns.file), name)
            if other != name:
                msg = f"spectrum.channels.{name}: value {columns.value!r} is that of {other!r}"
                raise ValueError(msg)
            if (columns.error is not None) != wanted:
                what = (
                    f"observation {self.observation!r}"
                    if text or not errors
                    else "a histogram"
                )
                msg = f"spectrum.channels.{name}: {what} {'needs' if wanted else 'has no'} 'error'"
                raise ValueError(msg)
        if errors and any(isinstance(b.shape, FreePerBin) for b in self.backgrounds):
            msg = f"backgrounds: {self.observation} cannot be free-per-bin"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _total_has_one_bin(self) -> Experiment:
        if self.total is None:
            return self
        first, *others = self.observables[0].binning
        if others or round((first.stop - first.start) / first.width) != 1:
            msg = "observables: a total has one bin"
            raise ValueError(msg)
        if self.total.kind == "cross-section" and any(
            signal.process.on_nuclei for signal in self.signals
        ):
            msg = "total: a cross section per fission is that of electrons"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _calibration_measures_a_cut(self) -> Experiment:
        cut = None if self.calibration is None else self.calibration.cut
        there = [] if self.events is None else [c.name for c in self.events.cuts]
        if cut is not None and cut not in there:
            msg = f"calibration.cut: no {cut!r}, there are: {', '.join(there)}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _lines_have_a_width(self) -> Experiment:
        lines = [b.name for b in self.backgrounds if isinstance(b.shape, Lines)]
        sharp = [d.name for d in self.detectors if d.response.resolution is None]
        sharp += [
            f"overrides.{n}"
            for n, o in enumerate(self.overrides)
            if o.response is not None and o.response.resolution is None
        ]
        if lines and sharp:
            msg = f"backgrounds.{lines[0]}: lines need the resolution of {sharp[0]!r}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _backgrounds_are_determined(self) -> Experiment:
        for background in self.backgrounds:
            if isinstance(background.shape, FreePerBin) and (
                len(self.periods) < 2 or len(self.backgrounds) > 1
            ):
                msg = (
                    f"backgrounds.{background.name}: free-per-bin needs two periods "
                    "and no other background"
                )
                raise ValueError(msg)
            law = background.time_law
            if isinstance(law, HalfLife) and law.half_life.value == 0:
                msg = f"backgrounds.{background.name}: half-life must be above 0"
                raise ValueError(msg)
        return self
