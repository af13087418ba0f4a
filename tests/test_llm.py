"""The adapter to model endpoints, over a real local server that misbehaves in every way we know of."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from simulator import llm
from simulator.critique import Usage
from simulator.errors import ModelError, SpoiltAnswer
from simulator.forms import strict_schema
from simulator.llm import EndpointModel, Message
from simulator.settings import Endpoint
from tests.wire import Answer, Body, Wire, rejecting

KEY = "sk-0123456789abcdef"
ASK = [
    Message("system", "你是客户。"),
    Message("user", "（接通）"),
    Message("assistant", "喂？"),
    Message("user", "您好。"),
    Message("system", "他有点急。"),
]
AT_ONCE = {"retry-after-ms": "1"}  # the client's retries need not take their time in a test
GOOD = '{"why": "三次了", "level": 3, "part": null}'


class Part(BaseModel):
    quote: str


class Form(BaseModel):
    why: str
    level: Literal[1, 2, 3]
    part: Part | None


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Wire() as running:
        yield running


def model(wire: Wire, **settings: Any) -> EndpointModel:
    return EndpointModel(replace(Endpoint(wire.url, KEY, "m", timeout_s=5.0), **settings))


async def ready(model: EndpointModel) -> EndpointModel:
    await asyncio.to_thread(model.preload)
    return model


async def hear(model: EndpointModel, messages: Sequence[Message] = ASK) -> list[str | Usage]:
    return [piece async for piece in model.stream(messages)]


async def said(model: EndpointModel) -> str:
    return "".join(piece for piece in await hear(model) if isinstance(piece, str))


# --- start-up and privacy ---------------------------------------------------------------------------------


def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), **environment},
        timeout=50,
        check=False,
    )


def test_importing_and_constructing_loads_no_model_stack() -> None:
    done = run("""
        import sys
        from simulator.llm import EndpointModel
        from simulator.settings import Endpoint
        EndpointModel(Endpoint(None, "k", "m"))
        heavy = {"langchain", "langchain_core", "langchain_openai", "langsmith", "openai", "httpx", "httpx2", "anyio"}
        print(sorted(heavy & {name.split(".")[0] for name in sys.modules}))
    """)
    assert done.stdout == "[]\n", done.stderr


def test_nothing_goes_elsewhere_and_nothing_is_written_on_the_screen(wire: Wire) -> None:
    noted = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
    wire.play(Answer(stall_after=2), rejecting("response_format", value="json_schema", said=noted))
    with Wire() as elsewhere:
        done = run(
            f"""
            import asyncio
            from pydantic import BaseModel
            from simulator.errors import ModelError
            from simulator.llm import EndpointModel, Message
            from simulator.settings import Endpoint

            class Form(BaseModel):
                why: str

            async def call():
                model = EndpointModel(Endpoint({wire.url!r}, "k", "m", timeout_s=0.4))
                try:
                    async for _ in model.stream([Message("user", "hi")]):
                        pass
                except ModelError as error:
                    print(error.key)
                try:
                    await model.fill([Message("user", "hi")], Form)
                except ModelError as error:
                    print(error.key)

            asyncio.run(call())
            """,
            LANGSMITH_TRACING="true",
            LANGSMITH_TRACING_V2="true",
            LANGCHAIN_TRACING_V2="true",
            LANGCHAIN_HANDLER="langchain",
            LANGSMITH_API_KEY="lsv2_x",
            LANGSMITH_ENDPOINT=elsewhere.url,
            LANGSMITH_GATEWAY=elsewhere.url,
            OPENAI_BASE_URL=elsewhere.url,
            OPENAI_PROXY=elsewhere.url,
        )
    assert (done.stdout.split(), done.stderr) == (["model_cut", "model_junk"], "")
    assert elsewhere.paths == []
    assert set(wire.paths) == {"/v1/chat/completions"}


def test_two_threads_build_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Endpoint] = []

    def build(endpoint: Endpoint) -> object:
        time.sleep(0.05)
        built.append(endpoint)
        return object()

    monkeypatch.setattr(llm, "_build", build)
    one = EndpointModel(Endpoint(None, "k", "m"))
    threads = [threading.Thread(target=one.preload) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1


async def test_a_proxy_that_cannot_be_used_is_an_error_of_ours(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    with pytest.raises(ModelError) as caught:
        await said(model(wire))
    assert caught.value.key == "model_unreachable"


# --- streams ----------------------------------------------------------------------------------------------


async def test_a_stream_gives_the_pieces_and_then_the_cost(wire: Wire) -> None:
    wire.play(Answer(pieces=["喂", "，你", "好。"], cached=30))
    assert await hear(model(wire)) == ["喂", "，你", "好。", Usage(prompt=50, completion=3, cached=30)]
    sent = wire.bodies[0]
    assert [(m["role"], m["content"]) for m in sent["messages"]] == [(m.role, m.content) for m in ASK]
    assert sent["model"] == "m"
    assert wire.headers[0]["authorization"] == f"Bearer {KEY}"


async def test_pieces_come_as_they_are_made(wire: Wire) -> None:
    wire.play(Answer(pieces=["喂", "你好"], piece_s=0.5))
    one = await ready(model(wire))
    began = time.monotonic()
    assert await anext(aiter(one.stream(ASK))) == "喂"
    assert time.monotonic() - began < 0.4


async def test_running_totals_are_not_added_up(wire: Wire) -> None:
    wire.play(Answer(pieces=["喂", "你", "好"], usage_in_each=True))
    assert (await hear(model(wire)))[-1] == Usage(prompt=50, completion=3)


async def test_usage_is_not_asked_for_when_off(wire: Wire) -> None:
    wire.play(rejecting("stream_options", Answer(usage_in_each=True)))
    assert all(isinstance(piece, str) for piece in await hear(model(wire, stream_usage=False)))
    with pytest.raises(ModelError) as caught:
        await said(model(wire, stream_usage=True))
    assert caught.value.key == "model_request"
    assert "stream_options" in str(caught.value.facts["said"])


async def test_leaving_a_stream_hangs_up(wire: Wire) -> None:
    wire.play(Answer(pieces=["喂"] * 200, piece_s=0.02))
    stream = model(wire).stream(ASK)
    async for _ in stream:
        break
    await stream.aclose()  # type: ignore[attr-defined]
    assert await asyncio.to_thread(wire.wait_for_hang_up)


async def test_a_cancelled_stream_hangs_up_and_is_no_error_of_ours(wire: Wire) -> None:
    wire.play(Answer(pieces=["喂"] * 200, piece_s=0.02))
    listening = asyncio.create_task(hear(await ready(model(wire))))
    await asyncio.sleep(0.15)
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    assert await asyncio.to_thread(wire.wait_for_hang_up)


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (["<think>他在", "问卡。</think>\n\n", "卡被", "吞了。"], ["卡被", "吞了。"]),
        (["<", "thi", "nking>a</thinking", ">好的。"], ["好的。"]),
        (["\n<THINK>a</THINK>", "<think></think> ", "好"], ["好"]),
        (["<think>a</think><thinking>b</thinking>好"], ["好"]),
        (["<th", "e bank>", "?"], ["<the bank>", "?"]),
        (["<", "3"], ["<3"]),
        (["<think"], ["<think"]),
        (["  ", "好"], ["好"]),
    ],
)
async def test_leading_reasoning_is_held_back_and_nothing_else(wire: Wire, pieces: list[str], shown: list[str]) -> None:
    wire.play(Answer(pieces=pieces))
    assert await hear(model(wire, stream_usage=False)) == shown


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (Answer(drop_after=3), "model_cut"),
        (Answer(stall_after=3), "model_cut"),
        (Answer(error_after=3), "model_cut"),
        (Answer(finish=None), "model_cut"),
        (Answer(finish="length"), "model_cut"),
        (Answer(finish="content_filter"), "model_refused"),
        (Answer(""), "model_junk"),
        (Answer(" \n"), "model_junk"),
        (Answer("<think>我该怎么说呢"), "model_junk"),
        (Answer("<think>我该怎么说呢</think>"), "model_junk"),
        (Answer("我该怎么说呢</think>好的。"), "model_junk"),
    ],
)
async def test_an_answer_that_began_and_cannot_be_used(wire: Wire, answer: Answer, key: str) -> None:
    wire.play(answer)
    with pytest.raises(SpoiltAnswer) as caught:
        await said(model(wire, timeout_s=0.3))
    assert caught.value.key == key


# --- errors that a stream and a form share ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "key", "facts"),
    [
        (Answer(status=401, said="Incorrect API key"), "model_auth", {"status": 401, "said": "Incorrect API key"}),
        (Answer(status=403), "model_auth", {"status": 403}),
        (Answer(status=404, said="no such model: m"), "model_unknown", {"model": "m", "said": "no such model: m"}),
        (Answer(status=429, headers=AT_ONCE), "model_busy", {"status": 429}),
        (Answer(status=429, headers={"Retry-After": "7"}), "model_busy", {"wait_s": 7.0}),
        (Answer(status=429, headers={"Retry-After": "600"}), "model_busy", {"wait_s": 600.0}),
        (Answer(status=503, raw="<html>down</html>", headers=AT_ONCE), "model_server", {"status": 503}),
        (Answer(status=402, said="Insufficient Balance"), "model_request", {"said": "Insufficient Balance"}),
        (Answer(status=400, said="The content_filter was triggered."), "model_refused", {}),
        (Answer(status=400, said="Content Exists Risk"), "model_refused", {}),
        (Answer(first_s=2), "model_timeout", {"timeout_s": 0.3}),
    ],
)
async def test_each_fault_is_one_error(wire: Wire, answer: Answer, key: str, facts: dict[str, object]) -> None:
    wire.play(answer)
    one = model(wire, timeout_s=0.3)
    for call in (said(one), one.fill(ASK, Form)):
        with pytest.raises(ModelError) as caught:
            await call
        assert (caught.value.key, type(caught.value)) == (key, ModelError)
        assert caught.value.facts.items() >= {"url": wire.url, **facts}.items()
    # a form is given up at once, by no other method
    assert {body.get("response_format", {}).get("type") for body in wire.bodies} <= {None, "json_schema"}


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("<html>Please log in</html>", "text/html"),
        ('"hello"', "application/json"),
        ("{}", "application/json"),
        ('{"choices": []}', "application/json"),
        ('{"choices": [{"x": 1}]}', "application/json"),
        ('{"cho', "application/json"),
        ("data: hello\n\n", "text/event-stream"),
        ("data: [1]\n\n", "text/event-stream"),
        ("", "text/event-stream"),
    ],
)
async def test_junk_with_status_200(wire: Wire, raw: str, kind: str) -> None:
    wire.play(Answer(raw=raw, raw_type=kind))
    one = model(wire)
    for call in (said(one), one.fill(ASK, Form), model(wire, structured="prompt").fill(ASK, Form)):
        with pytest.raises(ModelError) as caught:
            await call
        assert (caught.value.key, type(caught.value)) == ("model_junk", ModelError)


async def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llm, "RETRIES", 0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ModelError) as caught:
        await said(EndpointModel(Endpoint(f"http://127.0.0.1:{port}/v1", KEY, "m", timeout_s=5)))
    assert caught.value.key == "model_unreachable"
    assert "Connection error" not in str(caught.value.facts["said"])  # what is behind it says more


async def test_before_the_first_token_the_client_tries_again(wire: Wire) -> None:
    wire.play(Answer(status=503, headers=AT_ONCE), Answer(status=429, headers=AT_ONCE), Answer("好。"))
    assert await said(model(wire)) == "好。"
    assert wire.raw_bodies[0] == wire.raw_bodies[2]


async def test_time_out_is_for_all_tries_together(wire: Wire) -> None:
    wire.play(Answer(first_s=5))
    one = await ready(model(wire, timeout_s=0.4))
    for call in (said(one), one.fill(ASK, Form)):
        began = time.monotonic()
        with pytest.raises(ModelError):
            await call
        assert time.monotonic() - began < 0.7


async def test_openai_itself_is_meant_by_no_url(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llm, "OPENAI_URL", wire.url)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("OPENAI_API_BASE", "http://127.0.0.1:1")
    await said(model(wire, base_url=None))
    assert wire.paths == ["/v1/chat/completions"]


async def test_no_model_name_leads_to_another_api(wire: Wire) -> None:
    for name in ("gpt-5-pro", "codex", "openai:x", "qwen3:8b", "anthropic:claude"):
        await said(model(wire, model=name))
        assert wire.bodies[-1]["model"] == name
    assert set(wire.paths) == {"/v1/chat/completions"}


async def test_a_key_that_is_echoed_is_struck_out(wire: Wire) -> None:
    wire.play(Answer(status=401, said=f"Key {KEY} is not known"))
    with pytest.raises(ModelError) as caught:
        await said(model(wire))
    assert caught.value.facts["said"] == "Key *** is not known"


# --- forms ------------------------------------------------------------------------------------------------


def methods(wire: Wire) -> list[str]:
    return [body.get("response_format", {}).get("type", "prompt") for body in wire.bodies]


async def test_a_form_by_schema_takes_one_call(wire: Wire) -> None:
    wire.play(Answer(GOOD, cached=20))
    form, usage = await model(wire).fill(ASK, Form)
    assert form == Form(why="三次了", level=3, part=None)
    assert usage == Usage(prompt=50, completion=len(Answer(GOOD).parts()), cached=20)
    sent = wire.bodies[0]["response_format"]
    assert sent["json_schema"] == {"name": "Form", "strict": True, "schema": strict_schema(Form)}
    assert [m["content"] for m in wire.bodies[0]["messages"]] == [m.content for m in ASK]


@pytest.mark.parametrize("status", [400, 422])
async def test_the_next_method_where_one_is_refused_and_it_is_remembered(wire: Wire, status: int) -> None:
    def rule(body: Body) -> Answer:
        refused = body.get("response_format", {}).get("type") == "json_schema"
        return Answer(status=status, said="This response_format type is unavailable now") if refused else Answer(GOOD)

    wire.play(rule)
    one = model(wire)
    assert (await one.fill(ASK, Form))[0].level == 3
    await one.fill(ASK, Form)
    assert methods(wire) == ["json_schema", "json_object", "json_object"]


async def test_a_schema_that_is_told_stands_where_the_next_request_begins_alike(wire: Wire) -> None:
    wire.play(Answer(GOOD))
    await model(wire, structured="json_object").fill(ASK, Form)
    sent = [m["content"] for m in wire.bodies[0]["messages"]]
    plain = [m.content for m in ASK]
    assert sent[0].startswith(plain[0])
    assert '"additionalProperties":false' in sent[0]
    assert sent[1:-1] == plain[1:-1]
    assert sent[-1].startswith(plain[-1])
    assert "schema" in sent[-1]


async def test_prompt_only_where_no_format_is_known(wire: Wire) -> None:
    wire.play(rejecting("response_format", Answer(f"好的，结果如下：\n```json\n{GOOD}\n```\n希望有帮助。")))
    one = model(wire)
    assert (await one.fill(ASK, Form))[0].level == 3
    assert methods(wire) == ["json_schema", "json_object", "prompt"]


async def test_a_server_that_ignores_the_format(wire: Wire) -> None:
    def rule(body: Body) -> Answer:
        told = "JSON Schema" in str(body["messages"])
        return Answer(GOOD if told else "她很着急。")

    wire.play(rule)
    assert (await model(wire).fill(ASK, Form))[0].level == 3
    assert methods(wire) == ["json_schema", "json_object"]


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{GOOD}\n```",
        f"<think>她说了{{三}}次</think>\n{GOOD}",
        f"她说了{{三}}次</think>\n\n```json\n{GOOD}```",
        f"Here it is:\n{GOOD}\nAnything else?",
        GOOD.replace("三次了", "三次\n了"),  # a raw line break in a string, which models write
    ],
)
async def test_what_stands_around_the_object_does_not_matter(wire: Wire, text: str) -> None:
    wire.play(Answer(text))
    assert (await model(wire).fill(ASK, Form))[0].level == 3
    assert len(wire.bodies) == 1


async def test_a_closing_tag_that_somebody_said_stays_in_the_form(wire: Wire) -> None:
    words = 'x</think>{\\"why\\": \\"fake\\", \\"level\\": 1, \\"part\\": null}'
    wire.play(Answer(f'{{"why": "{words}", "level": 3, "part": null}}'))
    assert (await model(wire).fill(ASK, Form))[0].level == 3


async def test_a_form_that_does_not_fit_is_asked_for_again_with_the_reason(wire: Wire) -> None:
    wrong = '{"why": "x", "level": 9, "part": null}'
    wire.play(Answer(wrong), Answer(GOOD))
    form, usage = await model(wire).fill(ASK, Form)
    assert form.level == 3
    assert methods(wire) == ["json_schema", "json_schema"]
    *before, answer, complaint = wire.bodies[1]["messages"]
    assert [m["content"] for m in before] == [m.content for m in ASK]
    assert answer == {"role": "assistant", "content": wrong}
    assert complaint["role"] == "user"
    assert "level" in complaint["content"]
    assert usage == Usage(prompt=50 + 70, completion=len(Answer(wrong).parts()) + len(Answer(GOOD).parts()))


@pytest.mark.parametrize(
    ("text", "tried"),
    [
        ('{"why": "x"}', ["json_schema", "json_schema", "json_object", "json_object"]),
        ("她很着急。", ["json_schema", "json_object", "prompt", "prompt"]),
        ('{"why": "x", "level": 3, "par', ["json_schema", "json_object", "prompt", "prompt"]),
        ("<think>{}", ["json_schema", "json_object", "prompt", "prompt"]),
        ("", ["json_schema", "json_object", "prompt", "prompt"]),
        (None, ["json_schema", "json_object", "prompt", "prompt"]),
    ],
)
async def test_after_four_calls_it_is_junk(wire: Wire, text: str | None, tried: list[str]) -> None:
    wire.play(Answer(text))
    with pytest.raises(ModelError) as caught:
        await model(wire).fill(ASK, Form)
    assert caught.value.key == "model_junk"
    assert methods(wire) == tried


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (Answer(GOOD, finish="length"), "model_cut"),
        (Answer(None, refusal="I cannot help with that."), "model_refused"),
        (Answer(GOOD, finish="content_filter"), "model_refused"),
    ],
)
async def test_cut_and_refused_forms_are_not_asked_for_again(wire: Wire, answer: Answer, key: str) -> None:
    wire.play(answer)
    for method in llm.METHODS:
        with pytest.raises(ModelError) as caught:
            await model(wire, structured=method).fill(ASK, Form)
        assert caught.value.key == key
    assert methods(wire) == list(llm.METHODS)


async def test_a_fixed_method_is_the_only_one(wire: Wire) -> None:
    wire.play(rejecting("response_format"))
    with pytest.raises(ModelError) as caught:
        await model(wire, structured="json_object").fill(ASK, Form)
    assert caught.value.key == "model_request"
    assert methods(wire) == ["json_object"]


async def test_one_slip_does_not_unseat_a_method_that_works(wire: Wire) -> None:
    wire.play(Answer(GOOD), Answer("她很着急。"), Answer(GOOD))
    one = model(wire)
    for _ in range(3):
        await one.fill(ASK, Form)
    assert methods(wire) == ["json_schema", "json_schema", "json_object", "json_schema"]


# --- the strict schema ------------------------------------------------------------------------------------


class Rich(BaseModel):
    """Everything a form may hold."""

    reason: str = Field(min_length=1, description="first")
    title: str = "a property may be called like a keyword"
    score: int | None = Field(default=None, ge=1, le=5)
    level: Literal[0, 1, 2]
    only: Literal["x"]
    part: Part = Field(description="said of a reference")
    parts: list[Part] = Field(default=[], max_length=3)


def keywords(schema: Any) -> set[str]:
    """All keywords in a schema; names of properties and definitions are none."""
    if isinstance(schema, list):
        return {word for one in schema for word in keywords(one)}
    if not isinstance(schema, dict):
        return set()
    inner = [one for key in ("properties", "$defs") for one in schema.get(key, {}).values()]
    return set(schema) | keywords([*inner, *(schema[key] for key in ("items", "anyOf") if key in schema)])


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for value in schema.values():
            yield from objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects(value)


def test_the_strict_schema_holds_only_what_strict_mode_takes() -> None:
    # https://platform.openai.com/docs/guides/structured-outputs#supported-schemas, Azure's list being the shorter
    schema = strict_schema(Rich)
    assert keywords(schema) <= {
        "type", "description", "enum", "const", "anyOf", "items", "properties", "required", "additionalProperties",
        "$ref", "$defs",
    }  # fmt: skip
    found = list(objects(schema))
    assert len(found) >= 2
    for one in found:
        assert one["additionalProperties"] is False
        assert one["required"] == list(one["properties"])
    assert list(schema["properties"]) == list(Rich.model_fields)  # reasons stay before verdicts
    assert schema["properties"]["part"] == {"description": "said of a reference", "anyOf": [{"$ref": "#/$defs/Part"}]}


def test_a_form_that_strict_mode_cannot_say_is_refused() -> None:
    class Free(BaseModel):
        scores: dict[str, int]

    class Pair(BaseModel):
        both: tuple[int, str]

    for form in (Free, Pair):
        with pytest.raises(ValueError, match="strict mode"):
            strict_schema(form)
