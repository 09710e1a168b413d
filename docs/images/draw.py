"""Take the README's screenshot of a report: python docs/images/draw.py [runs/demo/report.html]

Needs Playwright and an installed Chromium. Shows only the demo's synthetic data.
"""

import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

WIDTH, HEIGHT = 1100, 1000


def main() -> None:
    report = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/demo/report.html").resolve()
    target = Path(__file__).with_name("report.png")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(report.as_uri())
        page.screenshot(path=target)
        browser.close()
    # Text and bars need few colours, and 128 colours make the file a third as large.
    Image.open(target).convert("RGB").quantize(128).save(target, optimize=True)
    print(f"{target}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
