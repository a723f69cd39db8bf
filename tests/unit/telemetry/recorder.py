"""A tracer for tests that keeps what it is given."""

from controlplane.telemetry.span import Place, Span

__all__ = ["Recorder"]


class Recorder:
    """samples: what the sampler answers to every trace."""

    def __init__(self, *, on: bool = True, samples: bool = True) -> None:
        self.on = on
        self.spans: list[Span] = []
        self._samples = samples

    def sampled(self, root: Place) -> bool:
        return self._samples

    def record(self, span: Span) -> None:
        self.spans.append(span)

    async def close(self) -> None: ...

    @property
    def names(self) -> list[str]:
        """The names of the spans, in the order in which they were told."""
        return [span.name for span in self.spans]
