"""Talking to one API server: requests, watches, errors, queues of keys. Everything above knows Kubernetes only through here.

Nothing is imported by the package itself, so that whoever needs only a name from it does not pay for an HTTP client.
"""
