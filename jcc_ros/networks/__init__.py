"""The two halves as torch modules, their pre-processing, and the files they travel in."""
