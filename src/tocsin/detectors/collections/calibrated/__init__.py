"""The calibrated mode: shape, volume and dispersion, each against the entity's own past and its peers."""
