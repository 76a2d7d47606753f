"""The search and the fitter as a scikit-learn estimator, and cross-validation by scale; needs the extra `sklearn`.

from discover.sklearn import ScaleSplit, ScalingLawRegressor
"""

from __future__ import annotations

try:
    import sklearn  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "discover.sklearn needs scikit-learn: pip install 'scaling-discover[sklearn]'", name=error.name
    ) from error

from discover.sklearn.regressor import ScalingLawRegressor
from discover.sklearn.splitter import ScaleSplit

__all__ = ["ScaleSplit", "ScalingLawRegressor"]
