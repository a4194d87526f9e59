"""Check the contrasts, waterfalls and squares of a study: a named effect must have one cause."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.base.decode import in_item
from harness.base.errors import MalformedFile, UnknownName
from harness.inputs.catalog import Catalog
from harness.inputs.factors import differences, factors_of
from harness.inputs.study import Contrast, Square, Study, Waterfall

_Factors = Mapping[str, Mapping[str, str]]


def check_comparisons(path: Path, study: Study, catalog: Catalog) -> None:
    """Refuse comparisons that change several factors without declaring a bundle.

    Raises:
        UnknownName: a variant that the study does not measure.
        MalformedFile: naming key and factors.
    """
    factors = {name: factors_of(name, catalog.variant(name)) for name in study.everyone}
    names = [contrast.name for contrast in study.contrasts]
    if twice := [name for name in names if names.count(name) > 1]:
        raise MalformedFile(path, f"`contrasts`: two are called {twice[0]}; rename one.")
    for index, contrast in enumerate(study.contrasts):
        at = in_item("contrasts", index)
        _check_known(path, at, contrast.variants, factors)
        _check_contrast(path, at, contrast, factors)
    for index, waterfall in enumerate(study.waterfalls):
        at = in_item("waterfalls", index)
        _check_known(path, at, (*waterfall.steps, *waterfall.bundles), factors)
        _check_waterfall(path, at, waterfall, factors)
    for index, square in enumerate(study.squares):
        at = in_item("squares", index)
        _check_known(path, at, (name for row in square.corners for name in row), factors)
        _check_square(path, at, square, factors)


def _check_known(path: Path, at: str, names: Iterable[str], factors: _Factors) -> None:
    for name in names:
        if name not in factors:
            raise UnknownName(
                "variant", name, list(factors), f"{path}, {at.removesuffix(': ')}", listed=False
            )


def _check_contrast(path: Path, at: str, contrast: Contrast, factors: _Factors) -> None:
    changed = differences(factors[contrast.of], factors[contrast.to])
    _check_one(path, at, contrast.of, contrast.to, changed, bundle=contrast.bundle)
    if contrast.against is None:
        return
    other = differences(factors[contrast.against.of], factors[contrast.against.to])
    if other != changed:
        raise MalformedFile(
            path,
            f"{at}`against` changes {_words(other)}, and the first pair {_words(changed)}; a "
            "difference of differences needs two pairs that change the same.",
        )


def _check_waterfall(path: Path, at: str, waterfall: Waterfall, factors: _Factors) -> None:
    if len(set(waterfall.steps)) < max(2, len(waterfall.steps)):
        raise MalformedFile(path, f"{at}`steps` needs two different variants or more.")
    for name in waterfall.bundles:
        if name not in waterfall.steps[1:]:
            raise MalformedFile(
                path, f"{at}`bundles`: no step leads to `{name}`; name a step's variant."
            )
    for before, after in zip(waterfall.steps, waterfall.steps[1:], strict=False):
        changed = differences(factors[before], factors[after])
        _check_one(path, at, before, after, changed, bundle=after in waterfall.bundles)


def _check_square(path: Path, at: str, square: Square, factors: _Factors) -> None:
    (a, b), (c, d) = square.corners
    for factor, pairs in ((square.rows, ((a, c), (b, d))), (square.columns, ((a, b), (c, d)))):
        seen = [differences(factors[one], factors[other]) for one, other in pairs]
        if any(set(changed) != {factor} for changed in seen) or seen[0] != seen[1]:
            raise MalformedFile(
                path,
                f"{at}its sides must change `{factor}` alone and alike, and they change "
                f"{_words(seen[0])} and {_words(seen[1])}; choose other corners.",
            )


def _check_one(
    path: Path, at: str, of: str, to: str, changed: Mapping[str, tuple[str, str]], *, bundle: bool
) -> None:
    if not changed:
        raise MalformedFile(
            path, f"{at}{of} and {to} differ in no factor; name the factor in their manifests."
        )
    if len(changed) == 1 and bundle:
        raise MalformedFile(
            path,
            f"{at}{of} and {to} differ in {_words(changed)} alone, which is no bundle; do not "
            "declare one.",
        )
    if len(changed) > 1 and not bundle:
        raise MalformedFile(
            path,
            f"{at}{of} and {to} differ in {_words(changed)}, so their ratio has no single "
            "cause; choose a pair that differs in one factor, or declare a bundle "
            f"({'`bundle = true`' if 'contrasts' in at else f'`bundles = ["{to}"]`'}).",
        )


def _words(changed: Mapping[str, tuple[str, str]]) -> str:
    return ", ".join(f"{f} ({a} / {b})" for f, (a, b) in changed.items()) or "nothing"
