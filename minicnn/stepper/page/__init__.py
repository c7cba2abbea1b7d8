"""A run as one HTML file that needs no network: `save_page`.

`build` makes the file's text, `save_page` writes it. The page's own parts lie beside this file:
`template.html`, the styles in `css/`, the scripts in `js/` (in the order of `build.SCRIPTS`), and
what it says, in English and Chinese, in `texts/`.
"""

from minicnn.stepper.page.build import BUDGET, build, save_page
