"""What authors run on a worker machine: baselines, findings, calibration, the demo."""
