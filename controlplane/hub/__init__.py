"""The hub: one module per step of the way of the data, each a level-based reconciler over the same World."""
