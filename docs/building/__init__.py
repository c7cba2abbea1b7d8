"""What the site needs beside Sphinx: formulas, source pages, links from equations to code, figures.

None of it is part of the library; `docs/conf.py` puts it in force.
"""
