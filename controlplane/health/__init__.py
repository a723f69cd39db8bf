"""Is a live object well? One object in, one Health out: no I/O but the reading of our own rules, and nothing raises.

In the way of the data this stands behind the agent's watch: `assess.assess` judges what the watch saw, the agent reports
the worst. Built-in kinds are judged by code, one file per group of kinds; well-known custom kinds by data, one file per API
group in rules/; other kinds by the conditions that kstatus standardises, or by CEL expressions that an Application brings.
"""
