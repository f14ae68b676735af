"""Objects of a mesh from and to weights: one file per mesh."""
