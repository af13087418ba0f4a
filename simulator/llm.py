"""The only module that knows model providers: streamed text and filled forms from any OpenAI-compatible endpoint.

Nothing of langchain or openai is imported before it is needed (2-4 s); `EndpointModel.preload` does that in a
background thread. Nothing is sent to anybody but the endpoint, whatever the user's environment says.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
import math
import os
import re
import threading
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, cast

from pydantic import BaseModel, ValidationError

from simulator.critique import Usage
from simulator.errors import ModelError, SpoiltAnswer
from simulator.forms import THINKING_TAG, Lead, complaint, json_object, strict_schema, without_thinking
from simulator.settings import Endpoint

if TYPE_CHECKING:
    import ssl

    import httpx2
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessageChunk
    from langchain_core.messages.ai import UsageMetadata

OPENAI_URL = "https://api.openai.com/v1"
RETRIES = 2
"""How often the client itself tries again before the first token: 429, 5xx, connection lost."""
CALLS_PER_FORM = 4
"""Most calls that `EndpointModel.fill` makes for one form."""
KEEP_OPEN_S = 60.0
"""How long an idle connection is kept. The libraries' 5 s would cost a new TLS handshake in every typed turn."""

KEY_LENGTH = 12
"""From this length on, an API key is taken for a real one and struck out of what endpoints say."""

Method = Literal["json_schema", "json_object", "prompt"]
METHODS: tuple[Method, ...] = ("json_schema", "json_object", "prompt")
"""Ways to ask for an answer of a fixed form, best first."""

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True)
class Message:
    """One message of a request."""

    role: Literal["system", "user", "assistant"]
    content: str


def tokens(text: str) -> int:
    """About how many tokens a text is, rather more than less: one for each Chinese character, one for 3.5 others.

    (The golden prompts in the o200k_base vocabulary: 0.87 of that count in Chinese, 0.83 in English; in the older
    cl100k_base 1.18 and 0.85.)
    """
    wide = sum(ch >= "\u2e80" for ch in text)
    return wide + math.ceil((len(text) - wide) / 3.5)


class Model(Protocol):
    """What the chains need of a language model."""

    @property
    def name(self) -> str:
        """The model's name, for the record."""
        ...

    def stream(self, messages: Sequence[Message]) -> AsyncIterator[str | Usage]:
        """The answer's text, piece by piece as it comes; then at most one `Usage`.

        Raises:
            ModelError: no answer came. `SpoiltAnswer`: it began, and what came so far must be thrown away.

        """
        ...

    async def fill(self, messages: Sequence[Message], form: type[T]) -> tuple[T, Usage]:
        """The answer as a filled form, and what all calls for it cost (zeros where the endpoint does not say).

        Raises:
            ModelError: no answer that fits the form could be had.
            ValueError: the form cannot be put as a strict schema (see `strict_schema`).

        """
        ...


class EndpointModel:
    """A model behind an OpenAI-compatible endpoint. Use one instance within one event loop.

    Every `ModelError` it raises holds the facts ``model``, ``url``, ``timeout_s`` and ``said`` (the endpoint's own
    words, maybe empty), ``status`` if there was an HTTP status, and ``wait_s`` if the endpoint named a time to wait.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._chat: BaseChatModel | None = None
        self._methods = METHODS if endpoint.structured == "auto" else (endpoint.structured,)
        self._settled = False  # one of the methods has worked

    @property
    def name(self) -> str:
        """See `Model.name`."""
        return self._endpoint.model

    def preload(self) -> None:
        """Import the model stack and build the client. For a thread without an event loop; may be called again.

        Raises:
            ModelError: the client cannot be built, for instance for a proxy that is not supported.

        """
        with _BUILDING:
            if self._chat is None:
                try:
                    self._chat = _build(self._endpoint)
                except (ValueError, ImportError) as error:
                    raise self._error("model_unreachable", said=str(error)) from error

    async def stream(self, messages: Sequence[Message]) -> AsyncIterator[str | Usage]:
        """See `Model.stream`. The first token is waited for ``timeout_s`` in all, each further one as long again."""
        chat = await self._ready()
        lead = Lead()
        text, finish, usage = "", None, None
        # As `messages`, the client would walk through every message and field again (measured: 9 ms for a call of
        # 20 turns, all of it before the request goes out); as part of the body they are sent as they are.
        body = {"messages": [{"role": message.role, "content": message.content} for message in messages]}
        chunks = cast("AsyncGenerator[AIMessageChunk]", chat.astream(_plain(messages[:1]), extra_body=body))
        async with contextlib.aclosing(chunks):
            begun = False
            while chunk := await self._next(chunks, begun):
                begun = True
                finish = chunk.response_metadata.get("finish_reason") or finish
                usage = chunk.usage_metadata or usage  # the last: servers that send it with every chunk send totals
                if piece := lead.pass_on(str(chunk.text)):
                    text += piece
                    self._check_no_thinking(text)
                    yield piece
        if finish is None or finish == "length":
            raise self._spoilt("model_cut")
        if finish == "content_filter":
            raise self._spoilt("model_refused")
        rest = lead.rest()
        self._check_no_thinking(rest)
        if not (text + rest).strip():
            raise self._spoilt("model_junk")
        if rest:
            yield rest
        if usage and self._endpoint.stream_usage:
            yield _usage(usage)

    async def fill(self, messages: Sequence[Message], form: type[T]) -> tuple[T, Usage]:
        """See `Model.fill`.

        Methods that do not work are left for the next one; the first that works is where later calls begin.
        Makes at most `CALLS_PER_FORM` calls, each waited for ``timeout_s``.
        """
        usage, calls, failed = Usage(), 0, self._error("model_junk")
        for method in self._methods:
            request = list(messages) if method == "json_schema" else with_schema(messages, form)
            for _ in range(min(2, CALLS_PER_FORM - calls)):
                calls += 1
                try:
                    text, cost = await self._ask(request, form, method)
                except ModelError as error:
                    failed = error
                    if error.facts.get("status") in (400, 422) and error.key == "model_request":
                        break  # the endpoint may not know this method
                    raise
                usage += cost
                try:
                    answer = form.model_validate(json_object(text))
                except ValueError as error:
                    why = complaint(error)
                    failed = self._error("model_junk", said=why)
                    if not isinstance(error, ValidationError) and method != self._methods[-1]:
                        break  # no JSON at all: asking the same way again is of no use
                    request += [Message("assistant", text or "…"), Message("user", _AGAIN.format(why=why))]
                else:
                    self._settle(method)
                    return answer, usage
        raise failed

    async def _ready(self) -> BaseChatModel:
        if self._chat is None:
            await asyncio.to_thread(self.preload)
        assert self._chat is not None
        return self._chat

    async def _next(self, chunks: AsyncIterator[AIMessageChunk], begun: bool) -> AIMessageChunk | None:
        """The next chunk, None at the end. Waiting for the first one includes the client's own retries."""
        try:
            async with asyncio.timeout(self._endpoint.timeout_s):
                return await anext(chunks, None)
        except _failures() as error:
            if begun:
                raise self._spoilt("model_cut", said=str(error)) from error
            raise self._explained(error) from error

    async def _ask(self, request: Sequence[Message], form: type[BaseModel], method: Method) -> tuple[str, Usage]:
        """One call for a form: the answer's text without reasoning, and its cost."""
        chat = await self._ready()
        how = _response_format(form, method)
        try:
            async with asyncio.timeout(self._endpoint.timeout_s):
                answer = await chat.ainvoke(_plain(request), **how)
        except _failures() as error:
            raise self._explained(error) from error
        finish, refusal = answer.response_metadata.get("finish_reason"), answer.additional_kwargs.get("refusal")
        if finish == "length":
            raise self._error("model_cut")
        if finish == "content_filter" or refusal:
            raise self._error("model_refused", said=str(refusal or ""))
        return without_thinking(str(answer.text)), _usage(answer.usage_metadata)

    def _check_no_thinking(self, text: str) -> None:
        """Reasoning may have no opening tag (it stood in the server's prompt template), or no closing one."""
        if THINKING_TAG.search(text):
            raise self._spoilt("model_junk")

    def _settle(self, method: Method) -> None:
        """Begin with this method from now on. Once one has worked, a later slip of it changes nothing."""
        if not self._settled:
            self._methods = self._methods[self._methods.index(method) :]
            self._settled = True

    def _facts(self, said: str = "", **more: object) -> dict[str, object]:
        key, url = self._endpoint.api_key, self._endpoint.base_url or OPENAI_URL
        said = said.replace(key, "***") if len(key) >= KEY_LENGTH else said  # a placeholder may be any word
        said = " ".join(said.split())[:300]
        return {"model": self.name, "url": url, "timeout_s": self._endpoint.timeout_s, "said": said, **more}

    def _error(self, key: str, **facts: Any) -> ModelError:
        return ModelError(key, **self._facts(**facts))

    def _spoilt(self, key: str, **facts: Any) -> SpoiltAnswer:
        return SpoiltAnswer(key, **self._facts(**facts))

    def _explained(self, error: BaseException) -> ModelError:
        """One of `_failures` as an error of ours."""
        import openai

        said = _said(error)
        if response := _response(error):
            more: dict[str, object] = {"status": response.status_code}
            if (wait_s := _seconds(response.headers.get("retry-after"))) is not None:
                more["wait_s"] = wait_s
            return self._error(_key(response.status_code, said), said=said, **more)
        match error:
            case openai.APITimeoutError() | TimeoutError():
                key = "model_timeout"
            case openai.APIConnectionError():
                key = "model_unreachable"
            case openai.LengthFinishReasonError():
                key = "model_cut"
            case openai.ContentFilterFinishReasonError():
                key = "model_refused"
            case openai.APIError():
                key = "model_server"
            case _:
                key = "model_junk"
        return self._error(key, said=said)


# --- the client ------------------------------------------------------------------------------------------

_BUILDING = threading.Lock()


def _build(endpoint: Endpoint) -> BaseChatModel:
    """The client. Everything that a library would take from the environment is said here instead."""
    for name in ("TRACING", "TRACING_V2", "GATEWAY"):  # before langsmith is imported: it remembers them
        os.environ[f"LANGSMITH_{name}"] = os.environ[f"LANGCHAIN_{name}"] = "false"
    os.environ.pop("LANGCHAIN_HANDLER", None)  # set to anything it is an error
    if endpoint.base_url:  # what is meant for OpenAI itself goes to no other server
        for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_CUSTOM_HEADERS"):
            os.environ.pop(name, None)
    import httpx2
    import openai
    from langchain.chat_models import init_chat_model

    logging.getLogger("langchain_openai").addHandler(logging.NullHandler())  # else it writes over the screen
    warnings.filterwarnings("ignore", module="langchain_openai")
    _warm_up()
    # A client of our own: langchain's is shared by the whole process and breaks in a second event loop.
    limits = httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=KEEP_OPEN_S)
    http = openai.DefaultAsyncHttpxClient(verify=_certificates(), limits=limits, timeout=endpoint.timeout_s)
    return init_chat_model(
        endpoint.model,
        model_provider="openai",
        base_url=endpoint.base_url or OPENAI_URL,
        api_key=endpoint.api_key,
        timeout=endpoint.timeout_s,
        max_retries=RETRIES,
        stream_usage=endpoint.stream_usage,
        stream_chunk_timeout=None,  # wait_for of Python 3.11 can swallow a cancellation; `_next` keeps the time
        use_responses_api=False,
        openai_proxy=None,
        http_async_client=http,
        http_client=httpx2.Client(transport=httpx2.MockTransport(_dot)),  # never used; a real one takes 25 ms to build
    )


@functools.cache
def _certificates() -> ssl.SSLContext:
    """The trusted certificates; reading them takes 30 ms, so they are shared."""
    import httpx2

    return httpx2.create_ssl_context()


@functools.cache
def _warm_up() -> None:
    """Stream one answer from nowhere: the first real call is then some 35 ms faster (imports, class building)."""
    import anyio.lowlevel
    import httpx2
    from langchain.chat_models import init_chat_model

    chat = init_chat_model(
        "none",
        model_provider="openai",
        base_url="http://nowhere.invalid",
        api_key="none",
        openai_proxy=None,
        http_async_client=httpx2.AsyncClient(transport=httpx2.MockTransport(_dot)),
    )

    async def listen() -> None:
        await anyio.lowlevel.checkpoint()  # its backend is imported on first use
        async for _ in chat.astream("."):
            pass

    asyncio.run(listen())


def _dot(request: httpx2.Request) -> httpx2.Response:  # noqa: ARG001 - called by the transport
    import httpx2

    chunk = {"choices": [{"index": 0, "delta": {"content": "."}, "finish_reason": "stop"}]}
    return httpx2.Response(200, text=f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n")


# --- errors ----------------------------------------------------------------------------------------------


def _failures() -> tuple[type[Exception], ...]:
    """All that the stack was seen to raise for what an endpoint does; the last four for junk with status 200."""
    import openai

    return (openai.OpenAIError, TimeoutError, ValueError, TypeError, LookupError, AttributeError)


def _response(error: BaseException | None) -> httpx2.Response | None:
    """The refusing HTTP answer behind an error, also when time ran out while the client waited to try again."""
    while error is not None:
        response = getattr(error, "response", None)
        if response is not None and response.status_code >= 400:
            return cast("httpx2.Response", response)
        error = error.__cause__ or error.__context__
    return None


def _said(error: BaseException) -> str:
    """The endpoint's own words about an error."""
    body = getattr(error, "body", None)
    if isinstance(body, dict) and body.get("message"):
        return str(body["message"])
    while error.__cause__ is not None:  # "Connection error." says less than what is behind it
        error = error.__cause__
    return str(error)


_FILTERED = re.compile(r"content.?(filter|policy|management)|data.?inspection|content exists risk", re.IGNORECASE)


def _key(status: int, said: str) -> str:
    """The key of the error for an HTTP status."""
    if status in (400, 422) and _FILTERED.search(said):
        return "model_refused"
    if status >= 500:
        return "model_server"
    keys = {401: "model_auth", 403: "model_auth", 404: "model_unknown", 408: "model_timeout", 429: "model_busy"}
    return keys.get(status, "model_request")


def _seconds(retry_after: str | None) -> float | None:
    """A Retry-After header in seconds; None for none or a date."""
    try:
        return float(retry_after or "")
    except ValueError:
        return None


# --- forms -----------------------------------------------------------------------------------------------

_TELL = "\n\nEvery answer is one JSON object that fits this JSON Schema, and nothing else:\n"
_REMIND = "\n\n(One JSON object that fits the schema, nothing else.)"
_AGAIN = "That does not fit ({why}). Answer again, with the complete corrected JSON object and nothing else."


def _response_format(form: type[BaseModel], method: Method) -> dict[str, Any]:
    """The arguments of a call that ask for the form by a method."""
    if method == "prompt":
        return {}
    if method == "json_object":
        return {"response_format": {"type": "json_object"}}
    schema = {"name": form.__name__, "strict": True, "schema": strict_schema(form)}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def with_schema(messages: Sequence[Message], form: type[BaseModel]) -> list[Message]:
    """The messages with the schema told in the first one, where the next request for the same form begins alike.

    The last one, which is nearest to the answer, reminds of it.
    """
    first, *rest = messages
    schema = json.dumps(strict_schema(form), ensure_ascii=False, separators=(",", ":"))
    told = [Message(first.role, first.content + _TELL + schema), *rest]
    told[-1] = Message(told[-1].role, told[-1].content + _REMIND)
    return told


def _plain(messages: Sequence[Message]) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in messages]


def _usage(counts: UsageMetadata | None) -> Usage:
    if not counts:
        return Usage()
    cached = counts.get("input_token_details", {}).get("cache_read", 0)
    return Usage(prompt=counts["input_tokens"], completion=counts["output_tokens"], cached=cached)
