"""Is a live object well? One object in, one Health out: no I/O, no memory, no clock but the one that is handed in.

In the way of the data this stands behind the agent's watch: `assess.assess` judges what the watch saw, the agent reports
the worst. The rules are those of kstatus, one file per group of kinds, in a table that further rules can join.
"""
