"""Take the pictures of README and docs: first screens of kept runs, in headless Chromium.

Run `uv run python docs/pictures/shoot.py` where Chromium is installed. It makes the reports anew.
"""

import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, ViewportSize, sync_playwright

from harness.records.store import Store
from harness.report.write import write_report

HERE = Path(__file__).parent
RESULTS = HERE.parents[1] / "results"
DESK = ViewportSize(width=1200, height=800)
PHONE = ViewportSize(width=390, height=844)
PICTURES = {
    "frameworks": ("frameworks-20261128-195722", DESK, 682),
    "frameworks-narrow": ("frameworks-20261128-195722", PHONE, 830),
    "quick": ("quick-20261128-200751", DESK, 660),
    "bridge": ("bridge-20261121-194531", DESK, 560),
}
"""By name: the run, the size of the window, and how much of its height is kept."""
_COLOURS = 96
"""Of a picture; more would not be seen and take room in git."""


def shoot(browser: Browser, page: Path, size: ViewportSize, height: int) -> bytes:
    """The top of a page as a PNG."""
    scale = 1 if size == DESK else 2
    window = browser.new_page(viewport=size, device_scale_factor=scale)
    window.goto(page.as_uri())
    window.wait_for_function("() => document.documentElement.dataset.page === 'ready'")
    shot = window.screenshot(clip={"x": 0, "y": 0, "width": size["width"], "height": height})
    window.close()
    packed = io.BytesIO()
    image = Image.open(io.BytesIO(shot)).convert("RGB").quantize(_COLOURS)
    image.save(packed, "png", optimize=True)
    return packed.getvalue()


def main() -> None:
    """Write every picture beside this file."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, (run, size, height) in PICTURES.items():
            page = write_report(Store(RESULTS / run), target=Path(folder) / name).page
            (HERE / f"{name}.png").write_bytes(shoot(browser, page, size, height))
        browser.close()


if __name__ == "__main__":
    main()
