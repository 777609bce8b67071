"""The style transfer engine: a library that knows nothing of queues, storage or HTTP.

>>> from stylegram.stylizer.engine import Hyperparameters, stylize
>>> result = stylize(photograph, painting, Hyperparameters(size=512))  # doctest: +SKIP
"""

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.stylizer.engine.stylize import Result, Step, stylize

__all__ = ["Hyperparameters", "Result", "Step", "stylize"]
