"""The only place that says yes or no: rules from Tenants and from files, decided by Casbin, passed through one gate.

On the way of the data it stands between render and everything that leaves the hub: gate.authorise() turns a rendered
delivery into a Permit, and every writer demands one. Below it: policy (the snapshot of rules), compile (Tenant -> rules),
rules (lines -> rules), enforcer (Casbin), decisions (the cache), match (globs and URLs), explain (what would allow it).
Beside it: files and expectation (a folder of Git -> a set of rules, and its tests), people (what persons may do with the
hub's kinds), abilities (what a tenant can do, for people to read).
"""
