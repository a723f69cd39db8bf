"""The only place that says yes or no: rules from Tenants and from files, decided by Casbin, passed through one gate.

On the way of the data it stands between render and everything that leaves the hub: gate.authorise() turns a rendered
delivery into a Permit, and every writer demands one. Below it: policy (the snapshot of rules), compile (Tenant -> rules),
rules (files -> rules), enforcer (Casbin), decisions (the cache), match (globs and URLs), explain (what would allow it).
"""
