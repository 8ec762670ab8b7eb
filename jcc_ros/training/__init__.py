"""From labelled images to model files: representation, rate, calibration."""
