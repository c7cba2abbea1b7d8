"""What a network is made of and what it costs: `summary`.

`run` watches one forward pass; `field` and the `rules` (of `windows` and `entries`) follow the
receptive field through it, `cost` counts multiplications; `report` holds the result, which `rows`
puts together and `table` shows.
"""

from minicnn.summary.report import Counts, ReceptiveField, Row, Summary
from minicnn.summary.run import summary
