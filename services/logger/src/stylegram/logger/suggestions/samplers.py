"""Ways to choose the next try, by name: Optuna's, and one of our own."""

from enum import StrEnum

from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler

from stylegram.common.errors import ConfigurationError

# As many as a person tries in an evening: Optuna's own fifty would be a study's whole budget.
POPULATION = 12
"""Tries in a generation of `nsga`."""
GENERATION = "NSGAIISampler:generation"
"""Where `nsga` looks for the generation that a try belongs to: without one it never breeds, but draws at random."""
_STARTUP_TRIALS = 8


class SamplerName(StrEnum):
    """How the next try is chosen."""

    TRANSFER = "transfer"
    RANDOM = "random"
    TPE = "tpe"
    NSGA = "nsga"
    GP = "gp"


def sampler_of(name: SamplerName, seed: int) -> BaseSampler:
    """Optuna's sampler of that name.

    Args:
        name: any but `transfer`, which is ours: see `model`. `random` draws each hyperparameter on its own, `tpe`
            prefers where good tries are dense (Bergstra et al. 2011; for several errors Ozaki et al. 2020), `nsga`
            breeds them (NSGA-II, Deb et al. 2002), `gp` models the errors by Gaussian processes.
        seed: of its draws.

    Raises:
        ConfigurationError: `gp` is wanted where torch and scipy are not installed.
    """
    match name:
        case SamplerName.RANDOM:
            return RandomSampler(seed=seed)
        case SamplerName.TPE:
            # With what is still being tried counted as bad, so that workers do not all try the same.
            return TPESampler(multivariate=True, constant_liar=True, n_startup_trials=_STARTUP_TRIALS, seed=seed)
        case SamplerName.NSGA:
            return NSGAIISampler(population_size=POPULATION, seed=seed)
        case SamplerName.GP:
            try:
                import scipy  # noqa: F401
                import torch  # noqa: F401
            except ImportError:
                raise ConfigurationError(
                    "The sampler gp needs torch and scipy, which are not installed here.",
                    advice="Choose tpe, or ask where they are: a laptop has them.",
                ) from None
            from optuna.samplers import GPSampler

            return GPSampler(n_startup_trials=_STARTUP_TRIALS, seed=seed)
        case SamplerName.TRANSFER:
            raise ValueError("transfer is none of Optuna's samplers")
