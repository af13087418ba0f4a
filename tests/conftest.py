"""What several test files share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.wire import Answer, Body, Wire


@pytest.fixture
def wire(endpoint: Callable[[Body], Answer]) -> Iterator[Wire]:
    """A local endpoint that answers as the file's own `endpoint` says."""
    with Wire(endpoint) as running:
        yield running
