"""Commands that authors run on a machine with the worker's packages: baselines, findings, calibration, the demo."""
