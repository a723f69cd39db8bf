"""Everything that a laptop or a CI machine needs around the product: real API servers, a Git server, and how to run it all."""

__all__: list[str] = []
