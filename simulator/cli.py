"""The command `simulator`: its commands, how the parts are wired, and the one place that catches our errors.

Nothing heavy is imported before it is needed: the card of a call is on screen before the model stack, the
record or the line editor are loaded (a test holds this).
"""

from __future__ import annotations

import argparse
import difflib
import gc
import io
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from simulator import __version__, settings, texts
from simulator.errors import SettingsError, SimulatorError, UsageError
from simulator.transcript import printable

if TYPE_CHECKING:
    from simulator.calls import Calls
    from simulator.settings import Settings
    from simulator.texts import Texts

    Run = Callable[[argparse.Namespace, Settings, Texts], int]

JOBS = 4
"""Calls that are judged beside each other when a critic is measured, unless set."""
TURN_LIMIT = 20
"""Agent turns after which the customer has no more time, unless set."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code (see `simulator.errors` for what the codes mean)."""
    gc.disable()  # what start-up makes is no garbage: a collection there only costs time
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looking for some reads every package's metadata
    argv = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an old code page must not end a call
    wanted = _language_wanted(argv)
    say = texts.Texts(texts.language(wanted, settings.locale()))
    try:
        set_to = settings.load()
        if set_to.lang and not wanted:
            say = texts.Texts(set_to.lang)
        args = _parser(say).parse_args(argv)
        run: Run = args.run
        return run(args, set_to, say)
    except SimulatorError as error:
        return _failed(say.error(error), error.exit_code, argv)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read us has gone
        return 141
    except Exception as error:  # noqa: BLE001 - the last resort: no traceback reaches a user
        return _failed([say("errors.unforeseen", why=f"{type(error).__name__}: {error}")], 1, argv)


def _failed(sentences: Sequence[str], exit_code: int, argv: Sequence[str]) -> int:
    if "--debug" in argv:
        traceback.print_exc()
    for sentence in sentences:
        print(printable(sentence), file=sys.stderr)
    return exit_code


# --- the command line ------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are our errors."""

    commands: Sequence[str] = ()

    def parse_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """Everything on the line must be understood."""
        parsed, rest = self.parse_known_args(args, namespace)  # type: ignore[no-untyped-call]
        if rest:
            raise UsageError("too_many_words", words=" ".join(rest), command=self.prog)
        return parsed

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """Name the nearest command or option where there is none of that name."""
        self._check_names(iter(args or ()))
        try:
            return super().parse_known_args(args, namespace)
        except argparse.ArgumentError as error:
            _, clash, other = error.message.partition("not allowed with argument ")
            if clash:
                raise UsageError("not_together", one=error.argument_name, other=other) from error
            raise UsageError("bad_value", name=error.argument_name, command=self.prog) from error

    def _check_names(self, args: Iterator[str]) -> None:
        for arg in args:
            if arg.startswith("-") and arg != "-":
                name = arg.partition("=")[0]
                option = self._option_string_actions.get(name)
                if option is None:
                    raise UsageError("no_such_option", **self._unknown(name, self._option_string_actions))
                if option.nargs != 0 and name == arg:
                    next(args, None)  # its value
            elif self.commands:
                if arg not in self.commands:
                    raise UsageError("no_such_command", **self._unknown(arg, self.commands))
                return  # what follows is for the command's own parser

    def _unknown(self, name: str, known: Iterable[str]) -> dict[str, str]:
        near = difflib.get_close_matches(name, known, n=1)
        return {"name": name, "near": near[0] if near else "", "command": self.prog}

    def error(self, message: str) -> NoReturn:
        raise UsageError("command_line", why=message, command=self.prog)


def _parser(say: Texts) -> argparse.ArgumentParser:
    class Formatter(argparse.HelpFormatter):
        """Help whose own words are in the user's language too."""

        def add_usage(self, usage, actions, groups, prefix=None):  # type: ignore[no-untyped-def]
            super().add_usage(usage, actions, groups, say("help.usage") if prefix is None else prefix)

    look: dict[str, Any] = {
        "add_help": False, "allow_abbrev": False, "exit_on_error": False, "formatter_class": Formatter,
    }  # fmt: skip
    parser = _Parser(prog="simulator", description=say("help.program"), epilog=say("help.epilog"), **look)
    options = _common(parser, say)
    version = f"customer-simulator {__version__}"
    options.add_argument("--version", action="version", version=version, help=say("help.version"))
    command = _commands(parser, say, look)

    chat = command("chat", _chat)
    arguments = chat.add_argument_group(say("help.arguments"))
    arguments.add_argument("persona", nargs="?", metavar="PERSONA", help=say("help.persona_argument"))
    options = _common(chat, say)
    options.add_argument("--offline", action="store_true", help=say("help.offline"))
    options.add_argument("--agent", metavar="NAME", help=say("help.agent"))
    options.add_argument("--turns", type=int, default=TURN_LIMIT, metavar="N", help=say("help.turns", limit=TURN_LIMIT))
    options.add_argument("--exam", action="store_true", help=say("help.exam"))
    options.add_argument("--json", action="store_true", help=say("help.json"))
    _common(command("personas", _personas), say)
    _critique_parser(command("critique", _critique), say)
    _overrule_parser(command("overrule", _overrule), say)
    _history_parser(history := command("history", None), say)
    _delete_parser(_commands(history, say, look)("delete", _delete, "history_delete"), say)
    history.set_defaults(run=_history)
    _show_parser(command("show", _show), say)
    _progress_parser(command("progress", _progress), say)
    _report_parser(command("report", _report), say)
    _common(command("doctor", _doctor), say)
    evaluate = command("evaluate", None)
    _common(evaluate, say)
    _evaluate_parser(_commands(evaluate, say, look)("critic", _evaluate, "evaluate_critic"), say)
    persona = command("persona", None)
    _common(persona, say)
    _common(_commands(persona, say, look)("schema", _schema), say)
    return parser


def _critique_parser(critique: _Parser, say: Texts) -> None:
    arguments = critique.add_argument_group(say("help.arguments"))
    arguments.add_argument("call", nargs="?", metavar="TRANSCRIPT|SESSION", help=say("help.call_argument"))
    options = _common(critique, say)
    options.add_argument("--persona", metavar="PERSONA", help=say("help.critique_persona"))
    options.add_argument("--repeat", type=int, default=1, metavar="N", help=say("help.repeat"))
    form = options.add_mutually_exclusive_group()
    form.add_argument("--json", dest="form", action="store_const", const="json", help=say("help.critique_json"))
    form.add_argument("--markdown", dest="form", action="store_const", const="markdown", help=say("help.markdown"))
    critique.set_defaults(form="text")
    options.add_argument("--schema", action="store_true", help=say("help.critique_schema"))
    options.add_argument("--yes", action="store_true", help=say("help.sure"))
    options.add_argument("--offline", action="store_true", help=say("help.offline"))


def _overrule_parser(overrule: _Parser, say: Texts) -> None:
    arguments = overrule.add_argument_group(say("help.arguments"))
    arguments.add_argument("session", type=int, metavar="SESSION", help=say("help.session_argument"))
    arguments.add_argument("what", metavar="WHAT", help=say("help.what_argument"))
    arguments.add_argument("grade", metavar="LEVEL", help=say("help.grade_argument"))
    options = _common(overrule, say)
    options.add_argument("--because", required=True, metavar="REASON", help=say("help.because"))
    options.add_argument("--agent", metavar="NAME", help=say("help.trainer"))


def _report_parser(report: _Parser, say: Texts) -> None:
    arguments = report.add_argument_group(say("help.arguments"))
    arguments.add_argument("session", type=int, metavar="SESSION", help=say("help.session_argument"))
    options = _common(report, say)
    options.add_argument("-o", dest="output", required=True, metavar="FILE", help=say("help.output"))
    options.add_argument("--force", action="store_true", help=say("help.force"))
    report.set_defaults(offline=True)  # the record is read, and nobody is asked


def _history_parser(history: _Parser, say: Texts) -> None:
    options = _common(history, say)
    options.add_argument("--persona", metavar="ID", help=say("help.history_persona"))
    options.add_argument("--agent", metavar="NAME", help=say("help.history_agent"))
    options.add_argument("--json", action="store_true", help=say("help.history_json"))


def _delete_parser(delete: _Parser, say: Texts) -> None:
    arguments = delete.add_argument_group(say("help.arguments"))
    arguments.add_argument("sessions", type=int, nargs="+", metavar="SESSION", help=say("help.numbers_argument"))
    options = _common(delete, say)
    # It may stand before the command too, and then must not be lost here.
    options.add_argument("--agent", default=argparse.SUPPRESS, metavar="NAME", help=say("help.history_agent"))
    options.add_argument("--yes", action="store_true", help=say("help.delete_sure"))


def _show_parser(show: _Parser, say: Texts) -> None:
    arguments = show.add_argument_group(say("help.arguments"))
    arguments.add_argument("session", type=int, metavar="SESSION", help=say("help.session_argument"))
    options = _common(show, say)
    options.add_argument("--markdown", action="store_true", help=say("help.show_markdown"))


def _progress_parser(progress: _Parser, say: Texts) -> None:
    progress.epilog = say("help.progress_rule")
    options = _common(progress, say)
    options.add_argument("--agent", metavar="NAME", help=say("help.history_agent"))
    options.add_argument("--offline", action="store_true", help=say("help.progress_offline"))
    options.add_argument("--json", action="store_true", help=say("help.progress_json"))


def _evaluate_parser(critic: _Parser, say: Texts) -> None:
    options = _common(critic, say)
    what = options.add_mutually_exclusive_group()
    what.add_argument("--adversarial", action="store_true", help=say("help.adversarial"))
    what.add_argument("--overruled", action="store_true", help=say("help.overruled"))
    options.add_argument("--set", type=Path, metavar="FOLDER", help=say("help.evaluate_set"))
    replies = options.add_mutually_exclusive_group()
    replies.add_argument("--run", dest="folder", type=Path, metavar="FOLDER", help=say("help.evaluate_run"))
    replies.add_argument("--replay", type=Path, metavar="FOLDER", help=say("help.replay"))
    options.add_argument("--only", default="*", metavar="PATTERN", help=say("help.only"))
    options.add_argument("--jobs", type=int, default=JOBS, metavar="N", help=say("help.jobs", jobs=JOBS))
    replies.add_argument("--offline", action="store_true", help=say("help.offline"))
    options.add_argument("--json", action="store_true", help=say("help.evaluate_json"))


def _commands(parser: _Parser, say: Texts, look: Mapping[str, Any]) -> Callable[..., _Parser]:
    """Commands below a parser, which prints its help when none is given; to be added one by one."""

    def print_help(*_: object) -> int:
        parser.print_help()
        return 0

    parser.set_defaults(run=print_help)
    commands = parser.add_subparsers(title=say("help.commands"), metavar="COMMAND", parser_class=_Parser)

    def add(name: str, run: Run | None, told: str = "") -> _Parser:
        what = say(f"help.{told or name}")
        made = commands.add_parser(name, help=what, description=what, **look)
        if run:
            made.set_defaults(run=run)
        parser.commands = tuple(commands.choices)
        return made

    return add


def _common(parser: argparse.ArgumentParser, say: Texts) -> argparse._ArgumentGroup:
    """Options that may stand before or after the command's name."""
    group = parser.add_argument_group(say("help.options"))
    group.add_argument("-h", "--help", action="help", help=say("help.help"))
    group.add_argument("--lang", choices=texts.LANGUAGES, default=argparse.SUPPRESS, help=say("help.lang"))
    group.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=say("help.debug"))
    return group


def _language_wanted(argv: Sequence[str]) -> str | None:
    """The last value of ``--lang``, read before there is a parser: the parser's own texts need it."""
    wanted = None
    for i, arg in enumerate(argv):
        value = argv[i + 1] if arg == "--lang" and i + 1 < len(argv) else arg.removeprefix("--lang=")
        if arg.startswith("--lang") and value in texts.LANGUAGES:
            wanted = value
    return wanted


# --- commands --------------------------------------------------------------------------------------------


def _chat(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    from simulator.persona import find, load

    if args.turns < 1:
        raise UsageError("turns_below_one", value=args.turns)
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not args.json
    if not args.persona and not at_terminal:
        raise UsageError("persona_needed")
    persona = load(find(args.persona)) if args.persona else None
    if at_terminal:
        from simulator.card import screen, show_card

        console = screen()
        if persona:
            show_card(persona, say, console)  # before anything else is loaded: it is what they wait for
        from simulator.terminal import Terminal

        return Terminal(say, console, debug="debug" in args).run(persona, _calls(args, set_to))
    from simulator import lines

    if persona is None:
        raise UsageError("persona_needed")
    return lines.run(persona, _calls(args, set_to), say, as_json=args.json)


def _personas(_args: argparse.Namespace, _set_to: Settings, _say: Texts) -> int:
    from simulator.persona import files, load

    for file in files():
        persona = load(file)
        print(f"{persona.id}\t{persona.language}\t{persona.difficulty}\t{persona.customer.name}\t{persona.title}")
    return 0


def _critique(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    if args.schema:
        from simulator.document import schema_text

        print(schema_text())
        return 0
    if not args.call:
        raise UsageError("call_needed")
    if args.repeat < 1:
        raise UsageError("repeat_below_one", value=args.repeat)
    from simulator import review

    calls = _calls(args, set_to)
    if args.call.isdecimal() and not Path(args.call).exists():
        if args.persona:
            raise UsageError("persona_of_session", session=args.call)
        return review.record(int(args.call), calls, say, args.form, args.repeat)
    if not args.persona:
        raise UsageError("critique_persona_needed", file=args.call)
    from simulator.persona import find, load

    persona = load(find(args.persona))
    if calls.offline:
        print(say("critique.offline"), file=sys.stderr)
    return review.transcript(args.call, persona, calls, say, args.form, args.repeat, sure=args.yes)


def _overrule(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    from simulator import review

    return review.overrule(args.session, args.what, args.grade, args.because, _calls(args, set_to), say)


def _report(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    persona, events = _calls(args, set_to).debriefed(args.session)
    from simulator import web

    page = web.page(persona, events, say, args.session)
    if args.output == "-":
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # as the page says of itself, whatever the locale
        print(page, end="")
    else:
        web.save(page, args.output, force=args.force)
        print(say("report.web.saved", number=args.session, file=args.output))
    return 0


def _history(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    from simulator import history

    return history.history(_record(args, set_to), say, args.persona, as_json=args.json)


def _delete(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    from simulator import history

    return history.delete(args.sessions, _record(args, set_to), say, sure=args.yes)


def _show(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    from simulator import history

    return history.show(args.session, _record(args, set_to), say, markdown=args.markdown)


def _progress(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    from simulator import history

    return history.progress(_record(args, set_to), say, offline=args.offline, as_json=args.json)


def _evaluate(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    if args.jobs < 1:
        raise UsageError("jobs_below_one", value=args.jobs)
    from simulator import evaluation

    _set_to_work(args)
    form = "json" if args.json else "markdown"
    if args.overruled:
        return evaluation.overruled(_calls(args, set_to), form, say)
    options = evaluation.Options(
        folder=args.set or evaluation.FOLDER,
        run=args.replay or args.folder,
        replay=args.replay is not None,
        only=args.only,
        jobs=args.jobs,
        form=form,
    )
    endpoint = None if args.offline else set_to.critic
    if endpoint is None and not options.replay:
        print(say("critique.offline"), file=sys.stderr)
    return (evaluation.fool if args.adversarial else evaluation.measure)(options, endpoint, say)


def _doctor(_args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    import asyncio

    from simulator.doctor import examine

    if set_to.customer is None:
        raise SettingsError("no_endpoint")
    endpoints = {"endpoint": set_to.customer}
    if set_to.critic and set_to.critic != set_to.customer:
        endpoints = {"customer": set_to.customer, "critic": set_to.critic}

    async def look() -> int:
        answers = True
        for role, endpoint in endpoints.items():
            _tell("", say(f"doctor.{role}", url=settings.shown(endpoint.base_url), model=endpoint.model))
            async for check in examine(endpoint):
                mark = {True: "✓", False: "✗", None: "–"}[check.ok]
                _tell(f"  {mark} ", say("doctor." + check.key, **check.facts))
                error = check.facts.get("error")
                if error == "model_request":  # its sentence sends people here
                    _tell("    ", say("doctor.said", **check.facts))
                elif error:
                    _tell("    ", say.sentence(str(error), check.facts))
                answers &= check.name != "answers" or bool(check.ok)
        return 0 if answers else 7

    return asyncio.run(look())


def _tell(head: str, sentence: str) -> None:
    """One sentence in lines that fit the terminal and hang below the first."""
    import shutil

    from simulator.page import wrap

    for line in wrap(printable(sentence), min(shutil.get_terminal_size().columns, 96) - len(head)):
        print(head + line, flush=True)
        head = " " * len(head)


def _schema(_args: argparse.Namespace, _set_to: Settings, _say: Texts) -> int:
    from simulator.persona import schema_text

    print(schema_text())
    return 0


# --- wiring ----------------------------------------------------------------------------------------------


def _calls(args: argparse.Namespace, set_to: Settings) -> Calls:
    """The calls of this run, with the model stack loading in the background where one is used."""
    from simulator.calls import Calls

    _set_to_work(args)
    offline = getattr(args, "offline", False) or set_to.customer is None or set_to.critic is None
    calls = Calls(
        customer=None if offline else set_to.customer,
        critic=None if offline else set_to.critic,
        store_url=set_to.store,
        agent=getattr(args, "agent", None) or set_to.agent,
        turn_limit=getattr(args, "turns", TURN_LIMIT),
        mode="exam" if getattr(args, "exam", False) else "practice",
    )
    threading.Thread(target=calls.preload, daemon=True).start()
    return calls


def _record(args: argparse.Namespace, set_to: Settings) -> Calls:
    """The calls of the record, to look back at: nobody is asked anything, and no model is loaded."""
    from simulator.calls import Calls

    _set_to_work(args)
    agent = getattr(args, "agent", None) or set_to.agent
    return Calls(customer=None, critic=None, store_url=set_to.store, agent=agent, turn_limit=TURN_LIMIT)


def _set_to_work(args: argparse.Namespace) -> None:
    """Start-up is over: collect garbage again, and keep what libraries log and warn of off the screen."""
    import logging

    if "debug" not in args:
        logging.getLogger().addHandler(logging.NullHandler())
        logging.captureWarnings(capture=True)
    gc.enable()
