"""controlplane: a multi-tenant, multi-cluster GitOps control plane."""

__version__ = "0.1.0"
