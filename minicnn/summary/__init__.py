"""What a network is made of and what it costs: `summary`.

`run` watches one forward pass; `field` and `rules` follow the receptive field through it, `cost`
counts multiplications; `report` holds the result, `table` shows it.
"""

from minicnn.summary.report import Counts, ReceptiveField, Row, Summary
from minicnn.summary.run import summary
