"""What the programs tell of themselves: traces, metrics and log lines. Every step of the way may use it; it knows none of them.

Everything here may be left out of a reconcile without changing what it does, and nothing here waits for a network.
"""
