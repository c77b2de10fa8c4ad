"""``python -m generated`` writes all generated files of the chart and of deploy/."""

from generated.files import write

write()
