"""The persona file: its schema (format 1), loading it with errors that name line and field, finding it.

The format is described in `docs/persona-format.md`. Two views of a persona exist on purpose: `Persona` is the
whole file and goes to the critic and the director; `Caller` holds the speaking fields alone, and is all that
a customer chain is ever given (see `Persona.caller`). So a prompt that writes the customer's words cannot
hold the hidden need unless the director hands it over.
"""

from __future__ import annotations

import datetime
import difflib
import re
import reprlib
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from simulator.errors import PersonaError, Problem, UsageError
from simulator.resources import folder

Channel = Literal["tone", "wording", "repetition", "silence", "surroundings"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
LADDER_STEPS = 5


def _printable(text: str) -> str:
    """Reject a text that is blank or holds control characters (they could reach a terminal)."""
    if not text.strip():
        raise PydanticCustomError("blank_text", "text must not be blank")
    bad = {"Cc", "Cf", "Cs"}
    if not text.isprintable() and any(unicodedata.category(ch) in bad and ch != "\n" for ch in text):
        raise PydanticCustomError("control_character", "text must not hold control characters")
    return _BETWEEN_CHINESE.sub("", text.strip())


BREAK_AFTER, BREAK_BEFORE = "，。；：、！？”）…—", "\u3400-\u9fff“（"
_BETWEEN_CHINESE = re.compile(f"(?<=[{BREAK_AFTER}]) (?=[{BREAK_BEFORE}])")
"""The space that folding (``>-``) leaves where a line of Chinese was broken after a mark."""

Text = Annotated[str, AfterValidator(_printable), Field(json_schema_extra={"pattern": r"\S"})]
Ears = list[Text | list[Text]]
"""Alternatives for the offline critic; one that is itself a list needs all its parts."""


class _Part(BaseModel):
    """A part of the file: unknown keys are errors, nothing is converted silently, nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Customer(_Part):
    """Who calls."""

    name: Text = Field(description="How the agent's screen names them.\n坐席屏幕上显示的称呼。")
    age: int = Field(ge=14, le=110, description="Age in years.\n年龄（岁）。")
    background: Text = Field(
        description="Who they are, for the model; not on the card.\n给模型看的人物背景，不上卡片。"
    )
    voice: list[Text] = Field(
        min_length=3,
        max_length=6,
        description="3-6 lines they could say on any topic, no cue in them.\n3-6 句任何话题都可能说的话，不含线索。",
    )


class HiddenNeed(_Part):
    """What really hurts. Locked until it is earned."""

    need: Text = Field(description="The need in one sentence.\n一句话说清真正的需要。")
    core: Text = Field(description="What a guess must contain to be right.\n猜中必须包含的内核。")
    why_unsaid: Text = Field(description="Why they do not say it.\n为什么不说出口。")
    opens_up_after: int = Field(ge=1, le=6, description="Cues that must be picked up first.\n需先听出几条线索才会说。")
    said: Text = Field(description="A line: how they finally say it.\n最终会怎么说出口（一句台词）。")
    facts: list[Text] = Field(default=[], description="True, but locked with the need.\n随需要一起锁住的事实。")
    heard_if: Ears = Field(
        default=[], description="For the offline critic: words of a right guess.\n给离线评审：哪些说法算猜中。"
    )


class Step(_Part):
    """One step of the emotion ladder."""

    mood: Text = Field(description="The mood in a few words.\n几个字的心情。")
    sounds_like: Text = Field(description="A line that shows how they then sound.\n一句能听出这种心情的话。")


class Emotion(_Part):
    """How they feel, as five steps, worst first."""

    start: int = Field(ge=0, le=LADDER_STEPS - 1, description="Where the call starts, 0 = worst.\n起始的级，0 最差。")
    ladder: list[Step] = Field(
        min_length=LADDER_STEPS,
        max_length=LADDER_STEPS,
        description="Five steps, worst first.\n五级，最差的在前。",
    )


class Desk(_Part):
    """What the agent's screen shows."""

    clock: Text | None = Field(default=None, description="Day and time of the call.\n来电的日期时间。")
    records: list[Text] = Field(min_length=1, description="What the bank knows.\n系统里的记录。")
    may: list[Text] = Field(min_length=1, description="What the agent is allowed to do.\n坐席可以做的事。")
    may_not: list[Text] = Field(default=[], description="What the agent must not do.\n坐席不可以做的事。")


class Cue(_Part):
    """A hint at an underlying feeling or need that is not said clearly (VR-CoDES, Zimmermann et al. 2011)."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")] = Field(description="Short id in a-z, 0-9, '-'.\n短标识。")
    channel: Channel = Field(description="Where it shows.\n从哪里听出来：语气、措辞、重复、沉默、环境。")
    shows: list[Text] = Field(
        min_length=2,
        max_length=3,
        description="2-3 lines or stage directions, gentle first. With in_opening, the first is the part "
        "of the opening that shows it.\n2-3 句台词或（舞台提示），先轻后重；in_opening 时第一句取自开场白。",
    )
    when: Text | None = Field(default=None, description="When to let it slip, told to the model.\n何时流露，告诉模型。")
    in_opening: bool = Field(default=False, description="The opening already shows it.\n开场白里已经流露。")
    means: Text = Field(description="What is behind it; for the critic alone.\n背后的含义，只给评审。")
    met_by: Text = Field(description="What would really fit.\n怎样回应才真正合适。")
    harmed_by: Text | None = Field(default=None, description="What would shut them down.\n什么话会让对方闭口。")
    heard_if: Ears = Field(
        default=[],
        description="For the offline critic: words that show the cue was heard.\n给离线评审：哪些说法算听到了。",
    )
    met_if: Ears = Field(
        default=[],
        description="For the offline critic: words that do what fits.\n给离线评审：哪些说法算回应到位。",
    )


class Worry(_Part):
    """What may go wrong after the surface problem is solved."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")] = Field(description="Short id in a-z, 0-9, '-'.\n短标识。")
    worry: Text = Field(description="The worry, in the customer's words.\n客户自己的话说出的担心。")
    eased_by: Text = Field(description="What would ease it.\n什么能打消它。")
    heard_if: Ears = Field(
        default=[], description="For the offline critic: words that ease it.\n给离线评审：哪些说法算打消了。"
    )


class Resolution(_Part):
    """When the call has done its work; for the critic."""

    solved_when: Text = Field(description="When the surface problem is solved.\n表面问题何时算解决。")
    trusted_when: Text = Field(description="What makes them trust the bank for longer.\n什么让他们长久信任。")
    solved_if: Ears = Field(
        default=[], description="For the offline critic: words that settle it.\n给离线评审：哪些说法算办好了。"
    )


class Caller(_Part):
    """The speaking fields: all that a customer chain may know while the lock is shut."""

    language: str
    customer: Customer
    surface_complaint: str
    opening: str
    facts: tuple[str, ...]
    believes: tuple[str, ...]
    when_asked: tuple[str, ...]
    when_guessed: tuple[str, ...]
    ladder: tuple[Step, ...]


class Persona(_Part):
    """A customer, whole: format 1."""

    format: Literal[1] = Field(description="The version of this format: 1.\n格式版本，固定为 1。")
    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")] = Field(
        description="The file's stem; agents see it, so it gives nothing away.\n与文件名相同；坐席看得到，不能泄底。"
    )
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$")] = Field(
        description="Language tag such as zh-CN or en.\n语言标签，如 zh-CN、en。"
    )
    title: Text = Field(description="One line for lists; gives nothing away.\n列表里的一句话，不能泄底。")
    difficulty: int = Field(ge=1, le=5, description="1 patient ... 5 impatient.\n难度，1 最有耐心，5 最没耐心。")
    tags: list[Text] = Field(
        default=[], description="For trainers' lists, never shown to agents.\n供培训师分类，坐席看不到。"
    )
    customer: Customer = Field(description="Who calls.\n谁打来电话。")
    surface_complaint: Text = Field(description="What they say the call is about.\n嘴上说的问题。")
    opening: Text = Field(description="Spoken word for word as the first turn.\n第一句话，一字不差地说。")
    facts: list[Text] = Field(
        min_length=1, description="True, told when asked, first person.\n问到才说的事实，第一人称。"
    )
    believes: list[Text] = Field(default=[], description="What they wrongly take for true.\n客户误以为真的事。")
    when_asked: list[Text] = Field(
        default=[], description="Cover answers to point-blank questions.\n被直接追问时的搪塞。"
    )
    when_guessed: list[Text] = Field(
        min_length=1,
        max_length=3,
        description="1-3 falters at any guess; they hint at nothing.\n被猜心事时的 1-3 句含糊反应，不透露任何东西。",
    )
    hidden_need: HiddenNeed = Field(
        description="What really hurts, locked until it is earned.\n没说出口的需要，赢得信任之前锁住。"
    )
    emotion: Emotion = Field(description="How they feel, in five steps.\n客户的心情，分五级。")
    desk: Desk = Field(description="What the agent's screen shows.\n坐席屏幕上看到的。")
    cues: list[Cue] = Field(
        min_length=2, max_length=6, description="2-6 hints at what they do not say.\n2-6 条线索，都指向没说出口的事。"
    )
    worries: list[Worry] = Field(min_length=1, description="What may still go wrong afterwards.\n事后还可能的麻烦。")
    resolution: Resolution = Field(
        description="When the call has done its work; for the critic.\n什么时候算办好，给评审看。"
    )
    next_call: Text | None = Field(default=None, description="When and why they call again.\n何时、为何再来电。")

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        for kind, ids in (("cues", [c.id for c in self.cues]), ("worries", [w.id for w in self.worries])):
            for i, name in enumerate(ids):
                if name in ids[:i]:
                    raise PydanticCustomError("id_twice", "id used twice", {"at": f"{kind}.{i}.id", "id": name})
        if self.hidden_need.opens_up_after > len(self.cues):
            raise PydanticCustomError(
                "opens_too_late",
                "opens_up_after is above the number of cues",
                {"at": "hidden_need.opens_up_after", "cues": len(self.cues)},
            )
        return self

    def caller(self) -> Caller:
        """The speaking part alone."""
        return Caller(
            language=self.language,
            customer=self.customer,
            surface_complaint=self.surface_complaint,
            opening=self.opening,
            facts=tuple(self.facts),
            believes=tuple(self.believes),
            when_asked=tuple(self.when_asked),
            when_guessed=tuple(self.when_guessed),
            ladder=tuple(self.emotion.ladder),
        )

    def cue(self, cue_id: str) -> Cue:
        """The cue of that id.

        Raises:
            KeyError: there is none.

        """
        for cue in self.cues:
            if cue.id == cue_id:
                return cue
        raise KeyError(cue_id)


# --- loading ---------------------------------------------------------------------------------------------

Path_ = tuple[str | int, ...]


class Places:
    """Where each key and value of a YAML document stands: (line, column), counted from 1.

    ``plain`` holds the values that are not quoted, as they are written.
    """

    def __init__(self, root: yaml.Node | None) -> None:
        self.of: dict[Path_, tuple[int, int]] = {}
        self.plain: dict[Path_, str] = {}
        self.duplicates: list[Path_] = []
        self._walked: set[int] = set()
        if root is not None:
            self._walk(root, ())

    def _walk(self, node: yaml.Node, path: Path_) -> None:
        self.of.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
        if isinstance(node, yaml.ScalarNode):
            if not node.style:
                self.plain[path] = node.value
            return
        if id(node) in self._walked:  # an alias, maybe to something it stands in itself
            return
        self._walked.add(id(node))
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                name = str(key.value)
                if name in seen:
                    self.duplicates.append((*path, name))
                seen.add(name)
                self.of[(*path, name)] = (key.start_mark.line + 1, key.start_mark.column + 1)
                self._walk(value, (*path, name))
        elif isinstance(node, yaml.SequenceNode):
            for i, item in enumerate(node.value):
                self._walk(item, (*path, i))

    def nearest(self, path: Path_) -> tuple[int, int]:
        """The place of a path, or of the closest thing around it that is in the file."""
        while path not in self.of and path:
            path = path[:-1]
        return self.of.get(path, (0, 0))


def places_in(text: str) -> Places:
    """Where everything in the text of a file stands.

    Raises:
        yaml.YAMLError: the text is not YAML.

    """
    return Places(yaml.compose(text, Loader=yaml.CSafeLoader))


def load(file: Path) -> Persona:
    """Read a persona file.

    Raises:
        PersonaError: the file cannot be read or does not fit format 1; every problem found is in it.

    """
    name = str(file)
    persona, places = placed(read(file), name)
    if problem := misnamed(persona, file.stem, places):
        raise PersonaError(name, (problem,))
    return persona


def read(file: Path) -> str:
    """The text of a persona file.

    Raises:
        PersonaError: the file cannot be read, or is not UTF-8.

    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise PersonaError(str(file), (Problem("not_utf8"),)) from error
    except OSError as error:
        raise PersonaError(str(file), (Problem("unreadable", facts={"why": error.strerror or str(error)}),)) from error


def misnamed(persona: Persona, stem: str, places: Places) -> Problem | None:
    """What is wrong where the id is not the file's stem."""
    if persona.id == stem:
        return None
    return Problem("id_is_not_stem", "id", *places.nearest(("id",)), {"id": persona.id, "stem": stem})


def parse(text: str, name: str) -> Persona:
    """Read a persona from the text of a file called `name`.

    Raises:
        PersonaError: the text does not fit format 1.

    """
    return placed(text, name)[0]


def placed(text: str, name: str) -> tuple[Persona, Places]:
    """As `parse`, with where everything stands in the text."""
    data, places = _read(text, name)
    if not isinstance(data, dict):
        raise PersonaError(name, (Problem("not_a_mapping", "", 1, 1),))
    if places.duplicates:
        twice = [Problem("key_twice", dotted(p), *places.nearest(p), {"key": p[-1]}) for p in places.duplicates]
        raise PersonaError(name, tuple(twice))
    return _checked(data, name, places), places


def checked(data: Mapping[str, object], name: str, at: Mapping[Path_, tuple[int, int]]) -> Persona:
    """A persona from values that were read elsewhere than from YAML.

    Args:
        data: the file as a mapping.
        name: what it was read from.
        at: where its parts stand, by their paths: (line, column), or whatever stands for the two there.

    Raises:
        PersonaError: the values do not fit format 1.

    """
    places = Places(None)
    places.of.update(at)
    return _checked(data, name, places)


def _checked(data: Mapping[str, object], name: str, places: Places) -> Persona:
    try:
        return Persona.model_validate(data)
    except ValidationError as error:
        problems: list[Problem] = []
        for detail in error.errors(include_url=False):
            if (problem := _problem(detail, places)) not in problems:  # a union reports each of its branches
                problems.append(problem)
        raise PersonaError(name, tuple(p for p in problems if not _is_shadow(p, problems))) from error


def _read(text: str, name: str) -> tuple[object, Places]:
    """The YAML document, and where everything in it stands."""
    try:
        places = places_in(text)
    except yaml.YAMLError as error:
        raise PersonaError(name, (_not_yaml(error),)) from error
    try:
        return yaml.load(text, Loader=yaml.CSafeLoader), places
    except yaml.YAMLError as error:
        raise PersonaError(name, (_not_yaml(error),)) from error
    except (ValueError, AttributeError) as error:  # such as 2026-11-31: looks like a date and is none
        for path, plain in places.plain.items():
            if not _loads(plain):
                problem = Problem("needs_quotes", dotted(path), *places.of[path], {"found": _shown(plain)})
                raise PersonaError(name, (problem,)) from error
        raise PersonaError(name, (Problem("not_yaml", facts={"why": str(error)}),)) from error


def _not_yaml(error: yaml.YAMLError) -> Problem:
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem("not_yaml", facts={"why": " ".join(str(error).split())})
    mark = error.problem_mark or error.context_mark
    place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    return Problem("not_yaml", "", *place, {"why": error.problem or ""})


def _loads(plain: str) -> bool:
    try:
        yaml.load(plain, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return True  # as a part of the document it did load
    except (ValueError, AttributeError):
        return False
    return True


def dotted(path: Path_) -> str:
    """A path as people write it: ``("cues", 0, "channel")`` as ``cues[0].channel``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _problem(detail: ErrorDetails, places: Places) -> Problem:
    """What pydantic found, as one problem with its place and the words for it."""
    context = detail.get("ctx", {})
    # A union adds the name of the branch it tried to the path; the file has no such key.
    path = tuple(part for part in detail["loc"] if isinstance(part, int) or not _is_branch(part))
    if at := context.get("at"):
        path = tuple(int(part) if part.isdigit() else part for part in at.split("."))
    kind, found = detail["type"], detail.get("input")
    either = detail["loc"][-1:] != path[-1:] and not at  # one branch of "a text or a list"
    facts: dict[str, object] = {"found": _shown(places.plain.get(path, found))} | dict(context)
    if kind == "extra_forbidden":
        path = detail["loc"]  # whole: somebody's key may look like a branch
        key, facts = "unknown_key", {"key": path[-1], "near": _nearest_key(path)}
    elif isinstance(found, _NOT_TEXT) and (kind == "string_type" or either):
        return Problem("needs_quotes", dotted(path), *places.nearest(path), facts)
    elif found is None and kind == "string_type":  # a key with nothing behind it
        key = "blank_text"
    elif kind in {"string_type", "list_type"} and either:
        key = "expected_text_or_list"
    else:
        key = kind if kind in _KNOWN_KINDS else "does_not_fit"
        facts.setdefault("expected", detail["msg"])
    return Problem(key, dotted(path), *places.nearest(path), facts)


_NOT_TEXT = (bool, int, float, datetime.date)
"""What YAML makes of words without quotes: yes, 2113, 7:41:06, 2026-11-11."""
_KNOWN_KINDS = frozenset(
    {
        "missing",
        "string_type",
        "int_type",
        "bool_type",
        "list_type",
        "model_type",
        "literal_error",
        "too_short",
        "too_long",
    }
    | {"greater_than_equal", "less_than_equal", "string_pattern_mismatch"}
    | {"blank_text", "control_character", "id_twice", "opens_too_late"}
)
"""The kinds of error that have a sentence of their own, under ``problems`` in the text catalogue."""


def _is_shadow(problem: Problem, problems: list[Problem]) -> bool:
    """Whether a list was taken for a wrong text only because something inside it is wrong."""
    return problem.key == "expected_text_or_list" and any(p.where.startswith(f"{problem.where}[") for p in problems)


def _is_branch(part: str) -> bool:
    return part == "str" or "[" in part


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else reprlib.repr(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _nearest_key(path: Path_) -> str:
    """The known key that looks most like the last part of the path, or an empty text."""
    model: Any = Persona
    for part in path[:-1]:
        if isinstance(part, str) and model is not None:
            model = part_class(model.model_fields[part].annotation)
    known = list(model.model_fields) if model is not None else []
    return next(iter(difflib.get_close_matches(str(path[-1]), known, n=1, cutoff=0.5)), "")


def part_class(annotation: Any) -> type[_Part] | None:
    """The `_Part` inside an annotation such as ``list[Cue]``, if any."""
    if isinstance(annotation, type) and issubclass(annotation, _Part):
        return annotation
    return next((found for arg in getattr(annotation, "__args__", ()) if (found := part_class(arg))), None)


def check(path: Path_, value: object) -> Problem | None:
    """What is wrong with a value for the field at `path`, such as ``("cues", 0, "channel")``; None: nothing.

    The field's own rules are looked at, not those that hold between fields.
    """
    annotation: Any = Persona
    metadata: list[Any] = []
    for part in path:
        if isinstance(part, int):
            annotation, metadata = get_args(annotation)[0], []
        else:
            owner = part_class(annotation)
            assert owner, path
            annotation, metadata = owner.model_fields[part].annotation, owner.model_fields[part].metadata
    field = Annotated.__class_getitem__((annotation, *metadata)) if metadata else annotation  # type: ignore[attr-defined]
    try:
        TypeAdapter(field).validate_python(value, strict=True)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        detail["loc"] = (*path, *detail["loc"])
        return _problem(detail, Places(None))
    return None


# --- finding ---------------------------------------------------------------------------------------------


def files() -> Iterator[Path]:
    """The built-in persona files, by language and id."""
    yield from sorted(folder("personas").glob("*/*.yaml"))


def find(name: str) -> Path:
    """The file of a persona named by id or by path.

    Raises:
        UsageError: there is none; holds the nearest known id.

    """
    if name.endswith((".yaml", ".yml")) or "/" in name or "\\" in name:
        return Path(name).expanduser()
    known = {file.stem: file for file in files()}
    if name in known:
        return known[name]
    near = next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.4)), "")
    raise UsageError("no_such_persona", name=name, near=near)
