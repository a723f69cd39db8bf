"""What leaves the hub: a set of authorised objects as content-addressed bytes, and the places where such bytes are kept.

In the way of the data this stands between dispatch on the hub and fetch on the agent: `codec` turns manifests into a
payload and its digest and back, `store` keeps payloads by digest. Payloads never enter etcd; a Work names the digest.
"""
